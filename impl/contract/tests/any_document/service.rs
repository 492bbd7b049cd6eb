//! A service without anything behind it, and one request to it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use contract::{Answer, Api, Caller, Operation, Problem, Quota, Reply};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

pub struct Nothing;

pub struct Nobody;

impl Caller for Nobody {
    fn has_scope(&self, _: &str) -> bool {
        false
    }
}

impl Api for Nothing {
    type Caller = Nobody;
    type Error = Problem;

    async fn authenticate(&self, _: &str) -> Result<Nobody, Problem> {
        Ok(Nobody)
    }

    async fn admit(&self, _: &'static Operation, _: Option<&Nobody>) -> Result<Vec<Quota>, Problem> {
        Ok(Vec::new())
    }
}

/// A reply as it is.
pub struct Told(pub Reply);

impl Answer for Told {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(self.0)
    }
}

impl From<String> for Told {
    fn from(text: String) -> Self {
        Self(Reply::new(200).bytes("text/plain", text))
    }
}

/// Adds an operation to routes: what its request is decoded to becomes the response.
macro_rules! serve {
    ($routes:expr, $operation:expr, $decode:expr) => {
        serve!($routes, $operation, $decode, async |_, (text,): (String,)| {
            Ok::<_, contract::Problem>(crate::service::Told::from(text))
        })
    };
    ($routes:expr, $operation:expr, $decode:expr, $call:expr) => {
        $routes.serve(
            &$operation,
            move |axum::extract::State(service): axum::extract::State<std::sync::Arc<crate::service::Nothing>>,
                  request: axum::extract::Request| {
                contract::public(&$operation, service, request, $decode, $call)
            },
        )
    };
}
pub(crate) use serve;

pub fn router(routes: contract::Routes<Nothing>) -> Router {
    routes.router(Arc::new(Nothing))
}

pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Got {
    pub fn head(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The code of a problem document.
    pub fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.text).unwrap_or_default();
        let field = problem["errors"][0]["code"].as_str().or(problem["code"].as_str());
        field.unwrap_or(&self.text).to_owned()
    }
}

pub async fn ask(router: &Router, method: &str, target: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Got {
    let mut request = Request::builder().method(method).uri(target).body(body.into()).expect("a request");
    contract::normalize(request.uri_mut());
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).expect("a name");
        request.headers_mut().append(name, HeaderValue::try_from(*value).expect("a value"));
    }
    let (parts, body) = router.clone().oneshot(request).await.expect("infallible").into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Got { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&body).into_owned() }
}

pub async fn get(router: &Router, target: &str) -> Got {
    ask(router, "GET", target, &[], Body::empty()).await
}

/// A body with its media type.
pub async fn post(router: &Router, target: &str, media: &str, body: impl Into<Vec<u8>>) -> Got {
    let body = body.into();
    let length = body.len().to_string();
    ask(router, "POST", target, &[("content-type", media), ("content-length", &length)], body).await
}
