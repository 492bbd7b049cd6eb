//! Whose requests are counted together, as a keyed hash: who reads Redis learns of no e-mail and no address.

use std::fmt::Write as _;

use contract::CountedBy;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::http::Sender;
use crate::shares::network;

/// Names subjects, the same in every process that has the same signing key.
pub(super) struct Subjects(Option<Hmac<Sha256>>);

impl Subjects {
    pub(super) fn new(signing_key: &[u8]) -> Self {
        // A key of any length will do, so there is one.
        Self(Hmac::new_from_slice(signing_key).ok())
    }

    /// Who sends the request that is being worked on: the user, or the address when that is what counts or nobody logged
    /// in.
    pub(super) fn of_request(&self, by: CountedBy, user: Option<i64>) -> String {
        match user {
            Some(user) if by == CountedBy::User => self.name("user", &user.to_string()),
            _ => self.name(
                "address",
                &Sender::current().address.map_or_else(String::new, |address| network(address).to_string()),
            ),
        }
    }

    /// An account, however its name is spelt.
    pub(super) fn of_account(&self, account: &str) -> String {
        self.name("account", &folded(account))
    }

    fn name(&self, kind: &str, subject: &str) -> String {
        let mut name = String::with_capacity(32);
        let Some(mut mac) = self.0.clone() else { return name };
        for part in ["rate-limit", kind, subject] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        for byte in mac.finalize().into_bytes().iter().take(16) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

/// In lower case, letter by letter: what Postgres finds equal must be one account here as well.
fn folded(account: &str) -> String {
    account.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_told_apart_and_not_told() {
        let subjects = Subjects::new(b"a key");
        assert_eq!(subjects.of_account("Ada@Example.com"), subjects.of_account("ada@example.COM"));
        assert_eq!(subjects.of_account("ΑΣ"), subjects.of_account("ας".replace('ς', "σ").as_str()));
        let names = [
            subjects.of_account("1"),
            subjects.of_request(CountedBy::User, Some(1)),
            subjects.of_request(CountedBy::User, None),
            Subjects::new(b"another").of_account("1"),
        ];
        for (at, name) in names.iter().enumerate() {
            assert_eq!(name.len(), 32);
            assert!(!names[..at].contains(name), "{names:?}");
        }
        assert_eq!(subjects.of_request(CountedBy::Address, Some(1)), names[2], "without a token as by address");
    }
}
