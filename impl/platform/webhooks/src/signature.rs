//! Signatures by Standard Webhooks, with a key of each recipient:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key from which those of recipients are derived; not that from which it is made itself: what is made here signs no token.
#[derive(Clone)]
pub(crate) struct Keys([u8; 32]);

/// The key of one recipient.
#[derive(Clone, Copy)]
pub(crate) struct Key([u8; 32]);

impl Keys {
    /// The keys of a service's recipients (RFC 5869, with one block of output each).
    pub(crate) fn new(secret: &[u8], service: &str) -> Self {
        let extracted = hash(b"webhooks", &[secret]);
        Self(hash(&extracted, &[b"recipients of ", service.as_bytes(), &[1]]))
    }

    pub(crate) fn of(&self, recipient: i64) -> Key {
        Key(hash(&self.0, &[&recipient.to_be_bytes()]))
    }
}

impl Key {
    /// As recipients are given it: `whsec_` and base64.
    pub(crate) fn secret(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The value of `webhook-signature`; `seconds`: what `webhook-timestamp` says.
    pub(crate) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        sign(&self.0, id, seconds, body)
    }
}

fn sign(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    let seconds = seconds.to_string();
    let signature = hash(key, &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(signature))
}

fn hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // The example of the specification, and of the test suites of its libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base64");
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        assert_eq!(sign(&key, id, 1_614_265_330, body), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_recipient_has_a_key_of_its_own() {
        let keys = Keys::new(b"one", "shop");
        let secret = keys.of(1).secret();
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
        assert_eq!(key.len(), 32, "the standard wants 24 to 64 bytes");
        assert_eq!(sign(&key, "a", 1, b"b"), keys.of(1).sign("a", 1, b"b"));
        assert_eq!(secret, Keys::new(b"one", "shop").of(1).secret(), "the same in every process");
        for other in [keys.of(0), keys.of(2), Keys::new(b"other", "shop").of(1), Keys::new(b"one", "tasks").of(1)] {
            assert_ne!(other.secret(), secret);
        }
    }
}
