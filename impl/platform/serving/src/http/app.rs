//! What surrounds the generated router for every request and response.
//!
//! One function rather than a stack of layers: the order is explicit, and nothing is boxed.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use contract::{Operation, Problem, RequestId};
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use platform_admission::{Gate, Keep, Peer, Refused, Requester, Sender, Shares, Subject, metered, too_many};
use platform_settings::{HttpSettings, Proxies};
use platform_telemetry::Metrics;
use platform_telemetry::traces;
use tower::Service;

use super::body::{Reading, watch};
use super::contract_violations;
use super::cors::{Asked, Cors};
use super::metrics::Measurements;
use super::own::Own;
use super::page;
use super::readiness::{Checks, Readiness};
use super::refusals::{explained, late, overloaded};
use super::request::{given_request_id, new_request_id, refuse};
use super::span;
use super::unsent::held;
use crate::access_log::{self, Entry};

/// How long a request waits for its turn before it is shed.
const QUEUE_TIMEOUT: Duration = Duration::from_millis(500);

/// One place in so many is kept free for others: more than what may wait for a pool, all from one address.
const RESERVE_ONE_IN: usize = 8;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// For trusted proxies, whose logs include the user as well.
const AUTHENTICATED_USER: HeaderName = HeaderName::from_static("x-authenticated-user");
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// What distinguishes one service from another.
#[derive(Debug, Clone)]
pub struct Description {
    /// Its name, in `/health` and the log.
    pub service: String,
    /// Its version, in `/health`.
    pub version: String,
    /// Its OpenAPI document, as JSON.
    pub document: &'static str,
}

/// A service ready to be served. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    service: String,
    router: Router,
    own: Own,
    cors: Cors,
    gate: Gate,
    proxies: Proxies,
    measurements: Measurements,
    shares: Arc<Shares>,
}

impl App {
    /// Surrounds a generated router with what every service has. How responses are checked applies to the whole process.
    pub fn new(description: Description, router: Router, settings: &HttpSettings, needs: Readiness) -> Self {
        let Description { service, version, document } = description;
        contract_violations::start(settings);
        let metrics = Metrics::default();
        let measurements = Measurements::new(&metrics, &version, settings.http_concurrency);
        if let Some(database) = &needs.database {
            database.register(&metrics);
        }
        platform_background::register(needs.jobs.clone(), &metrics);
        let size = settings.http_concurrency as usize;
        let shares = Arc::new(Shares::new(settings));
        shares.register(&metrics);
        Self(Arc::new(Inner {
            own: Own::new(&service, &version, document, Checks::new(needs), metrics),
            service,
            router,
            cors: Cors::new(&settings.backend_cors_origins),
            gate: Gate::new(size, 2 * size, QUEUE_TIMEOUT, Keep::OneIn(RESERVE_ONE_IN)),
            proxies: settings.trusted_proxies.clone(),
            measurements,
            shares,
        }))
    }

    /// Its name.
    pub fn service(&self) -> &str {
        &self.0.service
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.0.own.metrics
    }

    /// The metrics of its requests.
    pub(crate) fn measurements(&self) -> &Measurements {
        &self.0.measurements
    }

    /// Creates the series of every operation, and of its failures, before the first call: a series that begins with its first
    /// increment never shows that one as a rate. An operation goes before an endpoint of every service with its path.
    pub fn expect_operations(&self, operations: &[&'static Operation]) {
        self.0.measurements.expect_operations(operations);
        contract_violations::register(&self.0.own.metrics, operations);
        self.0.own.yield_to(operations);
    }

    /// Creates the metrics of resources that only this service has, of which each client may hold a share.
    pub fn expect_rejections(&self, resources: &[&'static str]) {
        resources.iter().for_each(|resource| self.0.shares.measurements.expect(resource));
    }

    /// Whether a peer counts as a client itself: a trusted proxy has the connections of many.
    pub(crate) fn counts(&self, peer: IpAddr) -> bool {
        !self.0.proxies.trust(peer.to_canonical())
    }

    pub(crate) fn shares(&self) -> &Shares {
        &self.0.shares
    }

    /// Starts the shutdown: not ready any more, and connections are asked to close.
    pub fn drain(&self) {
        self.0.own.checks.drain();
    }

    /// Responds to a request; failures of any kind become error responses.
    pub async fn handle<B>(&self, mut request: Request<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let started = Instant::now();
        let in_flight = self.0.measurements.request();
        let id = given_request_id(request.headers()).unwrap_or_else(new_request_id);
        request.extensions_mut().insert(id.clone());
        let (method, target) = (request.method().clone(), request.uri().clone());
        let page = Asked::of(&method, request.headers());
        let for_people = page::is_wanted(request.headers());

        let peer = request.extensions_mut().remove::<Peer>();
        let span = traces::Open::of(request.headers());
        let trace = span.as_ref().map(traces::Open::context);
        let mut sender = Sender::of(peer, request.headers(), &self.0.proxies, trace, id.clone());
        let (client, user, by_proxy) = (sender.address, sender.identity(), sender.is_by_proxy());
        let requester =
            sender.address.map(|address| Arc::new(Requester::new(Subject::at(address), Arc::clone(&self.0.shares))));
        if let Some(requester) = &requester {
            sender = sender.counted(Arc::clone(requester));
        }
        let trace = sender.logged_trace();
        let (request, reading) = watch(request, requester.as_ref());
        let answered = {
            // Pinned here, so that the futures around it do not move it.
            let road = pin!(self.0.route(request, &id, reading.as_deref(), page.preflight));
            // A panic of a handler was caught inside; this is for the code around it.
            AssertUnwindSafe(sender.scope(metered(road, requester.as_deref()))).catch_unwind().await
        };
        let (label, answer) = match answered {
            Ok((label, answer)) => (label, answer),
            Err(_) => ("panic", Err(Problem::internal("a panic outside of any operation"))),
        };
        let answer = answer.and_then(|response| match response.extensions().get::<&'static Operation>() {
            Some(_) => Ok(response),
            None => explained(response),
        });
        let mut response = match answer {
            Ok(response) => response,
            Err(problem) if for_people => page::of(problem, &id),
            Err(problem) => problem.into_response_for(Some(&id)),
        };
        let operation = response.extensions().get::<&'static Operation>().copied();
        if let (Some(_), Some(requester)) = (operation, &requester) {
            response = held(&method, response, requester, (&id, trace)).unwrap_or_else(|problem| {
                let Some(operation) = operation else { return problem.into_response_for(Some(&id)) };
                operation.refuse(problem, Some(&id))
            });
        }
        self.finish(&mut response, operation, &id);
        if let (true, Some(user)) = (by_proxy, user.get()) {
            response.headers_mut().insert(AUTHENTICATED_USER, HeaderValue::from(*user));
        }
        self.0.cors.allow(&page, response.headers_mut());

        let elapsed = started.elapsed();
        let label = operation.map_or(label, |operation| operation.id);
        in_flight.answered();
        self.0.measurements.answered(label, response.status().as_u16(), elapsed);
        if let Some(span) = span {
            span.end(|| span::of_request(&self.0.service, &method, operation, label, (response.status(), &id)));
        }
        access_log::write(&Entry {
            service: &self.0.service,
            operation: label,
            route: operation.map(|operation| operation.path),
            method: &method,
            path: target.path(),
            id: &id.0,
            trace,
            user: user.get().copied(),
            client,
            elapsed,
            response: &response,
        });
        // The time a client takes to send an unneeded body is not counted as ours. A body that is too large may never end.
        if let Some(reading) = reading.filter(|_| response.status() != StatusCode::PAYLOAD_TOO_LARGE) {
            reading.has_ended().await;
        }
        response
    }

    fn finish(&self, response: &mut Response, operation: Option<&'static Operation>, id: &RequestId) {
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id.0) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
        // The response of a conditional operation may be stored if it is revalidated each time; others may not.
        headers.entry(CACHE_CONTROL).or_insert_with(|| {
            let revalidated = operation.is_some_and(|operation| operation.etag);
            HeaderValue::from_static(if revalidated { "private, no-cache" } else { "no-store" })
        });
        if self.0.own.checks.is_draining() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl Inner {
    /// The response, and its name in the metrics unless an operation gives it one.
    async fn route(
        &self,
        mut request: Request<Body>,
        id: &RequestId,
        reading: Option<&Reading>,
        preflight: bool,
    ) -> (&'static str, Result<Response, Problem>) {
        if let Err(problem) = refuse(request.method(), request.uri(), request.headers()) {
            return ("refused", Err(problem));
        }
        if preflight {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            return ("preflight", Ok(response));
        }
        contract::normalize(request.uri_mut());
        if let Some(answered) = self.own.respond(request.method(), request.uri().path(), request.headers()).await {
            return answered;
        }
        let place = match self.gate.enter().await {
            Ok(place) => place,
            Err(Refused::Share) => return ("shed", Err(too_many("requests"))),
            Err(_) => {
                self.measurements.shed();
                return ("shed", Err(overloaded()));
            }
        };
        // The router is shared; calling it needs only a clone.
        let mut router = self.router.clone();
        let Some(reading) = reading else {
            let Ok(response) = router.call(request).await;
            drop(place);
            return ("unmatched", Ok(response));
        };
        reading.hold(place);
        let Ok(response) = router.call(request).await;
        if reading.was_refused() {
            return refused_by(&response, too_many("request_bodies"), id);
        }
        if reading.was_late() {
            return refused_by(&response, late(), id);
        }
        ("unmatched", Ok(response))
    }
}

/// The error response that replaces the operation's response when the request was not received completely.
fn refused_by(response: &Response, problem: Problem, id: &RequestId) -> (&'static str, Result<Response, Problem>) {
    match response.extensions().get::<&'static Operation>() {
        Some(operation) => (operation.id, Ok(operation.refuse(problem, Some(id)))),
        None => ("unmatched", Err(problem)),
    }
}
