//! The keys of access tokens. Each has one algorithm, and an id by which tokens name it (RFC 7515, 4.1.4), so that a new key can be
//! known everywhere before it signs, and an old one be kept until its last token has expired.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use platform_settings::{AuthSettings, InvalidSettings, Reloaded, each_line};
use rustls_pki_types::pem::{PemObject, SectionKind};
use sha2::Sha256;

use super::claims::{AUDIENCE, ISSUER};

/// What a public key in PEM (RFC 8410, 10.1) has before the 32 bytes of an Ed25519 key.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A key that verifies tokens, and may sign them.
pub(super) struct Key {
    /// The same in every process, and of no use for guessing the key.
    pub(super) id: String,
    pub(super) verifying: DecodingKey,
    pub(super) signing: Option<EncodingKey>,
    /// Pins the algorithm: `none` and all others are rejected whatever a token's header says.
    pub(super) validation: Validation,
}

impl Key {
    fn new(algorithm: Algorithm, public: &[u8], verifying: DecodingKey, signing: Option<EncodingKey>) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "sub", "iss", "aud"]);
        Self { id: id(algorithm, public), verifying, signing, validation }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.validation.algorithms[0]
    }

    /// Whether it may have signed a token with this header; tokens from before keys had ids name none.
    pub(super) fn fits(&self, header: &Header) -> bool {
        header.alg == self.algorithm() && header.kid.as_ref().is_none_or(|id| *id == self.id)
    }
}

/// A hash with the key as its key, for this purpose only.
fn id(algorithm: Algorithm, key: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("id of a key of access tokens\0{algorithm:?}").as_bytes());
    URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..9])
}

/// Keys by where they come from. Of each of them the first signs, if any does.
pub(super) type Keys = Reloaded<Vec<Key>>;

/// Those that are accepted; first those among which is the one that signs.
///
/// # Errors
/// When the settings have something else than keys of their algorithms.
pub(super) fn of_settings(settings: &AuthSettings) -> Result<Vec<Keys>, InvalidSettings> {
    let mut all = Vec::new();
    for algorithm in &settings.algorithm {
        let hmac = match algorithm {
            platform_settings::Algorithm::Hs256 => Algorithm::HS256,
            platform_settings::Algorithm::Hs384 => Algorithm::HS384,
            platform_settings::Algorithm::Hs512 => Algorithm::HS512,
            platform_settings::Algorithm::EdDsa => {
                let private = settings.private_key().map(|key| Reloaded::new(key, private));
                let public = settings.public_keys().map(|keys| Reloaded::new(keys, public));
                all.extend(private.into_iter().chain(public).collect::<Result<Vec<_>, _>>()?);
                continue;
            }
        };
        all.push(Reloaded::new(&settings.secret(), move |text| Ok(symmetric(hmac, text)))?);
    }
    Ok(all)
}

fn symmetric(algorithm: Algorithm, text: &str) -> Vec<Key> {
    let key = |key: &[u8]| Key::new(algorithm, key, DecodingKey::from_secret(key), Some(EncodingKey::from_secret(key)));
    each_line(text).map(|line| key(line.as_bytes())).collect()
}

fn private(text: &str) -> Result<Vec<Key>, InvalidSettings> {
    sections("TOKEN_PRIVATE_KEY", text, SectionKind::PrivateKey, "PRIVATE KEY", |der| {
        let signing = EncodingKey::from_ed_der(der);
        let AlgorithmParameters::OctetKeyPair(public) =
            Jwk::from_encoding_key(&signing, Algorithm::EdDSA).ok()?.algorithm
        else {
            return None;
        };
        let public = URL_SAFE_NO_PAD.decode(public.x).ok()?;
        Some(Key::new(Algorithm::EdDSA, &public, DecodingKey::from_ed_der(&public), Some(signing)))
    })
}

fn public(text: &str) -> Result<Vec<Key>, InvalidSettings> {
    sections("TOKEN_PUBLIC_KEYS", text, SectionKind::PublicKey, "PUBLIC KEY", |der| {
        let public = der.strip_prefix(&ED25519).filter(|public| public.len() == 32)?;
        Some(Key::new(Algorithm::EdDSA, public, DecodingKey::from_ed_der(public), None))
    })
}

/// The sections of a PEM, all of them of one kind: a private key where a public one belongs would be handed to everybody.
fn sections(
    setting: &str,
    text: &str,
    kind: SectionKind,
    label: &str,
    key: impl Fn(&[u8]) -> Option<Key>,
) -> Result<Vec<Key>, InvalidSettings> {
    let wrong = |why: &str| InvalidSettings(format!("{setting} {why}"));
    let sections: Vec<_> = <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| wrong("is not a PEM"))?;
    // Others than the parser knows are left out by it.
    if sections.len() != text.matches("-----BEGIN ").count() || sections.iter().any(|(its, _)| *its != kind) {
        return Err(wrong(&format!("has something else than -----BEGIN {label}-----")));
    }
    let keys: Option<Vec<_>> = sections.iter().map(|(_, der)| key(der)).collect();
    let keys = keys.ok_or_else(|| wrong("has a key that is not of Ed25519: openssl genpkey -algorithm ed25519"))?;
    if keys.is_empty() { Err(wrong(&format!("has no -----BEGIN {label}-----"))) } else { Ok(keys) }
}
