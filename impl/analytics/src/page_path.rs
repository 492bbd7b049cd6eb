//! What is kept of a reported path. Rankings of paths are public, and what was typed or sent in a query is not meant to be.

use std::borrow::Cow;

/// What stands for a segment that lets in whoever knows it.
const HIDDEN: &str = "*";
/// After one of these words, in links that are sent to somebody, the next segment is a secret.
const WORDS: [&str; 22] = [
    "reset",
    "reset-password",
    "password-reset",
    "reset_password",
    "password_reset",
    "verify",
    "verify-email",
    "verification",
    "confirm",
    "confirmation",
    "activate",
    "activation",
    "invite",
    "invitation",
    "invitations",
    "token",
    "magic",
    "magic-link",
    "unsubscribe",
    "share",
    "sso",
    "callback",
];
/// Shorter ones are names of pages.
const SECRET: usize = 16;

/// A path without what does not belong to it: scheme and host, query, fragment, parameters of segments (`;jsessionid=...`), and
/// segments that are secrets.
pub(crate) fn public(reported: &str) -> Cow<'_, str> {
    let path = reported.split(['?', '#']).next().unwrap_or_default();
    let path = match path.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => path,
    };
    if path.is_empty() {
        return Cow::Borrowed("/");
    }
    if !path.contains(';')
        && !path.split('/').zip(path.split('/').skip(1)).any(|(before, part)| is_secret(before, part))
        && !path.split('/').any(is_signed)
    {
        return Cow::Borrowed(path);
    }
    let mut public = String::with_capacity(path.len());
    let mut before = "";
    for (place, part) in path.split('/').enumerate() {
        let part = part.split(';').next().unwrap_or_default();
        if place > 0 {
            public.push('/');
        }
        public.push_str(if is_signed(part) || is_secret(before, part) { HIDDEN } else { part });
        before = part;
    }
    if public.is_empty() { Cow::Borrowed("/") } else { Cow::Owned(public) }
}

/// Whether a segment is a signed token (RFC 7519): three or more parts in base64url, of which the first is a JSON object.
fn is_signed(part: &str) -> bool {
    part.starts_with("eyJ") && part.split('.').count() >= 3
}

/// Whether a segment after another is what lets its reader in: long, of letters and digits, and without the look of words.
fn is_secret(before: &str, part: &str) -> bool {
    let part = part.split(';').next().unwrap_or_default();
    WORDS.iter().any(|word| before.eq_ignore_ascii_case(word))
        && part.len() >= SECRET
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~=+%".contains(&byte))
        && part.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_belong_to_a_path_is_not_kept() {
        let paths = [
            ("/pricing", "/pricing"),
            ("pricing", "pricing"),
            ("/search?q=my+illness", "/search"),
            ("/a#access_token=abc", "/a"),
            ("?token=1", "/"),
            ("#/x", "/"),
            ("https://user:secret@example.com:8080/a/b?c", "/a/b"),
            ("https://example.com", "/"),
            ("/a;jsessionid=0123456789/b;v=1", "/a/b"),
            (";x", "/"),
            ("/reset/3f9a8b7c6d5e4f3a2b1c", "/reset/*"),
            ("/Reset-Password/3f9a8b7c-6d5e-4f3a-2b1c/done", "/Reset-Password/*/done"),
            ("/reset/how-it-works-for-you", "/reset/how-it-works-for-you"),
            ("/users/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl/x", "/users/*/x"),
            ("/t/01890a5d-ac96-774b-bcce-b302099a8057", "/t/01890a5d-ac96-774b-bcce-b302099a8057"),
            ("/blog/2026/how-to-build-an-api-in-2026", "/blog/2026/how-to-build-an-api-in-2026"),
            ("(other)", "(other)"),
            ("://x", "://x"),
            ("/über/ün", "/über/ün"),
        ];
        for (reported, kept) in paths {
            assert_eq!(public(reported), kept, "{reported}");
            assert_eq!(public(kept), kept, "once is enough");
        }
    }
}
