//! Security requirements of a document: credentials of its schemes, alone, together, or one of several (OpenAPI, Security Requirement Object).

use axum::http::request::Parts;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use wire::Found;

use crate::Problem;
use crate::operation::Api;
use crate::requirement::{Alternatives, Requirement};

/// Longer credentials are rejected before anything is computed with them: bytes.
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
            let Some(found) = requirement.carrier.find(&parts.headers, &parts.uri) else { continue 'alternatives };
            let verified = match readable(&found) {
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
    alternatives
        .iter()
        .flat_map(|all| all.iter())
        .any(|requirement| requirement.carrier.find(&parts.headers, &parts.uri).is_some())
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

/// # Errors
/// 401 for a credential that cannot be read, or is too long.
fn readable(found: &Found) -> Result<Credential<'_>, Problem> {
    match found {
        Found::Key(key) if key.len() <= MOST_CREDENTIAL_BYTES && !key.is_empty() => Ok(Credential::Key(key)),
        Found::User(user, password) if user.len() + password.len() <= MOST_CREDENTIAL_BYTES => {
            Ok(Credential::User(user, password))
        }
        _ => Err(Problem::unauthorized("invalid_credentials", "The credentials cannot be read.")),
    }
}
