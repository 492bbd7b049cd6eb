//! URIs (RFC 3986), IRIs (RFC 3987) and templates of URIs (RFC 6570).

use std::net::Ipv6Addr;

use crate::pattern::Pattern;

/// Whether a URI reference, or with `wide` an IRI reference, has a scheme; nothing where it is none.
pub(super) fn is_reference(text: &str, wide: bool) -> Option<bool> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    // What stands before the first colon, and before any slash, is a scheme.
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => (Some(scheme), rest),
        _ => (None, text),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let fits = scheme.is_none_or(is_scheme)
        && is_authority(authority, wide)
        && has_only(path, ":@/", wide)
        && query_fits(query, wide)
        && has_only(fragment, ":@/?", wide);
    fits.then_some(scheme.is_some())
}

/// RFC 3986, 3.1.
fn is_scheme(scheme: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|char: char| char.is_ascii_alphabetic()) && scheme.bytes().all(is_part)
}

/// RFC 3986, 3.2.
fn is_authority(authority: &str, wide: bool) -> bool {
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let place_fits = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
        Some((literal, port)) => {
            (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
                && (literal.parse::<Ipv6Addr>().is_ok() || is_future(literal))
        }
        None => {
            let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
            has_only(host, "", wide) && is_port(port)
        }
    };
    place_fits && has_only(user, ":", wide)
}

/// `IPvFuture` of RFC 3986, 3.2.2.
fn is_future(literal: &str) -> bool {
    let Some((version, address)) = literal.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    let hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal(version) && !address.is_empty() && !address.contains('%') && has_only(address, ":", false)
}

/// Whether a part has only unreserved characters, sub-delimiters (RFC 3986, 2), these others, and bytes in percent-encoding.
fn has_only(part: &str, others: &str, wide: bool) -> bool {
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())),
            // Judged below, as characters.
            128.. => wide,
            _ => {
                byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || others.as_bytes().contains(&byte)
            }
        };
        if !fits {
            return false;
        }
    }
    part.is_ascii() || part.chars().all(|char| char.is_ascii() || is_wide(char))
}

/// RFC 3986, 3.4; of an IRI also characters of private use.
fn query_fits(query: &str, wide: bool) -> bool {
    let is_private =
        |char: char| matches!(char, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}');
    wide && query.contains(is_private) && has_only(&query.replace(is_private, ""), ":@/?", wide)
        || has_only(query, ":@/?", wide)
}

/// `ucschar` of RFC 3987, 2.2.
fn is_wide(char: char) -> bool {
    let in_plane = u32::from(char) & 0xffff;
    match u32::from(char) {
        0xa0..=0xd7ff | 0xf900..=0xfdcf | 0xfdf0..=0xffef => true,
        0x1_0000..=0xd_ffff => in_plane <= 0xfffd,
        0xe_1000..=0xe_fffd => true,
        _ => false,
    }
}

/// RFC 6570, 2, with the apostrophe of its erratum 6937.
pub(super) fn is_template(text: &str) -> bool {
    static TEMPLATE: Pattern = Pattern::new(
        r"^(?:[!#$&-;=?-\[\]_a-z~\u00A0-\uD7FF\uE000-\uFDCF\uFDF0-\uFFEF\u{10000}-\u{10FFFD}]|%[0-9A-Fa-f]{2}|\{[+#./;?&=,!@|]?(?:\w|%[0-9A-Fa-f]{2})(?:\.?(?:\w|%[0-9A-Fa-f]{2}))*(?::[1-9]\d{0,3}|\*)?(?:,(?:\w|%[0-9A-Fa-f]{2})(?:\.?(?:\w|%[0-9A-Fa-f]{2}))*(?::[1-9]\d{0,3}|\*)?)*\})*$",
    );
    TEMPLATE.matches(text)
}
