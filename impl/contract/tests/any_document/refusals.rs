//! Error responses in the shape that the document gives them.

use std::sync::LazyLock;

use axum::Router;
use contract::{Operation, Parameter, Problem, Reply, Routes, Statuses, Text};
use serde_json::json;

use crate::service::{Told, get, router, serve};

fn short(problem: &Problem) -> Option<Reply> {
    Reply::new(200).json(&json!({"code": problem.status().as_u16(), "message": problem.detail()})).ok()
}

fn plain(problem: &Problem) -> Option<Reply> {
    Some(Reply::new(200).bytes("text/plain", format!("{}: {}", problem.title(), problem.code())))
}

static OWN: Operation = Operation {
    id: "own",
    path: "/own/{a}",
    statuses: Statuses::of(&[200, 422]).ranges(&[4]).with_default(),
    refusals: &[
        (Statuses::of(&[]).with_default(), plain),
        (Statuses::of(&[422]), short),
        (Statuses::of(&[409]), |_| None),
    ],
    ..Operation::NEW
};

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let decode = |input: &mut contract::Input<'_>| {
        input.required(&Parameter::path("a"), |v, at| at.string(v, &Text::ANY.min(2))).map(|a| (a,))
    };
    router(serve!(Routes::new(), OWN, decode, async |_, (a,): (String,)| match &*a {
        "conflict" => Err(Problem::conflict("idempotency_in_flight", "Not now.")),
        "wait" => Err(Problem::unavailable("overloaded", "Later.", 7)),
        "teapot" => Ok(Told(Reply::within(&Statuses::of(&[]).ranges(&[4]), 418)?)),
        "wrong" => Ok(Told(Reply::within(&Statuses::of(&[]).ranges(&[4]), 500)?)),
        "panic" => panic!("in the handler"),
        _ => Ok(Told::from(a)),
    }))
});

#[tokio::test]
async fn a_refusal_has_the_shape_of_its_status() {
    let got = get(&ROUTER, "/own/a").await;
    assert_eq!((got.status.as_u16(), got.head("content-type")), (422, "application/json"));
    assert_eq!(
        got.text,
        r#"{"code":422,"message":"The request does not conform to the API specification; see errors."}"#
    );
    let got = get(&ROUTER, "/own/wait").await;
    assert_eq!((got.status.as_u16(), &*got.text), (503, "Service Unavailable: overloaded"));
    assert_eq!((got.head("content-type"), got.head("retry-after")), ("text/plain", "7"));
    let got = get(&ROUTER, "/own/panic").await;
    assert_eq!((got.status.as_u16(), &*got.text), (500, "Internal Server Error: internal_error"));
    // A shape that has no place for it leaves the problem document.
    let got = get(&ROUTER, "/own/conflict").await;
    assert_eq!((got.status.as_u16(), got.head("content-type")), (409, "application/problem+json"));
    assert_eq!(got.code(), "idempotency_in_flight");
}

#[tokio::test]
async fn a_handler_chooses_within_a_range() {
    assert_eq!(get(&ROUTER, "/own/teapot").await.status, 418);
    assert_eq!(get(&ROUTER, "/own/wrong").await.status, 500);
}
