//! Security requirements of a document: credentials of its schemes, alone, together, or one of several (OpenAPI, Security Requirement Object).

use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE};
use percent_encoding::percent_decode_str;

use crate::Problem;
use crate::operation::Api;
use crate::requirement::{Alternatives, Carrier, Requirement};

/// The header in which a gateway that verifies client certificates tells the subject of one. It must remove what clients send in it.
pub const CLIENT_CERTIFICATE_HEADER: &str = "x-client-certificate-subject";
/// Longer credentials are refused before anything is computed with them: bytes.
const MOST_CREDENTIAL_BYTES: usize = 8192;

/// A credential as it came; nothing about it is verified.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// A token, a key, the subject of a certificate.
    Key(&'a str),
    /// A name and a password.
    User(&'a str, &'a str),
}

impl<'a> Credential<'a> {
    /// The token or key.
    ///
    /// # Errors
    /// 500: generated code asks for what the scheme's carrier has.
    pub fn key(self) -> Result<&'a str, Problem> {
        match self {
            Self::Key(key) => Ok(key),
            Self::User(..) => Err(Problem::internal("a user name where a key is expected")),
        }
    }

    /// The name of the user.
    ///
    /// # Errors
    /// As [`Credential::key`].
    pub fn user(self) -> Result<&'a str, Problem> {
        match self {
            Self::User(user, _) => Ok(user),
            Self::Key(_) => Err(Problem::internal("a key where a user name is expected")),
        }
    }

    /// The user's password.
    ///
    /// # Errors
    /// As [`Credential::key`].
    pub fn password(self) -> Result<&'a str, Problem> {
        match self {
            Self::User(_, password) => Ok(password),
            Self::Key(_) => Err(Problem::internal("a key where a password is expected")),
        }
    }
}

/// Verifies credentials of the schemes of a document; implemented by generated code.
pub trait Verifier<S: Api>: Send + Sync + 'static {
    /// The caller that a credential stands for.
    fn verify(
        &self,
        service: &S,
        requirement: &'static Requirement,
        credential: Credential<'_>,
    ) -> impl Future<Output = Result<S::Caller, S::Error>> + Send;

    /// The caller of a request with credentials of several schemes, all of which were required.
    ///
    /// # Errors
    /// When they do not belong together.
    fn joined(&self, _: &S, mut callers: Vec<S::Caller>) -> Result<S::Caller, S::Error> {
        callers.pop().ok_or_else(|| Problem::internal("no caller").into())
    }
}

/// The caller by the first alternative of which the request has every credential.
///
/// # Errors
/// 401 when it has none in whole, with a challenge for each scheme; what verification yields.
pub(crate) async fn caller<S: Api>(
    verifier: &impl Verifier<S>,
    alternatives: Alternatives,
    service: &S,
    parts: &Parts,
) -> Result<S::Caller, Problem> {
    let mut refused = None;
    'alternatives: for all in alternatives {
        let mut callers = Vec::with_capacity(all.len());
        for requirement in *all {
            let Some(found) = requirement.carrier.find(parts) else { continue 'alternatives };
            let verified = match found.credential() {
                Ok(credential) => verifier.verify(service, requirement, credential).await.map_err(Into::into),
                Err(problem) => Err(problem),
            };
            match verified {
                Ok(caller) => callers.push(caller),
                Err(problem) => {
                    refused.get_or_insert(problem);
                    continue 'alternatives;
                }
            }
        }
        return match callers.len() {
            1 => callers.pop().ok_or_else(|| Problem::internal("no caller")),
            _ => verifier.joined(service, callers).map_err(Into::into),
        };
    }
    Err(refused.unwrap_or_else(|| missing(alternatives)))
}

/// Whether a request has a credential of any of the schemes.
pub(crate) fn has_credential(alternatives: Alternatives, parts: &Parts) -> bool {
    alternatives.iter().flat_map(|all| all.iter()).any(|requirement| requirement.carrier.find(parts).is_some())
}

fn missing(alternatives: Alternatives) -> Problem {
    let mut challenges: Vec<_> =
        alternatives.iter().flat_map(|all| all.iter()).filter_map(|one| one.carrier.challenge()).collect();
    challenges.dedup();
    let problem =
        Problem::new(http::StatusCode::UNAUTHORIZED, "missing_credentials", "This operation requires credentials.");
    match HeaderValue::try_from(challenges.join(", ")) {
        Ok(challenges) if !challenges.is_empty() => problem.with_header(WWW_AUTHENTICATE, challenges),
        _ => problem,
    }
}

enum Found {
    Key(String),
    User(String, String),
    /// There is one that cannot be read.
    Broken,
}

impl Found {
    fn credential(&self) -> Result<Credential<'_>, Problem> {
        match self {
            Self::Key(key) if key.len() <= MOST_CREDENTIAL_BYTES && !key.is_empty() => Ok(Credential::Key(key)),
            Self::User(user, password) if user.len() + password.len() <= MOST_CREDENTIAL_BYTES => {
                Ok(Credential::User(user, password))
            }
            _ => Err(Problem::unauthorized("invalid_credentials", "The credentials cannot be read.")),
        }
    }
}

impl Carrier {
    fn find(self, parts: &Parts) -> Option<Found> {
        match self {
            Self::Bearer => authorization(parts, "bearer").map(Found::of_text),
            Self::Basic => authorization(parts, "basic").map(|text| basic(text).unwrap_or(Found::Broken)),
            Self::Http(scheme) => authorization(parts, scheme).map(Found::of_text),
            Self::Header(name) => header(parts, name),
            Self::ClientCertificate => header(parts, CLIENT_CERTIFICATE_HEADER),
            Self::Query(name) => in_query(parts.uri.query()?, name),
            Self::Cookie(name) => {
                let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
                let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
                pairs.find(|(known, _)| *known == name).map(|(_, value)| decoded(value.trim_matches('"')))
            }
        }
    }

    fn challenge(self) -> Option<String> {
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
}

/// What follows the scheme in the only `Authorization` header.
fn authorization<'p>(parts: &'p Parts, scheme: &str) -> Option<&'p str> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (found, credentials) = values.next()?.to_str().ok()?.split_once(' ')?;
    (found.eq_ignore_ascii_case(scheme) && values.next().is_none()).then_some(credentials.trim())
}

/// RFC 7617: base64 of `user:password` in UTF-8.
fn basic(text: &str) -> Option<Found> {
    let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (user, password) = plain.split_once(':')?;
    Some(Found::User(user.to_owned(), password.to_owned()))
}

fn header(parts: &Parts, name: &str) -> Option<Found> {
    let mut values = parts.headers.get_all(name).iter();
    let first = values.next()?;
    match first.to_str() {
        Ok(key) if values.next().is_none() => Some(Found::Key(key.trim().to_owned())),
        _ => Some(Found::Broken),
    }
}

fn in_query(query: &str, name: &str) -> Option<Found> {
    let mut found = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned();
        (key == name).then(|| value.replace('+', " "))
    });
    let first = found.next()?;
    Some(if found.next().is_some() { Found::Broken } else { decoded(&first) })
}

fn decoded(value: &str) -> Found {
    percent_decode_str(value).decode_utf8().map_or(Found::Broken, |text| Found::Key(text.into_owned()))
}
