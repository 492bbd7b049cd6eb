//! A service with one operation for each case that the code around a router must handle.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use contract::{Answer, Api, BodyRule, Caller, Operation, Problem, Quota, Reply, Statuses};
use platform::Error;

/// Its OpenAPI document.
pub const DOCUMENT: &str = r#"{
  "openapi": "3.0.3",
  "servers": [{"url": "/"}],
  "paths": {"/api/quick": {"get": {"operationId": "quick"}}},
  "components": {"securitySchemes": {"oauth2": {"flows": {"password": {"tokenUrl": "/api/login"}}}}}
}"#;

struct Demo;

/// There is no authentication.
struct Nobody;

impl Caller for Nobody {
    fn has_scope(&self, _: &str) -> bool {
        false
    }
}

impl Api for Demo {
    type Caller = Nobody;
    type Error = Error;

    async fn authenticate(&self, _: &str) -> Result<Nobody, Error> {
        Err(Problem::unauthorized("invalid_token", "Nobody logs in here.").into())
    }

    async fn admit(&self, _: &'static Operation, _: Option<&Nobody>) -> Result<Vec<Quota>, Error> {
        Ok(Vec::new())
    }
}

struct Sized(usize);

/// Created once, so that many large responses cost no memory.
static LETTERS: LazyLock<Bytes> = LazyLock::new(|| vec![b'x'; 64 * 1024 * 1024].into());

impl Answer for Sized {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(Reply::new(200).bytes("text/plain", LETTERS.slice(..self.0)))
    }
}

const fn operation(id: &'static str, body: Option<BodyRule>) -> Operation {
    Operation { id, body, statuses: Statuses::of(&[200, 400, 408, 413, 415, 422, 429, 500, 503]), ..Operation::NEW }
}

static QUICK: Operation = operation("quick", None);
static FAILING: Operation = operation("failing", None);
static PANICKING: Operation = operation("panicking", None);
static SLOW: Operation = operation("slow", None);
static LARGE: Operation = operation("large", None);
static ECHO: Operation = operation(
    "echo",
    Some(BodyRule { media: &[contract::Media::of("application/json")], required: true, limit: 1_000_000 }),
);

async fn outside() -> Response {
    panic!("outside of any operation")
}

/// Its router, as a generated crate would create it.
pub fn router() -> axum::Router {
    type Demonstrated = State<Arc<Demo>>;
    async fn sized(operation: &'static Operation, demo: Arc<Demo>, request: Request, size: usize) -> Response {
        contract::public(operation, demo, request, |_| Some(()), async |_, ()| Ok::<_, Error>(Sized(size))).await
    }
    axum::Router::new()
        .route("/api/quick", get(|State(demo): Demonstrated, request: Request| sized(&QUICK, demo, request, 5)))
        .route(
            "/api/large",
            get(|State(demo): Demonstrated, request: Request| sized(&LARGE, demo, request, 64 * 1024 * 1024)),
        )
        .route(
            "/api/slow",
            get(|State(demo): Demonstrated, request: Request| {
                contract::public(
                    &SLOW,
                    demo,
                    request,
                    |_| Some(()),
                    async |_, ()| {
                        tokio::time::sleep(Duration::from_millis(800)).await;
                        Ok::<_, Error>(Sized(1))
                    },
                )
            }),
        )
        .route(
            "/api/failing",
            get(|State(demo): Demonstrated, request: Request| {
                contract::public(
                    &FAILING,
                    demo,
                    request,
                    |_| Some(()),
                    async |_, ()| Err::<Sized, _>(Error::internal("the secret reason")),
                )
            }),
        )
        .route(
            "/api/panicking",
            get(|State(demo): Demonstrated, request: Request| {
                contract::public(
                    &PANICKING,
                    demo,
                    request,
                    |_| Some(()),
                    async |_, ()| -> Result<Sized, Error> { panic!("on purpose") },
                )
            }),
        )
        .route("/api/outside", get(outside))
        .route(
            "/api/echo",
            post(|State(demo): Demonstrated, request: Request| {
                contract::public(
                    &ECHO,
                    demo,
                    request,
                    |input| input.body(|value, at| at.string(value, &contract::Text::ANY)),
                    async |_, text: String| Ok::<_, Error>(Sized(text.len())),
                )
            }),
        )
        .with_state(Arc::new(Demo))
}
