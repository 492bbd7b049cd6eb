//! `x-token-endpoint`: an operation that is the token endpoint of OAuth 2.0 (RFC 6749, 3.2). Its error responses have the fields
//! of 5.2, beside those of a problem document.

use http::header::{CACHE_CONTROL, PRAGMA};
use http::{HeaderMap, HeaderValue, StatusCode};

use validation::Value;

use crate::Decoder;
use crate::problem::Problem;

/// What the document says of its token endpoint.
#[derive(Debug)]
pub struct TokenEndpoint {
    /// Every `grant_type` it knows, with the parameters that it requires; absent means the first. None where nothing is granted:
    /// at the revocation endpoint (RFC 7009).
    pub grant_types: &'static [(&'static str, &'static [&'static str])],
    /// The scopes of the document.
    pub scopes: &'static [&'static str],
}

impl TokenEndpoint {
    /// Checks what RFC 6749 requires of every request, before the schema is validated: no repeated parameter, a known grant type
    /// with its parameters, known scopes. Optional parameters without a value count as omitted.
    pub(crate) fn judge(&self, form: &mut Value<'_>, at: &mut Decoder) -> Result<(), Problem> {
        let Value::Object(members) = form else { return Ok(()) };
        if members.iter().any(|(_, value)| !matches!(value, Value::Text(_))) {
            return Err(Problem::bad_request("invalid_request", "A parameter is repeated."));
        }
        let is_empty = |value: &Value<'_>| matches!(value, Value::Text(text) if text.is_empty());
        for (name, value) in members.iter_mut() {
            if is_empty(value) && matches!(&**name, "grant_type" | "scope") {
                // Under a name that nobody reads: it was sent, and counts among how many may be.
                *name = format!("omitted {name}").into();
            }
        }
        let text = |wanted: &str| {
            members.iter().find_map(|(name, value)| match value {
                Value::Text(text) if name == wanted => Some(&**text),
                _ => None,
            })
        };
        let wanted = text("grant_type");
        let grant = self.grant_types.iter().find(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
        if grant.is_none() && !self.grant_types.is_empty() {
            let known: Vec<_> = self.grant_types.iter().map(|(name, _)| *name).collect();
            let detail = format!("Unsupported grant type; supported: {}.", known.join(", "));
            return Err(Problem::bad_request("unsupported_grant_type", detail));
        }
        let required = grant.into_iter().flat_map(|(_, required)| *required);
        for name in required.filter(|name| text(name).is_none()) {
            at.named(name, |at| at.refuse::<()>("required", "Is required."));
        }
        let mut asked = text("scope").into_iter().flat_map(|scope| scope.split(' ')).filter(|scope| !scope.is_empty());
        if asked.any(|scope| !self.scopes.contains(&scope)) {
            let detail = format!("Unknown scope; known: {}.", self.scopes.join(", "));
            return Err(Problem::bad_request("invalid_scope", detail));
        }
        Ok(())
    }

    /// An error response in the format of 5.2: a violation of the schema is 400 `invalid_request`.
    pub(crate) fn refusal(problem: Problem) -> Problem {
        let problem = match problem.status() {
            StatusCode::UNPROCESSABLE_ENTITY => problem.with_status(StatusCode::BAD_REQUEST, "invalid_request"),
            _ => problem,
        };
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        let error = match (problem.status(), problem.code()) {
            (BAD, "invalid_grant" | "email_not_verified" | "second_factor_required") => "invalid_grant",
            (BAD, code @ ("unsupported_grant_type" | "invalid_scope")) => code,
            // Not among those of 5.2, which know of no such answers: those of 4.1.2.1.
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT, _) => {
                "temporarily_unavailable"
            }
            (status, _) if status.is_server_error() => "server_error",
            _ => "invalid_request",
        };
        problem.with_oauth_error(error)
    }

    /// Neither a token nor an error response may be cached (5.1).
    pub(crate) fn never_kept(headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
}
