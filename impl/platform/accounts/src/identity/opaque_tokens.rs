//! Opaque tokens: a prefix by which scanners of secrets recognize them, random letters and digits, and a checksum of these, so that what
//! was mistyped or cut is rejected without a query. The database has their hashes only.

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

/// Begins API tokens.
pub const API_TOKEN: &str = "sfa_";
/// Begins refresh tokens.
pub const REFRESH_TOKEN: &str = "sfr_";
/// Begins tokens in mails.
pub const EMAIL_TOKEN: &str = "sfe_";

/// Letters and digits of a token: 178 random bits.
const RANDOM_CHARS: usize = 30;
/// Characters of the checksum: CRC-32 in base 62.
const CHECKSUM_CHARS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new token with this prefix. It is never printed.
pub fn generate(prefix: &str) -> String {
    let random = Alphanumeric.sample_string(&mut rand::rng(), RANDOM_CHARS);
    format!("{prefix}{random}{}", checksum(&random))
}

/// What the database knows of a token; `None` when it is none with this prefix.
pub fn hash(prefix: &str, token: &str) -> Option<Vec<u8>> {
    let body = token.strip_prefix(prefix)?;
    let (random, check) = body.split_at_checked(RANDOM_CHARS)?;
    (checksum(random) == check).then(|| Sha256::digest(token.as_bytes()).to_vec())
}

fn checksum(random: &str) -> String {
    let mut rest = crc32fast::hash(random.as_bytes()) as usize;
    let mut digits = [0; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % DIGITS.len()];
        rest /= DIGITS.len();
    }
    digits.map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_tokens_of_the_kind_have_a_hash() {
        let token = generate(API_TOKEN);
        assert_eq!(token.len(), API_TOKEN.len() + RANDOM_CHARS + CHECKSUM_CHARS);
        assert!(
            token.strip_prefix(API_TOKEN).is_some_and(|body| body.chars().all(|char| char.is_ascii_alphanumeric()))
        );
        assert!(hash(API_TOKEN, &token).is_some_and(|hash| hash.len() == 32));
        assert_eq!(hash(REFRESH_TOKEN, &token), None);
        for wrong in
            [&token[1..], &token[..token.len() - 1], &format!("{token}0"), &token.replacen('_', "_é", 1), "", "sfa_"]
        {
            assert_eq!(hash(API_TOKEN, wrong), None, "{wrong}");
        }
        let flipped = if token.ends_with('0') { "1" } else { "0" };
        assert_eq!(hash(API_TOKEN, &format!("{}{flipped}", &token[..token.len() - 1])), None);
        assert_ne!(generate(API_TOKEN), token);
    }
}
