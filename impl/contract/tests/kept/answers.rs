//! A service that answers with what a test gives it.

use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::Body;
use contract::{
    Mode, Once, Operation, Parameter, Problem, Reply, RequestId, Routes, Schemas, Statuses, Text, Violation, responses,
};
use http::Request;
use http_body_util::BodyExt as _;
use tokio::sync::{Mutex as Turn, MutexGuard};
use tower::ServiceExt as _;

use crate::service::{Nothing, Told, router, serve};

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

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let routes = Routes::<Nothing>::new();
    let wanted = |input: &mut contract::Input<'_>| {
        Some((input.optional(&Parameter::query("short"), |v, at| at.string(v, &Text::ANY.max(1)))?,))
    };
    let answer = async |_, _: (Option<String>,)| Ok::<_, Problem>(Told(next()?));
    let routes = serve!(routes, THING, wanted, answer);
    let routes = serve!(routes, STREAMS, |_| Some(()), async |_, ()| Ok::<_, Problem>(Told(next()?)));
    let routes = serve!(routes, HEAD, |_| Some(()), async |_, ()| Ok::<_, Problem>(Told(next()?)));
    router(serve!(routes, REPLAYED, |_| Some(()), async |_, ()| {
        let stored = next()?.stored()?;
        Ok::<_, Problem>(Once::<Told>::Replayed(stored))
    }))
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

/// One request that is answered with a reply, under a mode.
pub async fn ask(
    mode: Mode,
    method: &str,
    target: &str,
    reply: impl FnOnce() -> Result<Reply, Problem> + Send + 'static,
) -> Got {
    let _turn = under(mode).await;
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
    Got { status: parts.status.as_u16(), body: (text, complete), told }
}
