//! A service that responds with what a test gives it.

use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use contract::{
    Answer, Api, Caller, Input, Mode, Once, Operation, Parameter, Problem, Quota, Reply, RequestId, Responses, Routes,
    Schemas, Statuses, Text, Violation, responses,
};
use http_body_util::BodyExt as _;
use tokio::sync::{Mutex as Turn, MutexGuard};
use tower::ServiceExt as _;

static SCHEMAS: Schemas = Schemas::new(include_str!("document.json"));

pub static THING: Operation = Operation {
    id: "get_thing",
    path: "/thing",
    codes: &["*"],
    statuses: Statuses::of(&[200, 204, 303]).ranges(&[4]).with_default(),
    responses: responses!(SCHEMAS, "/paths/~1thing/get"),
    ..Operation::NEW
};
static STREAMS: Operation = Operation {
    id: "streams",
    path: "/streams",
    statuses: Statuses::of(&[200]),
    responses: responses!(SCHEMAS, "/components/pathItems/Streams/get"),
    ..Operation::NEW
};
static REPLAYED: Operation = Operation {
    id: "replayed",
    method: "POST",
    path: "/replayed",
    statuses: Statuses::of(&[201]),
    responses: responses!(SCHEMAS, "/paths/~1replayed/post"),
    ..Operation::NEW
};
static HEAD: Operation = Operation {
    id: "head_thing",
    method: "HEAD",
    path: "/head",
    statuses: Statuses::of(&[200]),
    responses: responses!(SCHEMAS, "/paths/~1thing/get"),
    ..Operation::NEW
};

/// What the next request gets.
type Next = Box<dyn FnOnce() -> Result<Reply, Problem> + Send>;
static NEXT: Mutex<Option<Next>> = Mutex::new(None);
static TOLD: Mutex<Vec<Report>> = Mutex::new(Vec::new());
static TURN: Turn<()> = Turn::const_new(());

fn next() -> Result<Reply, Problem> {
    NEXT.lock().expect("no panic").take().expect("an answer")()
}

/// A service without anything behind it.
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

struct Told(Reply);

impl Answer for Told {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(self.0)
    }
}

fn short(input: &mut Input<'_>) -> Option<Option<String>> {
    input.optional(&Parameter::query("short"), |v, at| at.string(v, &Text::ANY.max(1)))
}

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let serve = |routes: Routes<Nothing>, operation: &'static Operation| {
        routes.serve(operation, move |State(service): State<Arc<Nothing>>, request: Request| {
            contract::public(operation, service, request, short, async |_, _| Ok::<_, Problem>(Told(next()?)))
        })
    };
    let routes = [&THING, &STREAMS, &HEAD].into_iter().fold(Routes::new(), serve);
    let replay = |State(service): State<Arc<Nothing>>, request: Request| {
        let stored = async |_, _| Ok::<_, Problem>(Once::<Told>::Replayed(next()?.stored()?));
        contract::public(&REPLAYED, service, request, short, stored)
    };
    routes.serve(&REPLAYED, replay).router(Arc::new(Nothing))
});

/// A violation as it was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub operation: &'static str,
    pub status: u16,
    pub place: String,
    pub code: &'static str,
    pub request_id: Option<String>,
}

fn report(violation: &Violation<'_>) {
    TOLD.lock().expect("no panic").push(Report {
        operation: violation.operation,
        status: violation.status,
        place: violation.place().to_owned(),
        code: violation.error.code,
        request_id: violation.request_id.map(str::to_owned),
    });
}

/// A response, and what was reported meanwhile.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    /// What arrived, and whether that was all.
    pub body: (String, bool),
    pub told: Vec<Report>,
    /// By how much the count of violations of things grew.
    pub counted: u64,
}

impl Got {
    /// What was reported, if it was one thing.
    #[track_caller]
    pub fn only(&self) -> (&str, &'static str) {
        let [one] = self.told.as_slice() else { panic!("{:?}", self.told) };
        (&one.place, one.code)
    }
}

/// Sets the mode until the guard is dropped.
pub async fn under(mode: Mode) -> MutexGuard<'static, ()> {
    let turn = TURN.lock().await;
    contract::report_to(report);
    contract::set_mode(mode);
    turn
}

/// One request that gets a reply, under a mode.
pub async fn ask(
    mode: Mode,
    method: &str,
    target: &str,
    reply: impl FnOnce() -> Result<Reply, Problem> + Send + 'static,
) -> Got {
    let _turn = under(mode).await;
    let count = || THING.responses.map_or(0, Responses::violations);
    let before = count();
    TOLD.lock().expect("no panic").clear();
    *NEXT.lock().expect("no panic") = Some(Box::new(reply));
    let mut request = Request::builder().method(method).uri(target).body(Body::empty()).expect("a request");
    request.extensions_mut().insert(RequestId(Arc::from("the-request")));
    let (parts, mut body) = ROUTER.clone().oneshot(request).await.expect("infallible").into_parts();
    let (mut text, mut complete) = (String::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.push_str(&String::from_utf8_lossy(&frame.into_data().expect("data"))),
            Err(_) => complete = false,
        }
    }
    let told = TOLD.lock().expect("no panic").clone();
    Got { status: parts.status.as_u16(), body: (text, complete), told, counted: count() - before }
}
