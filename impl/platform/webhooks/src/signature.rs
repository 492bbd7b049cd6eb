//! Signatures by Standard Webhooks, with a key of each recipient:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use platform::settings::{InvalidSettings, Reloaded, Secret, each_line};
use sha2::Sha256;

/// The keys from which those of recipients are derived; not those from which they are made themselves: what is made here signs no token.
/// Of several, which there are while one is being replaced, the first is the new one.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Reloaded<Vec<[u8; 32]>>>);

/// The keys of one recipient.
pub(crate) struct OfRecipient(Vec<[u8; 32]>);

impl Keys {
    /// The keys of a service's recipients (RFC 5869, with one block of output each).
    ///
    /// # Errors
    /// Never: every text is a key.
    pub(crate) fn new(secret: &Secret, service: &'static str) -> Result<Self, InvalidSettings> {
        let key = |secret: &str| {
            let extracted = hash(b"webhooks", &[secret.as_bytes()]);
            hash(&extracted, &[b"recipients of ", service.as_bytes(), &[1]])
        };
        Ok(Self(Arc::new(Reloaded::new(secret, move |text| Ok(each_line(text).map(key).collect()))?)))
    }

    pub(crate) fn of(&self, recipient: i64) -> OfRecipient {
        OfRecipient(self.0.get().iter().map(|key| hash(key, &[&recipient.to_be_bytes()])).collect())
    }
}

impl OfRecipient {
    /// As recipients are given it: `whsec_` and base64.
    pub(crate) fn secret(&self) -> String {
        self.0.first().map(|key| format!("whsec_{}", STANDARD.encode(key))).unwrap_or_default()
    }

    /// The value of `webhook-signature`, a signature by each key; `seconds`: what `webhook-timestamp` says.
    pub(crate) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        self.0.iter().map(|key| sign(key, id, seconds, body)).collect::<Vec<_>>().join(" ")
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

    fn keys(secret: &str, service: &'static str) -> Keys {
        Keys::new(&secret.into(), service).expect("keys")
    }

    #[test]
    fn each_recipient_has_a_key_of_its_own() {
        let one = keys("one", "shop");
        let secret = one.of(1).secret();
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
        assert_eq!(key.len(), 32, "the standard wants 24 to 64 bytes");
        assert_eq!(sign(&key, "a", 1, b"b"), one.of(1).sign("a", 1, b"b"));
        assert_eq!(secret, keys("one", "shop").of(1).secret(), "the same in every process");
        for other in [one.of(0), one.of(2), keys("other", "shop").of(1), keys("one", "tasks").of(1)] {
            assert_ne!(other.secret(), secret);
        }
    }

    #[test]
    fn while_a_key_is_replaced_both_sign() {
        let (old, new) = (keys("old", "shop").of(1), keys("new", "shop").of(1));
        let both = keys("new\nold", "shop").of(1);
        assert_eq!(both.secret(), new.secret(), "recipients are told the new one");
        let signatures = format!("{} {}", new.sign("a", 1, b"b"), old.sign("a", 1, b"b"));
        assert_eq!(both.sign("a", 1, b"b"), signatures);
    }
}
