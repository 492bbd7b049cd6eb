//! What the connection URLs of Postgres and Redis have in common.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Why a URL is rejected that is none.
pub(crate) const NOT_A_URL: &str = "is not a valid connection URL";

/// The parts of a URL after its scheme: user and password, hosts, path, query.
///
/// # Errors
/// When a password has characters that end the part before it: what comes then is no host, and must not be printed.
pub(crate) fn parts(rest: &str) -> Result<(&str, &str, &str, &str), &'static str> {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    if path.contains('@') || (query.contains('@') && !authority.contains('@')) {
        return Err("is not a valid connection URL: in user name and password @ : / ? # % are percent-encoded");
    }
    let (user, places) = authority.rsplit_once('@').unwrap_or(("", authority));
    Ok((user, places, path, query))
}

/// Names and values of a query, as they are written.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// A part of a URL in which nothing has a meaning.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The text of a part of a URL.
///
/// # Errors
/// When it is not UTF-8.
pub(crate) fn decoded(text: &str) -> Result<Cow<'_, str>, &'static str> {
    percent_decode_str(text).decode_utf8().map_err(|_| NOT_A_URL)
}
