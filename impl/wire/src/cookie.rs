//! Cookies of a request (RFC 6265, 5.4).

use http::HeaderMap;
use http::header::COOKIE;

use crate::fault::Fault;
use crate::pairs::{MAX_PAIRS, Pair, Pairs};
use crate::percent::decoded;

/// The cookies of a request, with percent-encoding undone where it is any: values in the style `form` have it, others may look like it.
///
/// # Errors
/// `too_many_members`, and `invalid_format` for bytes that are no text.
pub fn cookies(headers: &HeaderMap) -> Result<Pairs<'_>, Fault> {
    let mut pairs = Vec::new();
    for line in headers.get_all(COOKIE) {
        let line = std::str::from_utf8(line.as_bytes()).map_err(|_| Fault::NOT_UTF8)?;
        for pair in line.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            if pairs.len() == MAX_PAIRS {
                return Err(Fault::TOO_MANY_MEMBERS);
            }
            let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = |text| decoded(text).unwrap_or(std::borrow::Cow::Borrowed(text));
            pairs.push(Pair { name: plain(name), value: plain(raw), raw, taken: false });
        }
    }
    Ok(Pairs(pairs))
}
