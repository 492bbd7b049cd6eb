//! The steps of a request, the same for every operation.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::answer::Answer;
use crate::input::Input;
use crate::operation::{Api, Caller, Operation, Security};
use crate::problem::{Problem, RequestId};
use crate::rate_limit::{self, Quota};
use crate::receiving::{Waits, receive};
use crate::requirement::Alternatives;
use crate::token_endpoint::TokenEndpoint;
use crate::verification::{self, Verifier};

/// Serves an operation that requires a token.
pub fn authenticated<S, I, R, F>(
    operation: &'static Operation,
    service: Arc<S>,
    request: Request,
    decode: fn(&mut Input<'_>) -> Option<I>,
    call: impl FnOnce(Arc<S>, S::Caller, I) -> F,
) -> impl Future<Output = Response>
where
    S: Api,
    R: Answer,
    F: Future<Output = Result<R, S::Error>> + Send,
{
    let identify = async move |door: &S, parts: &Parts| identify(operation, door, parts).await;
    identified(operation, service, request, decode, identify, |caller| Some(caller), call)
}

/// Serves an operation for which a token is optional.
pub fn optional<S, I, R, F>(
    operation: &'static Operation,
    service: Arc<S>,
    request: Request,
    decode: fn(&mut Input<'_>) -> Option<I>,
    call: impl FnOnce(Arc<S>, Option<S::Caller>, I) -> F,
) -> impl Future<Output = Response>
where
    S: Api,
    R: Answer,
    F: Future<Output = Result<R, S::Error>> + Send,
{
    let identify = async move |door: &S, parts: &Parts| match parts.headers.contains_key(AUTHORIZATION) {
        true => identify(operation, door, parts).await.map(Some),
        false => Ok(None),
    };
    identified(operation, service, request, decode, identify, Option::as_ref, call)
}

/// Serves an operation that requires credentials of the document's schemes.
pub fn verified<V, S, I, R, F>(
    verifier: V,
    operation: &'static Operation,
    service: Arc<S>,
    request: Request,
    decode: fn(&mut Input<'_>) -> Option<I>,
    call: impl FnOnce(Arc<S>, S::Caller, I) -> F,
) -> impl Future<Output = Response>
where
    V: Verifier<S>,
    S: Api,
    R: Answer,
    F: Future<Output = Result<R, S::Error>> + Send,
{
    let identify = async move |door: &S, parts: &Parts| {
        verification::caller(&verifier, alternatives(operation), door, parts).await
    };
    identified(operation, service, request, decode, identify, |caller| Some(caller), call)
}

/// Serves an operation for which credentials of the document's schemes are optional.
pub fn optionally_verified<V, S, I, R, F>(
    verifier: V,
    operation: &'static Operation,
    service: Arc<S>,
    request: Request,
    decode: fn(&mut Input<'_>) -> Option<I>,
    call: impl FnOnce(Arc<S>, Option<S::Caller>, I) -> F,
) -> impl Future<Output = Response>
where
    V: Verifier<S>,
    S: Api,
    R: Answer,
    F: Future<Output = Result<R, S::Error>> + Send,
{
    let identify =
        async move |door: &S, parts: &Parts| match verification::has_credential(alternatives(operation), parts) {
            true => verification::caller(&verifier, alternatives(operation), door, parts).await.map(Some),
            false => Ok(None),
        };
    identified(operation, service, request, decode, identify, Option::as_ref, call)
}

fn alternatives(operation: &Operation) -> Alternatives {
    match operation.security {
        Security::Schemes(alternatives) | Security::OptionalSchemes(alternatives) => alternatives,
        Security::Public | Security::Optional(_) | Security::Scopes(_) => &[],
    }
}

/// Serves a public operation.
pub fn public<S, I, R, F>(
    operation: &'static Operation,
    service: Arc<S>,
    request: Request,
    decode: fn(&mut Input<'_>) -> Option<I>,
    call: impl FnOnce(Arc<S>, I) -> F,
) -> impl Future<Output = Response>
where
    S: Api,
    R: Answer,
    F: Future<Output = Result<R, S::Error>> + Send,
{
    let nobody = async |_: &S, _: &Parts| Ok(());
    identified(operation, service, request, decode, nobody, |()| None, |service, (), input| call(service, input))
}

/// Serves an operation to whom `identify` finds; `caller` is who that is, for the limits.
fn identified<C, S, I, R, F>(
    operation: &'static Operation,
    service: Arc<S>,
    request: Request,
    decode: fn(&mut Input<'_>) -> Option<I>,
    identify: impl AsyncFnOnce(&S, &Parts) -> Result<C, Problem>,
    caller: fn(&C) -> Option<&S::Caller>,
    call: impl FnOnce(Arc<S>, C, I) -> F,
) -> impl Future<Output = Response>
where
    S: Api,
    R: Answer,
    F: Future<Output = Result<R, S::Error>> + Send,
{
    let door = Arc::clone(&service);
    let enter = async move |parts: &Parts, left: &Left| {
        let client = identify(&*door, parts).await?;
        count(operation, &*door, caller(&client), left).await?;
        Ok(client)
    };
    serve(operation, request, enter, decode, |client, input| call(service, client, input))
}

/// What is left of the operation's limits, once that is known.
type Left = OnceLock<Vec<Quota>>;

/// Admits the request, and counts it if the operation has rate limits.
async fn count<S: Api>(
    operation: &'static Operation,
    service: &S,
    caller: Option<&S::Caller>,
    left: &Left,
) -> Result<(), Problem> {
    service.enter(operation, caller).map_err(Into::into)?;
    if !operation.rate_limits.is_empty() {
        // Boxed, so that the future of operations without limits stays small.
        let quotas = Box::pin(service.admit(operation, caller)).await.map_err(Into::into)?;
        let _ = left.set(quotas);
    }
    Ok(())
}

/// The caller, if the token is valid and has the scopes that the document requires.
async fn identify<S: Api>(operation: &Operation, service: &S, parts: &Parts) -> Result<S::Caller, Problem> {
    let (Security::Scopes(scopes) | Security::Optional(scopes)) = operation.security else {
        return Err(Problem::internal("a public operation was generated as an authenticated one"));
    };
    let caller = service.authenticate(bearer(parts)?).await.map_err(Into::into)?;
    if scopes.iter().all(|scope| caller.has_scope(scope)) { Ok(caller) } else { Err(insufficient(scopes)) }
}

async fn serve<C, I, R, E, F>(
    operation: &'static Operation,
    request: Request,
    enter: impl AsyncFnOnce(&Parts, &Left) -> Result<C, Problem>,
    decode: fn(&mut Input<'_>) -> Option<I>,
    call: impl FnOnce(C, I) -> F,
) -> Response
where
    R: Answer,
    E: Into<Problem>,
    F: Future<Output = Result<R, E>> + Send,
{
    let (parts, body) = request.into_parts();
    let id = parts.extensions.get::<RequestId>().cloned();
    let (waits, left) = (operation.body.as_ref().map(|_| Waits::default()), Left::new());
    // Pinned where it stands: it is some kilobytes, and what wraps it would move it.
    let road = std::pin::pin!(async {
        let caller = enter(&parts, &left).await?;
        let input = receive(operation, &parts, body, decode, waits.as_ref()).await?;
        let reply = call(caller, input).await.map_err(Into::into)?.into_reply()?;
        Ok(reply.into_response(operation, &parts))
    });
    // A panic fails its own request and no other; the deadline covers everything up to the first byte of the response.
    let result = match tokio::time::timeout(operation.deadline, AssertUnwindSafe(road).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Problem::internal(format!("panic: {}", message(&*panic)))),
        Err(_) if waits.as_ref().is_some_and(|waits| waits.load(Ordering::Relaxed)) => Err(wire::Ended::Late.into()),
        Err(_) => Err(late_answer()),
    };
    finish(operation, id.as_ref(), result, left.get())
}

fn finish(
    operation: &'static Operation,
    id: Option<&RequestId>,
    result: Result<Response, Problem>,
    left: Option<&Vec<Quota>>,
) -> Response {
    let result = result.map_err(|problem| operation.refusal(problem));
    #[cfg(debug_assertions)]
    let result = result.map_err(|problem| match crate::codes::fault(operation, problem.code()) {
        None => problem,
        Some(fault) => Problem::internal(fault),
    });
    let response = result.unwrap_or_else(|problem| operation.shaped(problem, id));
    let mut response = operation.kept_or_refused(response, id, |headers| {
        if operation.token_endpoint.is_some() {
            TokenEndpoint::never_kept(headers);
        }
        if let Some(quotas) = left {
            rate_limit::tell(quotas, headers);
        }
    });
    response.extensions_mut().insert(operation);
    response
}

/// The token of an `Authorization: Bearer` header (RFC 6750, 2.1).
fn bearer(parts: &Parts) -> Result<&str, Problem> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(Problem::unauthorized("missing_token", "This operation requires a bearer token."));
    };
    value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
        .filter(|_| values.next().is_none())
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Problem::unauthorized("invalid_token", "The Authorization header contains no bearer token."))
}

fn late_answer() -> Problem {
    let detail = "The operation exceeded its deadline.";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", detail)
        .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
}

fn insufficient(scopes: &[&str]) -> Problem {
    let challenge = format!(r#"Bearer error="insufficient_scope", scope="{}""#, scopes.join(" "));
    let challenge = HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Problem::forbidden("insufficient_scope", "The token lacks the scope that this operation requires.")
        .with_header(WWW_AUTHENTICATE, challenge)
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
