//! Encryption at rest, with keys derived from `SECRET_KEY`: whoever has the database alone has no secrets.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use platform_settings::{InvalidSettings, Reloaded, Secret, each_line};
use platform_store::{Error, Result};
use sha2::Sha256;

/// Random, so long that none is ever used twice.
const NONCE_BYTES: usize = 24;
/// What the keys are for: other keys are derived from the same setting.
const PURPOSE: &[u8] = b"encryption of secrets of one-time codes";

/// The keys. The first encrypts, all decrypt.
pub(crate) struct Keys(Reloaded<Vec<XChaCha20Poly1305>>);

/// What was decrypted.
pub(crate) struct Opened {
    pub(crate) text: Vec<u8>,
    /// Whether it was encrypted with the first key.
    pub(crate) is_current: bool,
}

impl Keys {
    pub(crate) fn new(secret: &Secret) -> std::result::Result<Self, InvalidSettings> {
        Ok(Self(Reloaded::new(secret, |text| Ok(each_line(text).filter_map(derived).collect()))?))
    }

    /// Encrypts what is of `owner`, to whom it is bound: moved to another row it cannot be decrypted.
    pub(crate) fn seal(&self, owner: i64, text: &[u8]) -> Result<Vec<u8>> {
        let keys = self.0.get();
        let key = keys.first().ok_or_else(|| Error::internal("there is no key to encrypt with"))?;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: text, aad: &owner.to_be_bytes() };
        let sealed = key.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::internal("a secret cannot be encrypted"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts; `None` when none of the keys has encrypted it.
    pub(crate) fn open(&self, owner: i64, sealed: &[u8]) -> Option<Opened> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let keys = self.0.get();
        keys.iter().enumerate().find_map(|(place, key)| {
            let payload = Payload { msg: sealed, aad: &owner.to_be_bytes() };
            let text = key.decrypt(&XNonce::from(*nonce), payload).ok()?;
            Some(Opened { text, is_current: place == 0 })
        })
    }
}

/// HMAC takes keys of any length, so none is left out.
fn derived(line: &str) -> Option<XChaCha20Poly1305> {
    let mut mac = Hmac::<Sha256>::new_from_slice(line.as_bytes()).ok()?;
    mac.update(PURPOSE);
    let key: [u8; 32] = mac.finalize().into_bytes().into();
    Some(XChaCha20Poly1305::new(&Key::from(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Keys {
        Keys::new(&text.into()).expect("keys")
    }

    #[test]
    fn what_is_encrypted_is_bound_to_its_owner_and_to_its_key() {
        let old = keys("the old key");
        let sealed = old.seal(7, b"secret").expect("encrypts");
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        assert_ne!(old.seal(7, b"secret").expect("encrypts"), sealed);
        let open = |keys: &Keys, owner, sealed: &[u8]| keys.open(owner, sealed).map(|it| (it.text, it.is_current));
        assert_eq!(open(&old, 7, &sealed), Some((b"secret".to_vec(), true)));
        assert_eq!(open(&keys("new\nthe old key"), 7, &sealed), Some((b"secret".to_vec(), false)));
        assert_eq!(open(&keys("new"), 7, &sealed), None);
        assert_eq!(open(&old, 8, &sealed), None);
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert_eq!(open(&old, 7, &other), None, "byte {at}");
            assert_eq!(open(&old, 7, &sealed[..at]), None, "cut at {at}");
        }
    }
}
