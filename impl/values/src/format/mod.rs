//! `format` of JSON Schema, as strict as its RFCs.

mod hosts;
mod times;
mod uris;

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::decimal::Decimal;
use crate::number::Number;
use crate::pattern::Pattern;

pub use times::{EARLIEST, date, date_time};

/// Whether a string has a format. One that is not listed here is an annotation, which every string has.
///
/// Formats that have a type of their own (`date`, `date-time`, `uuid`) are read by [`date`] and [`date_time`] where they are decoded.
pub fn holds(format: &str, text: &str) -> bool {
    /// RFC 6901, 3.
    static POINTER: Pattern = Pattern::new(r"^(?:\/(?:[^~/]|~[01])*)*$");
    /// Relative JSON Pointers (draft-bhutton-relative-json-pointer-00), 3.
    static RELATIVE: Pattern = Pattern::new(r"^(?:0|[1-9]\d*)(?:[+-][1-9]\d*)?(?:#|(?:\/(?:[^~/]|~[01])*)*)$");
    match format {
        "byte" => GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new()).decode(text).is_ok(),
        "base64url" => {
            let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            GeneralPurpose::new(&URL_SAFE, config).decode(text).is_ok()
        }
        "char" => text.chars().count() == 1,
        "date" => times::is_date(text),
        "date-time" => times::is_date_time(text),
        "date-time-local" => times::is_local_date_time(text),
        "decimal" => Decimal::read(text).is_some(),
        "duration" => times::is_duration(text),
        "email" => hosts::is_email(text, false),
        "hostname" => hosts::is_hostname(text),
        "idn-email" => hosts::is_email(text, true),
        "idn-hostname" => hosts::is_idn_hostname(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "iri" => uris::is_reference(text, true) == Some(true),
        "iri-reference" => uris::is_reference(text, true).is_some(),
        "json-pointer" => POINTER.matches(text),
        "regex" => Pattern::is_pattern(text),
        "relative-json-pointer" => RELATIVE.matches(text),
        "time" => times::is_time(text),
        "time-local" => times::is_local_time(text),
        "uri" => uris::is_reference(text, false) == Some(true),
        "uri-reference" => uris::is_reference(text, false).is_some(),
        "uri-template" => uris::is_template(text),
        "uuid" => is_uuid(text),
        _ => true,
    }
}

/// RFC 9562, 4: in groups, with hyphens.
fn is_uuid(text: &str) -> bool {
    let fits =
        |(at, byte): (usize, u8)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// An integer as JSON writes it, without fraction and exponent. One spelling for each, so that equal ones look equal.
pub fn integer(text: &str) -> Option<Number<'_>> {
    let is_plain = text != "-0" && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    // Of any size: also beyond the doubles.
    (is_plain && Decimal::read(text).is_some()).then(|| Number::literal(text))
}

#[cfg(test)]
mod tests {
    use super::*;

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
