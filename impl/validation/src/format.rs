//! `format` of JSON Schema, as strict as its RFCs.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use percent_encoding::{AsciiSet, CONTROLS};

use crate::decimal::Decimal;
use crate::number::Number;
use crate::pattern::Pattern;

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
/// the lint rejects formats that are not listed here.
pub(crate) fn holds(format: &str, text: &str) -> bool {
    match format {
        "email" => email(text),
        "uri" => uri(text),
        "hostname" => hostname(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "byte" => STANDARD.decode(text).is_ok(),
        "uuid" => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
        "date" => date(text).is_some(),
        "date-time" => date_time(text, false).is_some(),
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
    static URI: Pattern =
        Pattern::new(r"^[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=\-]|%[0-9A-Fa-f]{2})*$");
    URI.matches(text) && text.matches('#').count() <= 1
}

/// RFC 3339 full-date.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    let date = is_like(text, "0000-00-00").then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()?;
    // The year 0 is none that Postgres and most programs know.
    (date.year() > 0).then_some(date)
}

/// The first second that a date-time is taken and shown of.
pub const EARLIEST: DateTime<Utc> = DateTime::<Utc>::from_timestamp(-62_135_596_800, 0).expect("a time");

/// RFC 3339 date-time; `assume_utc` also takes one without offset and a date alone.
///
/// It is validated as it is stored and returned, which is in UTC and without leap seconds: the offset may push it out of the
/// years that can be written, and 23:59:60 is the next day's first second. Whatever this yields can be written again.
pub fn date_time(text: &str, assume_utc: bool) -> Option<DateTime<Utc>> {
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
    let time = strict.or_else(|| if assume_utc { lenient() } else { None })?;
    let time = if time.nanosecond() < SECOND { time } else { after_leap_second(time)? };
    (1..=9999).contains(&time.year()).then_some(time)
}

/// In nanoseconds; chrono writes a leap second as the one before it with more of them.
const SECOND: u32 = 1_000_000_000;

/// Leap seconds are the last of a day in UTC (RFC 3339, 5.7), and nobody's clock but the client's has them.
fn after_leap_second(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if (time.hour(), time.minute()) != (23, 59) {
        return None;
    }
    DateTime::from_timestamp(time.timestamp() + 1, time.nanosecond() - SECOND)
}

/// Whether digits stand where the model has 0, and its other characters where it has them. chrono takes more: signs
/// before a year, single digits.
fn is_like(text: &str, model: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == model.len() && text.bytes().zip(model.bytes()).all(fits)
}

/// An integer as JSON writes it, without fraction and exponent. One spelling for each, so that equal ones look equal.
pub(crate) fn integer(text: &str) -> Option<Number<'_>> {
    let is_plain = text != "-0" && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    // Of any size: also beyond the doubles.
    (is_plain && Decimal::read(text).is_some()).then(|| Number::literal(text))
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
        assert!(date("0000-01-01").is_none() && date("0001-01-01").is_some());
    }

    #[test]
    fn times_are_judged_as_they_are_shown() {
        for (typed, shown) in [
            ("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00+00:00")),
            ("2016-12-31T23:59:60.5Z", Some("2017-01-01T00:00:00.500+00:00")),
            ("2017-01-01T00:59:60+01:00", Some("2017-01-01T00:00:00+00:00")),
            ("2016-12-31T22:59:60-01:00", Some("2017-01-01T00:00:00+00:00")),
            ("2016-12-31T23:59:60+01:00", None),
            ("2016-12-31T12:00:60Z", None),
            ("2016-12-31 23:59:60", Some("2017-01-01T00:00:00+00:00")),
            ("9999-12-31T23:59:60Z", None),
            ("9999-12-31T23:59:60", None),
            ("9999-12-31T23:59:59.9999999Z", Some("9999-12-31T23:59:59.999999900+00:00")),
            ("9999-12-31T22:59:60-01:00", None),
            ("0000-12-31T23:59:60Z", Some("0001-01-01T00:00:00+00:00")),
            ("0000-01-01T00:00:00Z", None),
            ("0000-12-31T23:59:59.999Z", None),
            ("0000-12-31", None),
            ("0000-12-31T23:00:00-01:00", Some("0001-01-01T00:00:00+00:00")),
            ("0001-01-01T00:00:00+00:01", None),
        ] {
            assert_eq!(date_time(typed, true).map(|time| time.to_rfc3339()).as_deref(), shown, "{typed}");
        }
        assert_eq!(EARLIEST.to_rfc3339(), "0001-01-01T00:00:00+00:00");
    }

    proptest::proptest! {
        /// What is taken is written again as the same time, whatever the offset.
        #[test]
        fn what_is_taken_can_be_shown(
            (year, month, day) in (0..=9999_u32, 1..=12_u32, 1..=31_u32),
            (hour, minute, second) in (0..=24_u32, 0..=60_u32, 0..=61_u32),
            fraction in "(\\.[0-9]{1,12})?",
            offset in "Z|[+-](0[0-9]|1[0-9]|2[0-4]):[0-5][0-9]|",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}");
            if let Some(time) = date_time(&text, true) {
                let shown = serde_json::to_string(&time).expect("a string");
                let shown = shown.trim_matches('"');
                proptest::prop_assert_eq!(shown.find('-'), Some(4), "{} is shown as {}", text, shown);
                proptest::prop_assert_eq!(date_time(shown, false), Some(time), "{} is shown as {}", text, shown);
            }
        }
    }

    #[test]
    fn integers() {
        for good in ["9223372036854775808", "-10", "0", &"9".repeat(999)] {
            assert_eq!(integer(good).map(|number| number.is_integer()), Some(true), "{good}");
        }
        for bad in ["", "-", "-0", "00", "01", "-01", "+1", " 1", "1 ", "1.0", "1e1", "0x1", "1_0", "\u{661}", "1-1"] {
            assert!(integer(bad).is_none(), "{bad}");
        }
    }
}
