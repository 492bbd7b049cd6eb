//! What users have at hand: an app that makes one-time codes, and an authenticator with a passkey.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::Client;
use totp_rs::{Builder, Secret, Totp};

pub const FACTORS: &str = "/api/v1/auth/second-factor";
pub const TOTP: &str = "/api/v1/auth/second-factor/totp";
pub const CONFIRM: &str = "/api/v1/auth/second-factor/totp/confirm";
pub const RECOVERY_CODES: &str = "/api/v1/auth/second-factor/recovery-codes";

/// An app that makes one-time codes.
pub struct App(Totp);

impl App {
    /// With a new secret of a user, and the URL that has it as well.
    pub async fn begin(user: &Client, password: &str) -> (Self, String) {
        let body = user.post(TOTP, &json!({"current_password": password})).await.expect(201);
        let (secret, url) = (body["secret"].as_str().expect("a secret"), body["otpauth_url"].as_str().expect("a URL"));
        assert!(url.contains(secret), "{url}");
        let secret = Secret::try_from_base32(secret).expect("Base32");
        (Self(Builder::new().with_secret(secret).build().expect("a secret")), url.to_owned())
    }

    /// With a secret that its user has confirmed, and the recovery codes.
    pub async fn enrol(user: &Client, password: &str) -> (Self, Vec<String>) {
        let (app, _) = Self::begin(user, password).await;
        let body = user.post(CONFIRM, &json!({"code": app.code(0)})).await.expect(200);
        let codes = body["recovery_codes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        (app, codes.map(str::to_owned).collect())
    }

    /// The code of the present time step, or of one so many steps later.
    pub fn code(&self, later: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        self.0.generate(now.saturating_add_signed(30 * later)).to_string()
    }
}

pub const PASSKEYS: &str = "/api/v1/auth/passkeys";
pub const REGISTRATION: &str = "/api/v1/auth/passkeys/challenge-for-registration";
pub const CHALLENGE: &str = "/api/v1/auth/passkeys/challenge";

/// Flags of authenticator data (WebAuthn, 6.1): the user is present, and verified.
pub const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
/// A credential is attached.
const ATTESTED: u8 = 0x40;

/// An authenticator with one passkey (ES256), and the browser in front of it.
#[derive(Clone)]
pub struct Authenticator {
    key: SigningKey,
    pub id: Vec<u8>,
    pub handle: Vec<u8>,
    pub counter: u32,
    pub flags: u8,
    pub origin: &'static str,
    pub domain: &'static str,
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Authenticator {
    /// Options for a user who registers a passkey.
    pub async fn begin(user: &Client, password: &str) -> Value {
        user.post(REGISTRATION, &json!({"current_password": password})).await.expect(200)
    }

    /// Options for whoever signs in.
    pub async fn challenge(client: &Client) -> Value {
        client.post_empty(CHALLENGE).await.expect(200)
    }

    /// With a passkey that its user has registered; and the passkey as the service shows it.
    pub async fn enrol(user: &Client, password: &str) -> (Self, Value) {
        let (authenticator, credential) = Self::new(&Self::begin(user, password).await);
        let body = json!({"name": "telephone", "credential": credential});
        (authenticator, user.post(PASSKEYS, &body).await.expect(201))
    }

    /// With a new passkey, and the credential to register it.
    pub fn new(options: &Value) -> (Self, Value) {
        let handle = options["user"]["id"].as_str().expect("a handle");
        let authenticator = Self {
            key: SigningKey::from_slice(&rand::random::<[u8; 32]>()).expect("a key"),
            id: rand::random::<[u8; 16]>().to_vec(),
            handle: URL_SAFE_NO_PAD.decode(handle).expect("base64url"),
            counter: 0,
            flags: PRESENT | VERIFIED,
            origin: "http://localhost:8080",
            domain: "localhost",
        };
        let credential = authenticator.attest(options);
        (authenticator, credential)
    }

    /// The credential to register the passkey.
    pub fn attest(&self, options: &Value) -> Value {
        let point = self.key.verifying_key().to_encoded_point(false);
        let (x, y) = (point.x().expect("x"), point.y().expect("y"));
        let mut data = self.data(ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("short").to_be_bytes());
        data.extend(&self.id);
        // COSE: {kty: EC2, alg: ES256, crv: P-256, x, y}
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(x);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(y);
        // CBOR: {fmt: "none", attStmt: {}, authData}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("short"));
        object.extend(data);
        let client = self.client("webauthn.create", options);
        self.credential(json!({"clientDataJSON": base64url(client), "attestationObject": base64url(object)}))
    }

    /// The credential to sign in with the passkey; the counter is increased before.
    pub fn sign(&mut self, options: &Value) -> Value {
        self.counter += 1;
        let (client, data) = (self.client("webauthn.get", options), self.data(0));
        let signature: Signature = self.key.sign(&[data.as_slice(), &Sha256::digest(&client)].concat());
        self.credential(json!({
            "clientDataJSON": base64url(client),
            "authenticatorData": base64url(data),
            "signature": base64url(signature.to_der()),
            "userHandle": base64url(&self.handle),
        }))
    }

    fn credential(&self, response: Value) -> Value {
        let id = base64url(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {}})
    }

    fn client(&self, of: &str, options: &Value) -> String {
        json!({"type": of, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false}).to_string()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        [&*Sha256::digest(self.domain), &[self.flags | flags], &self.counter.to_be_bytes()].concat()
    }
}
