//! Where requests have credentials, and how they are spelt there.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, Uri};

use crate::fault::Fault;
use crate::percent::{decoded, decoded_form};

/// The header in which a gateway that verifies client certificates tells the subject of one. It must remove what clients send in it.
pub const CLIENT_CERTIFICATE_HEADER: &str = "x-client-certificate-subject";

/// Where a request has the credential of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer` (RFC 6750), of OAuth 2.0 and OpenID Connect too.
    Bearer,
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// `Authorization` with another scheme.
    Http(&'static str),
    /// An API key in a header.
    Header(&'static str),
    /// An API key in the query.
    Query(&'static str),
    /// An API key in a cookie.
    Cookie(&'static str),
    /// Mutual TLS, which the gateway verifies.
    ClientCertificate,
}

/// A credential that a request has.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// A token, a key, the subject of a certificate.
    Key(String),
    /// A name and a password.
    User(String, String),
    /// There is one that cannot be read.
    Broken,
}

impl Carrier {
    /// The credential of a request, if it has one; nothing about it is verified.
    pub fn find(self, headers: &HeaderMap, uri: &Uri) -> Option<Found> {
        match self {
            Self::Bearer => authorization(headers, "bearer").map(Found::of_text),
            Self::Basic => authorization(headers, "basic").map(|text| basic(text).unwrap_or(Found::Broken)),
            Self::Http(scheme) => authorization(headers, scheme).map(Found::of_text),
            Self::Header(name) => header(headers, name),
            Self::ClientCertificate => header(headers, CLIENT_CERTIFICATE_HEADER),
            Self::Query(name) => in_query(uri.query()?, name),
            Self::Cookie(name) => {
                let cookies = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
                let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
                pairs
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| Found::of_encoded(decoded(value.trim_matches('"'))))
            }
        }
    }

    /// The challenge of a 401 (RFC 9110, 11.6.1), of schemes that have one.
    pub fn challenge(self) -> Option<String> {
        match self {
            Self::Bearer => Some("Bearer".to_owned()),
            Self::Basic => Some(r#"Basic realm="api", charset="UTF-8""#.to_owned()),
            Self::Http(scheme) => Some(scheme.to_owned()),
            _ => None,
        }
    }
}

impl Found {
    fn of_text(text: &str) -> Self {
        Self::Key(text.to_owned())
    }

    fn of_encoded(text: Result<Cow<'_, str>, Fault>) -> Self {
        text.map_or(Self::Broken, |text| Self::Key(text.into_owned()))
    }
}

/// What follows the scheme in the only `Authorization` header.
fn authorization<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (found, credentials) = values.next()?.to_str().ok()?.split_once(' ')?;
    (found.eq_ignore_ascii_case(scheme) && values.next().is_none()).then_some(credentials.trim())
}

/// RFC 7617: base64 of `user:password` in UTF-8.
fn basic(text: &str) -> Option<Found> {
    let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (user, password) = plain.split_once(':')?;
    Some(Found::User(user.to_owned(), password.to_owned()))
}

fn header(headers: &HeaderMap, name: &str) -> Option<Found> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    match first.to_str() {
        Ok(key) if values.next().is_none() => Some(Found::Key(key.trim().to_owned())),
        _ => Some(Found::Broken),
    }
}

// A name or another value that cannot be read is not this credential.
fn in_query(query: &str, name: &str) -> Option<Found> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut found = pairs.filter(|(key, _)| decoded_form(key).is_ok_and(|key| key == name));
    let (_, value) = found.next()?;
    Some(if found.next().is_some() { Found::Broken } else { Found::of_encoded(decoded_form(value)) })
}
