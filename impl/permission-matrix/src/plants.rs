//! Planted defects, to prove that the matrix finds them: the sources stay as they are. A plant is put around the operations of a service, as a handler with the
//! defect would respond, or it changes a function of the test's own database, or the table.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::table::Table;
use testkit::TestService;

/// Bodies of test requests are smaller.
const MAX_BODY: usize = 1 << 20;

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Defect {
    /// The handler does not look at who calls: what the caller may not do is done as a superuser would do it.
    NoCheck,
    /// Neither the scope nor a login is required: only what fails for the lack of them is done as a superuser would do it.
    NoScope,
    /// No token is required.
    NoToken,
    /// A token of an account that was deactivated or deleted is as good as any.
    OldToken,
    /// What the request names in this field is not checked: the caller may do it with it as a superuser might.
    NoFieldCheck(&'static str),
    /// What is hidden is said to be forbidden, so that one learns that it exists.
    Reveals,
    /// A stored response is returned to whoever has the idempotency key of its request.
    SharedKeys,
}

/// Defects of operations, of which there is at most one each.
#[derive(Clone)]
pub struct Plants {
    plants: Arc<Vec<Plant>>,
    /// Of a superuser, as soon as there is one.
    token: Arc<OnceLock<String>>,
}

struct Plant {
    operation: &'static str,
    method: String,
    path: String,
    defect: Defect,
    /// The response that was stored, and whose it is.
    stored: Mutex<Option<(HeaderValue, StatusCode, Bytes)>>,
}

impl Plants {
    /// Defects of operations of a document.
    ///
    /// # Panics
    /// When the document does not have one of them.
    pub fn new(document: &str, defects: &[(&'static str, Defect)]) -> Self {
        let table = Table::of(serde_json::from_str(document).expect("a document is JSON"), false);
        let plant = |(id, defect): &(&'static str, Defect)| {
            let operation = table.operations.iter().find(|one| one.id == *id);
            let operation = operation.unwrap_or_else(|| panic!("no operation {id}"));
            let (method, path) = (operation.method.clone(), operation.path.clone());
            Plant { operation: id, method, path, defect: defect.clone(), stored: Mutex::default() }
        };
        Self { plants: Arc::new(defects.iter().map(plant).collect()), token: Arc::default() }
    }

    /// The operations that have one.
    pub fn operations(&self) -> BTreeSet<&str> {
        self.plants.iter().map(|plant| plant.operation).collect()
    }

    /// What a service is started with. The defects are there from [`Plants::grow`] on.
    pub fn around(&self) -> Box<dyn FnOnce(Router) -> Router + Send> {
        let Self { plants, token } = self.clone();
        Box::new(move |router| {
            router.layer(from_fn(move |request: Request, next: Next| {
                let (plants, token) = (Arc::clone(&plants), token.get().cloned());
                async move {
                    match (plants.iter().find(|plant| plant.fits(&request)), token) {
                        (Some(plant), Some(token)) => plant.respond(request, next, &token).await,
                        _ => next.run(request).await,
                    }
                }
            }))
        })
    }

    /// Lets the defects happen.
    pub async fn grow(&self, service: &TestService) {
        let administrator = service.admin().await;
        let _ = self.token.set(administrator.token().unwrap_or_default().to_owned());
    }
}

impl Plant {
    fn fits(&self, request: &Request) -> bool {
        let (template, path) = (self.path.split('/'), request.uri().path().split('/'));
        let same = |(one, other): (&str, &str)| one == other || (one.starts_with('{') && !other.is_empty());
        let is_as_long = template.clone().count() == path.clone().count();
        request.method().as_str() == self.method && is_as_long && template.zip(path).all(same)
    }

    async fn respond(&self, request: Request, next: Next, token: &str) -> Response {
        if matches!(self.defect, Defect::SharedKeys) {
            return self.replay(request, next).await;
        }
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
        let names = |field: &str| {
            let in_query = parts.uri.query().is_some_and(|query| query.contains(&format!("{field}=")));
            in_query || std::str::from_utf8(&body).is_ok_and(|body| body.contains(&format!("\"{field}\":")))
        };
        let is_list = self.method == "GET" && !self.path.ends_with('}');
        let has_token = parts.headers.contains_key(AUTHORIZATION);
        let response = next.clone().run(Request::from_parts(parts.clone(), Body::from(body.clone()))).await;
        let (response, code) = code(response).await;
        let is_hidden = matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
        let is_done = match self.defect {
            Defect::NoCheck => has_token && (is_hidden || is_list && response.status().is_success()),
            Defect::NoScope => code == "insufficient_scope" || code == "session_required",
            Defect::NoToken => code == "missing_token",
            Defect::OldToken => code == "invalid_token",
            Defect::NoFieldCheck(field) => names(field) && has_token && (is_hidden || is_list),
            Defect::Reveals => response.status() == StatusCode::NOT_FOUND && has_token,
            Defect::SharedKeys => false,
        };
        if !is_done {
            return response;
        }
        let mut parts = parts;
        if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
            parts.headers.insert(AUTHORIZATION, value);
        }
        let superusers = next.run(Request::from_parts(parts, Body::from(body))).await;
        match self.defect {
            // What does not exist is not revealed.
            Defect::Reveals if superusers.status() != StatusCode::NOT_FOUND => {
                let mut response = response;
                *response.status_mut() = StatusCode::FORBIDDEN;
                response
            }
            Defect::Reveals => response,
            _ => superusers,
        }
    }
}

impl Plant {
    async fn replay(&self, request: Request, next: Next) -> Response {
        let (whose, key) =
            (request.headers().get(AUTHORIZATION).cloned(), request.headers().contains_key("idempotency-key"));
        let Some(whose) = whose.filter(|_| key) else { return next.run(request).await };
        let known = self.stored.lock().ok().and_then(|stored| stored.clone()).filter(|(owner, ..)| *owner != whose);
        if let Some((_, status, body)) = known {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
            return response;
        }
        let (parts, body) = next.run(request).await.into_parts();
        let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
        if let Ok(mut stored) = self.stored.lock() {
            *stored = Some((whose, parts.status, body.clone()));
        }
        Response::from_parts(parts, Body::from(body))
    }
}

/// A response, and the code if it is a problem.
async fn code(response: Response) -> (Response, String) {
    if response.status().is_success() {
        return (response, String::new());
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or_default().to_owned();
    (Response::from_parts(parts, Body::from(body)), code)
}
