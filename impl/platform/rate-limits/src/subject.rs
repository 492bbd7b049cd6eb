//! The subjects of counts as keyed hashes: stored counts reveal no e-mail and no address.

use std::fmt::Write as _;

use contract::{CountedBy, RateLimit};
use hmac::{Hmac, KeyInit, Mac};
use platform_admission::{Sender, network};
use platform_settings::{InvalidSettings, Reloaded, Secret, each_line};
use sha2::Sha256;

/// 16 bytes of a keyed hash.
pub(super) type Digest = Vec<u8>;

/// Derives keys of subjects, the same in every process with the same secret; of several secrets the first counts.
pub(super) struct Subjects(Reloaded<Option<Hmac<Sha256>>>);

impl Subjects {
    /// # Errors
    /// Never: every text is a key.
    pub(super) fn new(secret: &Secret) -> Result<Self, InvalidSettings> {
        // HMAC accepts keys of any length, so this is always `Some`.
        let key = |text: &str| Hmac::new_from_slice(each_line(text).next()?.as_bytes()).ok();
        Ok(Self(Reloaded::new(secret, move |text| Ok(key(text)))?))
    }

    /// The subject of the current request: the user, or the address when the limit counts by address or the client is not
    /// authenticated.
    pub(super) fn of_request(&self, by: CountedBy, user: Option<i64>) -> String {
        match user {
            Some(user) if by == CountedBy::User => self.name("user", &user.to_string()),
            _ => self.name("address", &here()),
        }
    }

    /// The subject whose failures at an account a limit counts together.
    pub(super) fn of_attempts(&self, limit: &RateLimit, account: &str) -> Digest {
        let RateLimit { class, window_seconds, .. } = limit;
        let place = if limit.by == CountedBy::Account { String::new() } else { here() };
        self.digest(&["attempts", class, &window_seconds.to_string(), account, &place])
    }

    /// The client that makes the current attempt at an account.
    pub(super) fn of_visitor(&self, account: &str) -> Digest {
        self.digest(&["visitor", account, &here()])
    }

    fn name(&self, kind: &str, subject: &str) -> String {
        let mut name = String::with_capacity(32);
        for byte in self.digest(&["rate-limit", kind, subject]) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    fn digest(&self, parts: &[&str]) -> Digest {
        let Some(mut mac) = self.0.get().as_ref().clone() else { return Digest::new() };
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.finalize().into_bytes()[..16].to_vec()
    }
}

fn here() -> String {
    Sender::current().address.map_or_else(String::new, |address| network(address).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_told_apart_and_not_told() {
        let subjects = Subjects::new(&"a key".into()).expect("a key");
        let names = [
            subjects.of_request(CountedBy::User, Some(1)),
            subjects.of_request(CountedBy::User, None),
            Subjects::new(&"another\na key".into()).expect("keys").of_request(CountedBy::User, Some(1)),
        ];
        for (at, name) in names.iter().enumerate() {
            assert_eq!(name.len(), 32);
            assert!(!names[..at].contains(name), "{names:?}");
        }
        assert_eq!(subjects.of_request(CountedBy::Address, Some(1)), names[1], "without a token as by address");
    }
}
