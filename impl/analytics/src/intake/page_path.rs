//! What is kept of a reported path. Rankings of paths are public, and what was typed or sent in a query is not meant to be.

use std::borrow::Cow;

use contract::trim_name;

/// What stands for a segment that lets in whoever knows it.
const HIDDEN: &str = "*";
/// After one of these words, in links that are sent to somebody, the next segment is a secret.
const WORDS: [&str; 36] = [
    "reset",
    "reset-password",
    "password-reset",
    "reset_password",
    "password_reset",
    "forgot",
    "forgot-password",
    "password",
    "recover",
    "recovery",
    "verify",
    "verify-email",
    "verification",
    "confirm",
    "confirm-email",
    "confirmation",
    "activate",
    "activation",
    "invite",
    "invitation",
    "invitations",
    "accept",
    "join",
    "unlock",
    "token",
    "session",
    "otp",
    "key",
    "secret",
    "auth",
    "magic",
    "magic-link",
    "unsubscribe",
    "share",
    "sso",
    "callback",
];
/// Shorter ones are names of pages.
const SECRET: usize = 16;
/// So long is what nobody reads aloud: letters and digits in disorder, and hexadecimal digits.
const RANDOM: (usize, usize) = (20, 32);

/// A path without what does not belong to it: scheme, user and host, query, fragment, parameters of segments (`;jsessionid=...`),
/// and segments that are secrets or a person's address.
pub(crate) fn public(reported: &str) -> Cow<'_, str> {
    if is_plain(reported) {
        return Cow::Borrowed(reported);
    }
    let path = without_authority(before(trim_name(reported), "?#"));
    let path = trim_name(&path[..query_without_mark(path).unwrap_or(path.len())]);
    if path.is_empty() {
        return Cow::Borrowed("/");
    }
    let parameters = |part: &str| before(part, ";").len() < part.len();
    if !parameters(path)
        && !path.split('/').zip(path.split('/').skip(1)).any(|(word, part)| is_secret(word, part))
        && !path.split('/').any(is_private)
    {
        return Cow::Borrowed(path);
    }
    let mut public = String::with_capacity(path.len());
    let mut word = "";
    for (place, part) in path.split('/').enumerate() {
        let part = before(part, ";");
        if place > 0 {
            public.push('/');
        }
        public.push_str(if is_private(part) || is_secret(word, part) { HIDDEN } else { part });
        word = part;
    }
    let public = trim_name(&public);
    if public.is_empty() { Cow::Borrowed("/") } else { Cow::Owned(public.to_owned()) }
}

/// Whether nothing in a path could have to go: most have short segments of plain characters, and there are many of them.
fn is_plain(path: &str) -> bool {
    let mut length = 0;
    let is_plain = |byte: u8| {
        length = if byte == b'/' { 0 } else { length + 1 };
        length < SECRET && (byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~'))
    };
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(is_plain)
}

/// What is before the first of these characters, which may be percent-encoded, and that again: somebody's `encodeURIComponent`
/// makes no path of a query.
fn before<'a>(text: &'a str, ends: &str) -> &'a str {
    let is_end = |(at, char): (usize, char)| {
        let escaped = || {
            let rest = &text.as_bytes()[at + 1..];
            let level = rest.chunks_exact(2).take_while(|pair| pair == b"25").count();
            let digits = std::str::from_utf8(rest.get(2 * level..2 * level + 2)?).ok()?;
            u8::from_str_radix(digits, 16).ok().map(char::from)
        };
        ends.contains(char) || (char == '%' && escaped().is_some_and(|char| ends.contains(char)))
    };
    text.char_indices().find(|found| is_end(*found)).map_or(text, |(at, _)| &text[..at])
}

/// A path without scheme and host, and without a user and his password before the host.
fn without_authority(path: &str) -> &str {
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let rest = match path.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(is_scheme) => rest,
        _ => match path.strip_prefix("//") {
            Some(rest) if rest.split('/').next().is_some_and(|authority| authority.contains('@')) => rest,
            _ => return path,
        },
    };
    rest.find('/').map_or("/", |slash| &rest[slash..])
}

/// Where parameters begin that have lost the question mark before them: `/a&token=...`.
fn query_without_mark(path: &str) -> Option<usize> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    path.match_indices('&').map(|(at, _)| at).find(|at| {
        let name = path[at + 1..].split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_name))
    })
}

/// What is private wherever it stands.
fn is_private(part: &str) -> bool {
    is_signed(part) || is_email(part) || is_random(part)
}

/// Whether a segment is a signed token (RFC 7519): three or more parts in base64url, of which the first is a JSON object.
fn is_signed(part: &str) -> bool {
    part.starts_with("eyJ") && part.split('.').count() >= 3
}

/// Whether a segment is the address of a person: something, an `@` and a domain that ends in letters.
fn is_email(part: &str) -> bool {
    let Some(at) = part.find('@').into_iter().chain(part.find("%40")).min() else { return false };
    let domain = &part[at + if part.as_bytes()[at] == b'@' { 1 } else { 3 }..];
    let name = domain.rsplit_once('.').map_or("", |(_, name)| name);
    at > 0 && name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether a segment has something in it that was made by chance: a long run of digits and of letters in both cases, in no order,
/// or of hexadecimal digits. Names of pages have hyphens, and capitals where words begin.
fn is_random(part: &str) -> bool {
    let (shortest, hexadecimal) = RANDOM;
    part.split(|char: char| !char.is_ascii_alphanumeric()).any(|run| {
        let has = |kind: fn(&u8) -> bool| run.as_bytes().iter().any(kind);
        let is_hexadecimal = run.len() >= hexadecimal && run.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_hexadecimal = is_hexadecimal && 4 * turns(run) >= run.len();
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        is_hexadecimal || (run.len() >= shortest && is_mixed && 3 * turns(run) >= run.len())
    })
}

/// How often a text goes on with another kind of character.
fn turns(text: &str) -> usize {
    let kind = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    text.as_bytes().windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count()
}

/// Whether a segment after another is what lets its reader in: long, of letters and digits, and without the look of words.
fn is_secret(word: &str, part: &str) -> bool {
    let part = before(part, ";");
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
        && part.len() >= SECRET
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~=+%".contains(&byte))
        && (part.bytes().any(|byte| byte.is_ascii_digit()) || 3 * turns(part) >= part.len())
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
            // Whoever encodes too much, or too little.
            ("/search%3Fq=my+illness", "/search"),
            ("/search%3fq=1", "/search"),
            ("/a%253Ftoken=secret", "/a"),
            ("/a%23access_token=abc", "/a"),
            ("/a%3Bjsessionid=0123456789/b", "/a/b"),
            ("/a&token=secret&x=1", "/a"),
            ("/salt&pepper", "/salt&pepper"),
            ("/100%", "/100%"),
            (" \t\u{3000}\u{200b}", "/"),
            (" /a b\n", "/a b"),
            ("/a ;x", "/a"),
            ("/a &x=1", "/a"),
            ("/100%2", "/100%2"),
            ("/%E2%82%AC", "/%E2%82%AC"),
            ("//user:secret@example.com/a", "/a"),
            ("//a/b", "//a/b"),
            ("android-app://com.example/a", "/a"),
            // Persons, and what was made by chance.
            ("/users/ada@example.com/edit", "/users/*/edit"),
            ("/users/ada%40example.com", "/users/*"),
            ("/@ada", "/@ada"),
            ("/react@18.2.0/index", "/react@18.2.0/index"),
            ("/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit", "/d/*/edit"),
            ("/x/9f86d081884c7d659a2feaa0c55ad015", "/x/*"),
            ("/x/MicrosoftWindowsServer2019Datacenter", "/x/MicrosoftWindowsServer2019Datacenter"),
            ("/x/deadbeef", "/x/deadbeef"),
            ("/x/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "/x/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("/x/00000000000000000000000000000000001f", "/x/00000000000000000000000000000000001f"),
            ("/recover/AbCdEfGhIjKlMnOpQr", "/recover/*"),
            ("/auth/3f9a8b7c6d5e4f3a2b1c", "/auth/*"),
            ("/auth/authorization-codes", "/auth/authorization-codes"),
            ("://x", "://x"),
            ("/über/ün", "/über/ün"),
        ];
        for (reported, kept) in paths {
            assert_eq!(public(reported), kept, "{reported}");
            assert_eq!(public(kept), kept, "once is enough");
        }
    }
}
