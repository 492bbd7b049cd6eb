//! Which operation a request is for.
//!
//! Templates whose parameters are whole segments are left to axum's router. Others (`/a/{id}.json`, `/a/{id}:verb`, `/ü`), those that
//! match the same paths as one of them, and paths in another spelling than the document's are matched one by one, concrete ones first.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};
use wire::{Matched, Template, canonical};

use crate::operation::Operation;

/// Operations with their handlers, to become a router.
pub struct Routes<S> {
    served: Vec<(&'static Operation, MethodFilter, MethodRouter<Arc<S>>)>,
}

/// A template and the operations on it.
struct Route<S> {
    template: Template,
    methods: Vec<MethodFilter>,
    handlers: MethodRouter<Arc<S>>,
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self { template: self.template.clone(), methods: self.methods.clone(), handlers: self.handlers.clone() }
    }
}

impl<S: Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Send + Sync + 'static> Routes<S> {
    /// No operations.
    pub const fn new() -> Self {
        Self { served: Vec::new() }
    }

    /// Adds an operation. One of a method that HTTP does not define is not served.
    #[must_use]
    pub fn serve<H, T>(mut self, operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, Arc<S>>,
        T: 'static,
    {
        let method = http::Method::from_bytes(operation.method.as_bytes()).ok();
        if let Some(method) = method.and_then(|method| MethodFilter::try_from(method).ok()) {
            self.served.push((operation, method, on(method, handler)));
        }
        self
    }

    /// Adds the operations of others.
    #[must_use]
    pub fn merge(mut self, others: Self) -> Self {
        self.served.extend(others.served);
        self
    }

    /// The router. Of two operations with one method and one template, which no document has, the first is served.
    pub fn router(self, service: Arc<S>) -> Router {
        let mut routes: Vec<Route<S>> = Vec::new();
        for (operation, method, handler) in self.served {
            let Ok(template) = Template::parse(operation.path) else { continue };
            match routes.iter_mut().find(|route| route.template == template) {
                None => routes.push(Route { template, methods: vec![method], handlers: handler }),
                Some(route) if route.methods.contains(&method) => (),
                Some(route) => {
                    route.methods.push(method);
                    route.handlers = std::mem::take(&mut route.handlers).merge(handler);
                }
            }
        }
        routes.sort_by_key(|route| route.template.precedence());
        let mut router = Router::new();
        let odd: Vec<&Template> =
            routes.iter().map(|route| &route.template).filter(|template| template.route().is_none()).collect();
        for route in &routes {
            let Some(path) = route.template.route() else { continue };
            if !odd.iter().any(|odd| odd.overlaps(&route.template)) {
                router = router.route(&path, route.handlers.clone());
            }
        }
        let routes: Arc<[Route<S>]> = routes.into();
        let state = Arc::clone(&service);
        router.fallback(move |request| answer(Arc::clone(&routes), Arc::clone(&state), request)).with_state(service)
    }
}

/// Spells the path of a request as templates are spelt, so that another spelling of the same path (RFC 3986, 6.2.2) finds the same
/// operation. To be called before the router: `/users/%6De` would otherwise be a user called `me`.
pub fn normalize(target: &mut Uri) {
    if let Cow::Owned(path) = canonical(target.path()) {
        set_path(target, &path);
    }
}

fn set_path(target: &mut Uri, path: &str) {
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    // What is canonical is valid; otherwise the target would stay as it was.
    if let Ok(path_and_query) = PathAndQuery::try_from(format!("{path}{query}")) {
        let mut parts = target.clone().into_parts();
        parts.path_and_query = Some(path_and_query);
        if let Ok(spelt) = Uri::from_parts(parts) {
            *target = spelt;
        }
    }
}

/// The response to a request that axum's router has no route for.
async fn answer<S: Send + Sync + 'static>(routes: Arc<[Route<S>]>, service: Arc<S>, mut request: Request) -> Response {
    normalize(request.uri_mut());
    let path = request.uri().path();
    // One slash too many is none, unless the document has it.
    let trimmed = path.strip_suffix('/').filter(|rest| !rest.is_empty() && !rest.ends_with('/'));
    let (route, matched) = match (find(&routes, path), trimmed) {
        (Some(found), _) => found,
        (None, Some(trimmed)) => {
            let Some(found) = find(&routes, trimmed) else { return StatusCode::NOT_FOUND.into_response() };
            let trimmed = trimmed.to_owned();
            set_path(request.uri_mut(), &trimmed);
            found
        }
        (None, None) => return StatusCode::NOT_FOUND.into_response(),
    };
    request.extensions_mut().insert(matched);
    Handler::call(route.handlers.clone(), request, service).await
}

fn find<'m, S>(routes: &'m [Route<S>], path: &str) -> Option<(&'m Route<S>, Matched)> {
    routes.iter().find_map(|route| Some((route, Matched(route.template.matches(path)?.into()))))
}
