//! Percent-encoding (RFC 3986, 2.1).

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::percent_decode_str;

use crate::fault::Fault;

/// Decodes a part of a target that is not a query: `+` is itself.
pub(crate) fn decoded(text: &str) -> Result<Cow<'_, str>, Fault> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    percent_decode_str(text).decode_utf8().map_err(|_| Fault::ENCODING)
}

/// Decodes a part of a query or form, where `+` is a space (WHATWG URL, 5.1).
pub(crate) fn decoded_form(text: &str) -> Result<Cow<'_, str>, Fault> {
    if !text.contains('+') {
        return decoded(text);
    }
    let spaced = text.replace('+', " ");
    decoded(&spaced).map(|decoded| Cow::Owned(decoded.into_owned()))
}

/// RFC 3986, 2.3
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// May stand in a path as it is (RFC 3986, 3.3), or divides it: looked up, for every byte of every path is.
const IN_PATH: [bool; 256] = {
    let mut table = [false; 256];
    let plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
    let mut at = 0;
    while at < plain.len() {
        table[plain[at] as usize] = true;
        at += 1;
    }
    table
};

fn is_path(byte: u8) -> bool {
    IN_PATH[usize::from(byte)]
}

/// A path in the one spelling of all that mean the same (RFC 3986, 6.2.2): what need not be encoded is not, and hexadecimal
/// digits are upper case. An encoded reserved character is another one than the character itself, and stays encoded.
pub fn canonical(path: &str) -> Cow<'_, str> {
    if path.bytes().all(is_path) {
        return Cow::Borrowed(path);
    }
    let bytes = path.as_bytes();
    let mut canonical = String::with_capacity(path.len() + 8);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (meant, length) = match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => (high << 4 | low, 3),
            _ => (byte, 1),
        };
        at += length;
        let plain = if length == 3 { is_unreserved(meant) } else { is_path(meant) };
        if plain {
            canonical.push(char::from(meant));
        } else {
            // Writing into memory cannot fail.
            let _ = write!(canonical, "%{meant:02X}");
        }
    }
    Cow::Owned(canonical)
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path_are_one() {
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/%61/b", "/a/b"),
            ("/%c3%bc", "/%C3%BC"),
            ("/ü", "/%C3%BC"),
            ("/a b", "/a%20b"),
            ("/a%3ab", "/a%3Ab"),
            ("/a:b", "/a:b"),
            ("/a%2fb", "/a%2Fb"),
            ("/100%", "/100%25"),
            ("/%zz", "/%25zz"),
            ("/\"q\"", "/%22q%22"),
        ] {
            assert_eq!(canonical(path), expected, "{path}");
        }
    }
}
