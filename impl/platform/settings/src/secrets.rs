//! Detection of weak secrets: published, common or guessable ones.

/// Parts of keys and passwords from examples and tutorials. A random key contains none of them: they have letters that no
/// hexadecimal key has, and are too long to occur by chance in base64.
const PUBLISHED: [&str; 33] = [
    "changeme",
    "change-me",
    "change_me",
    "change this",
    "changethis",
    "changeit",
    "replaceme",
    "replace-me",
    "replace_me",
    "replace this",
    "example",
    "your-secret",
    "your_secret",
    "yoursecret",
    "development",
    "password",
    "passw0rd",
    "p@ssw0rd",
    "secret",
    "s3cr3t",
    "default",
    "insecure",
    "placeholder",
    "qwerty",
    "letmein",
    "foobar",
    "keyboard",
    "sample",
    "testing",
    "unsafe",
    "-please",
    "production",
    "jwt-key",
];
/// Whole keys from documentation that look random: FastAPI's tutorial and RFC 7515, A.1.
const KNOWN_KEYS: [&str; 2] = [
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
];
/// Default passwords of servers, and those that attackers try first.
const KNOWN_PASSWORDS: [&str; 15] = [
    "postgres",
    "postgresql",
    "redis",
    "valkey",
    "app",
    "admin",
    "root",
    "user",
    "test",
    "dev",
    "pass",
    "pgadmin",
    "grafana",
    "dbpass",
    "guest",
];
/// RFC 7518, 3.2: a key is at least as long as the hash.
const MIN_KEY_BYTES: usize = 32;
/// The estimate for a key of 32 hexadecimal digits is 128 bits; repetitions and sequences come to less.
const MIN_ENTROPY_BITS: f64 = 96.0;

/// Why a signing key is too weak; `None` when it is strong enough.
pub(super) fn weakness(key: &str) -> Option<&'static str> {
    if key.trim().len() < MIN_KEY_BYTES {
        Some("is shorter than 32 bytes")
    } else if is_published(key) || KNOWN_KEYS.contains(&key.trim()) {
        Some("is a published example")
    } else if is_prose(key) || bits(key.as_bytes()) < MIN_ENTROPY_BITS {
        Some("is predictable")
    } else {
        None
    }
}

/// Whether a password is a well-known one, or equal to the user's name.
pub(super) fn is_guessed(password: &str, user: &str) -> bool {
    is_known_password(password) || password.eq_ignore_ascii_case(user)
}

/// Whether a password is a well-known one.
pub fn is_known_password(password: &str) -> bool {
    let lower = password.to_lowercase();
    let digits = !lower.is_empty() && lower.bytes().all(|byte| byte.is_ascii_digit()) && lower.len() < 10;
    KNOWN_PASSWORDS.contains(&&*lower) || is_published(password) || digits
}

fn is_published(secret: &str) -> bool {
    let lower = secret.to_lowercase();
    let first = secret.as_bytes().first();
    PUBLISHED.iter().any(|piece| lower.contains(piece)) || secret.bytes().all(|byte| Some(&byte) == first)
}

/// Words or a number: letters mostly of one case, and separators between and after words; or digits alone. 32 random characters
/// do not look like that.
fn is_prose(key: &str) -> bool {
    let text = key.trim_end_matches(|c: char| !c.is_alphabetic());
    let words = text.split(|c: char| !c.is_alphanumeric());
    let letters: String = words.map(|word| word.strip_suffix(|c: char| c.is_ascii_digit()).unwrap_or(word)).collect();
    let of = |kind: fn(char) -> bool| letters.chars().filter(|letter| kind(*letter)).count();
    let (all, upper, lower) = (letters.chars().count(), of(char::is_uppercase), of(char::is_lowercase));
    upper + lower == all && (5 * upper <= all || 5 * lower <= all)
}

/// An estimate of a key's entropy in bits: a character counts as much as its alphabet has; a repetition of an earlier
/// part, forwards or by constant steps (as 0123 and abcd), counts next to nothing.
fn bits(key: &[u8]) -> f64 {
    let steps: Vec<u8> = key.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let each = alphabet(key).log2();
    told(key, each).min(told(&steps, each) + each)
}

/// The size of the alphabet that the characters seen so far suggest.
fn alphabet(key: &[u8]) -> f64 {
    let any = |kind: fn(&u8) -> bool| key.iter().any(kind);
    let hexadecimal =
        key.iter().all(u8::is_ascii_hexdigit) && !(any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase));
    if hexadecimal {
        return if key.iter().all(u8::is_ascii_digit) { 10.0 } else { 16.0 };
    }
    let of = |kind: fn(&u8) -> bool, size| if any(kind) { size } else { 0.0 };
    let known: f64 = of(u8::is_ascii_digit, 10.0)
        + of(u8::is_ascii_lowercase, 26.0)
        + of(u8::is_ascii_uppercase, 26.0)
        + of(u8::is_ascii_punctuation, 10.0);
    let distinct = key.iter().collect::<std::collections::BTreeSet<_>>().len();
    // Two alternating letters are an alphabet of two.
    known.max(2.0).min((distinct * distinct) as f64)
}

fn told(text: &[u8], each: f64) -> f64 {
    let (mut at, mut cost) = (0, 0.0);
    while at < text.len() {
        let repeated =
            (0..at).map(|from| text[at..].iter().zip(&text[from..]).take_while(|(new, old)| new == old).count()).max();
        match repeated {
            Some(length) if length >= 3 => {
                cost += (at as f64).log2().max(1.0);
                at += length;
            }
            _ => {
                cost += each;
                at += 1;
            }
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn what_people_write_is_refused() {
        for weak in [
            "",
            "short",
            "9f2c4e8a1b7d3f60",
            "change-me-to-the-output-of-openssl-rand-hex-32",
            "passwordpasswordpasswordpassword",
            "PasswordPasswordPasswordPassword1",
            "pa55wordpa55wordpa55wordpa55wordpa55word",
            "0123456789abcdef0123456789abcdef",
            "0123456789abcdefghijklmnopqrstuvwxyz",
            "00000000000000000000000000000000",
            "abababababababababababababababab",
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
            "zyxwvutsrqponmlkjihgfedcba9876543210",
            "12345678901234567890123456789012",
            "31415926535897932384626433832795",
            "deadbeefdeadbeefdeadbeefdeadbeef",
            "deadbeefcafebabedeadbeefcafebabedeadbeefcafebabe",
            "correct horse battery staple correct",
            "a key that belongs to these tests only, and is long enough",
            "ThisCertainlyIsSomethingThatNobodyKnowsAnywhere2024!",
            "MY-COMPANY-NAME-AND-A-KEY-FOR-IT-ALL",
            "hunter1hunter2hunter3hunter4hunter5",
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbcccccccccccccccc",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
            "your-256-bit-secret-your-256-bit-secret",
            "django-insecure-7@x!k3f9w2q8z5v1b6n4m0c",
            "                                        ",
        ] {
            assert!(weakness(weak).is_some(), "{weak:?} was taken for a key");
        }
    }

    #[test]
    fn what_machines_make_is_taken() {
        const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for _ in 0..1_000 {
            // The length of 32 bytes in base64.
            let random: Vec<u8> = (0..43).map(|_| rand::random()).collect();
            let mut hex = String::new();
            random.iter().take(16).for_each(|byte| write!(hex, "{byte:02x}").unwrap());
            assert_eq!(weakness(&hex), None, "{hex}");
            let base64: String = random.iter().map(|byte| char::from(BASE64[usize::from(byte % 64)])).collect();
            assert_eq!(weakness(&base64), None, "{base64}");
        }
    }

    #[test]
    fn passwords_that_everybody_knows() {
        for known in
            ["postgres", "Postgres", "change-me-redis", "123456", "0000", "mysecretpassword", "example", "aaaa"]
        {
            assert!(is_known_password(known), "{known}");
        }
        for own in ["b81e0c47", "k3Vd-82hq", "31415926535897932384"] {
            assert!(!is_known_password(own), "{own}");
        }
    }
}
