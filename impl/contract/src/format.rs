//! `format` of JSON Schema, as strict as its RFCs.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use percent_encoding::{AsciiSet, CONTROLS};
use regex::Regex;

/// What a URI fragment cannot hold as it is (RFC 3986, 3.5).
pub(crate) const FRAGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Whether a string has a format. Formats with a type of their own (`uuid`, `date`, `date-time`) are decoded instead;
/// code generation refuses formats that are not listed here.
pub(crate) fn holds(format: &str, text: &str) -> bool {
    match format {
        "email" => email(text),
        "uri" => uri(text),
        "hostname" => hostname(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "byte" => STANDARD.decode(text).is_ok(),
        _ => true,
    }
}

/// RFC 5321, 4.1.2 without quoted local parts and address literals; any domain, also reserved ones.
fn email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom)) && hostname(domain)
}

/// RFC 1123, 2.1.
fn hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// RFC 3986, 3: a scheme, then only characters a URI may hold.
fn uri(text: &str) -> bool {
    static URI: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=\-]|%[0-9A-Fa-f]{2})*$").ok()
    });
    URI.as_ref().is_some_and(|uri| uri.is_match(text)) && text.matches('#').count() <= 1
}

/// RFC 3339 full-date.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    is_like(text, "0000-00-00").then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// RFC 3339 date-time; `assume_utc` also takes one without offset and a date alone.
pub(crate) fn date_time(text: &str, assume_utc: bool) -> Option<DateTime<Utc>> {
    let strict = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let lenient = || {
        if text.len() > 10
            && !is_like(text.get(..16)?, "0000-00-00T00:00")
            && !is_like(text.get(..16)?, "0000-00-00 00:00")
        {
            return None;
        }
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .into_iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .or_else(|| date(text).and_then(|day| day.and_hms_opt(0, 0, 0)))
            .map(|time| time.and_utc())
    };
    strict
        .or_else(|| if assume_utc { lenient() } else { None })
        // An offset can push a time out of the years RFC 3339 can write.
        .filter(|time| (0..=9999).contains(&time.year()))
}

/// Whether digits stand where the model has 0, and its other characters where it has them. chrono takes more: signs
/// before a year, single digits.
fn is_like(text: &str, model: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == model.len() && text.bytes().zip(model.bytes()).all(fits)
}

/// An integer as JSON writes it, without fraction and exponent. One spelling for each, so that equal ones look equal.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let beyond = if text.starts_with('-') { i128::MIN } else { i128::MAX };
    canonical.then(|| text.parse().unwrap_or(beyond))
}

/// The lexical form of RFC 8259, 6; Rust's own parser also takes `inf`, `nan`, `+1` and `.5`.
pub(crate) fn is_json_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        for good in ["x@test.local", "a.b+c@example.com", "o'neil@x", "!#$%&@a-b.c"] {
            assert!(email(good), "{good}");
        }
        for bad in ["", "x", "@x", "x@", "a..b@x", ".a@x", "a@-x", "a b@x", "a@x..y", "ä@x", "a@x\n"] {
            assert!(!email(bad), "{bad}");
        }
    }

    #[test]
    fn uris_hosts_and_addresses() {
        assert!(holds("uri", "https://example.com/a?b=%20#c") && holds("uri", "urn:x:y"));
        assert!(!holds("uri", "//example.com") && !holds("uri", "http://a b") && !holds("uri", "x:%zz"));
        assert!(holds("hostname", "a-b.example") && !holds("hostname", "-a") && !holds("hostname", "a..b"));
        assert!(holds("ipv4", "127.0.0.1") && !holds("ipv4", "127.0.0.256"));
        assert!(holds("ipv6", "::1") && !holds("ipv6", "::g"));
        assert!(holds("byte", "aGk=") && !holds("byte", "a_k="));
    }

    #[test]
    fn times() {
        assert!(date_time("2025-01-02T03:04:05Z", false).is_some());
        assert!(date_time("2025-01-02T03:04:05.123+02:00", false).is_some());
        for naive in ["2025-01-02T03:04:05", "2025-01-02T03:04:05.123456", "2025-01-02 03:04:05", "2025-01-02"] {
            assert!(date_time(naive, false).is_none(), "{naive}");
            assert!(date_time(naive, true).is_some(), "{naive}");
        }
        for bad in ["2025-13-01T00:00:00Z", "2025-02-30", "tomorrow", "", "9999-12-31T23:59:59-01:00"] {
            assert!(date_time(bad, true).is_none(), "{bad}");
        }
        assert!(date("2024-02-29").is_some() && date("2025-02-29").is_none() && date("2025-2-01").is_none());
    }

    #[test]
    fn integers() {
        let max = i128::from(i64::MAX);
        assert_eq!(integer("9223372036854775808"), Some(max + 1));
        assert_eq!((integer("-10"), integer("0")), (Some(-10), Some(0)));
        assert_eq!(integer(&"9".repeat(99)), Some(i128::MAX));
        for bad in ["", "-", "-0", "00", "01", "-01", "+1", " 1", "1 ", "1.0", "1e1", "0x1", "1_0", "\u{661}"] {
            assert_eq!(integer(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers() {
        assert!(is_json_number("-1.5e3") && is_json_number("0"));
        assert!(!is_json_number("+1") && !is_json_number(".5") && !is_json_number("inf") && !is_json_number(" 1"));
    }
}
