//! Responses in several media types, with headers of any schema.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use contract::{Operation, Problem, Reply, Routes, Statuses};

use crate::service::{Nothing, Told, ask, get, router, serve};

const STATUSES: Statuses = Statuses::of(&[200, 406, 500]);

static LIST: Operation = Operation { id: "list", path: "/list", statuses: STATUSES, ..Operation::NEW };
static TEXT: Operation = Operation { id: "text", path: "/text", statuses: STATUSES, ..Operation::NEW };
static IMAGE: Operation = Operation { id: "image", path: "/image", statuses: STATUSES, ..Operation::NEW };
static WRONG: Operation = Operation { id: "wrong", path: "/wrong", statuses: STATUSES, ..Operation::NEW };
static HEADERS: Operation = Operation { id: "headers", path: "/headers", statuses: STATUSES, ..Operation::NEW };
static STRICT: Operation =
    Operation { id: "strict", path: "/strict", produces: &["application/json"], statuses: STATUSES, ..Operation::NEW };
static UNDECLARED: Operation =
    Operation { id: "undeclared", path: "/undeclared", statuses: STATUSES, ..Operation::NEW };
static ENUM: Operation = Operation { id: "enum", path: "/enum", statuses: STATUSES, ..Operation::NEW };

fn headers() -> Result<Reply, Problem> {
    Reply::new(200)
        .header("x-count", 7)?
        .simple_header("x-list", &["a", "b"], false)?
        .simple_header("x-object", &BTreeMap::from([("R", 100), ("G", 200)]), true)?
        .optional_simple_header("x-none", None::<&String>, false)?
        .append_header("set-cookie", "a=1")?
        .simple_header("set-cookie", &["b=2", "c=3,4"], false)
}

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    macro_rules! replies {
        ($routes:expr, $($operation:ident => $reply:expr;)*) => {{
            let routes = $routes;
            $(let routes = serve!(routes, $operation, |_| Some(()), async |_, ()| Ok::<_, Problem>(Told($reply)));)*
            routes
        }};
    }
    let routes = replies!(Routes::<Nothing>::new(),
        LIST => Reply::new(200).body(&["application/json", "application/x-ndjson", "application/vnd.x+json"], &[1, 2])?;
        TEXT => Reply::new(200).body(&["text/plain", "application/json"], &"a\nb")?;
        IMAGE => Reply::new(200).bytes("image/*", "x").typed(&["image/*"], "image/png")?;
        WRONG => Reply::new(200).bytes("image/*", "x").typed(&["image/*"], "text/plain")?;
        HEADERS => headers()?;
        STRICT => Reply::new(200).json(&1)?;
        UNDECLARED => Reply::new(202);
    );
    let choose =
        |input: &mut contract::Input<'_>| Some((input.accept()?.best(&["text/csv", "text/html"]).to_string(),));
    router(serve!(routes, ENUM, choose))
});

async fn accepting(target: &str, accept: &str) -> (u16, String, String) {
    let got = ask(&ROUTER, "GET", target, &[("accept", accept)], "").await;
    (got.status.as_u16(), got.head("content-type").to_owned(), got.text)
}

#[tokio::test]
async fn the_client_chooses_among_media_types() {
    for (target, accept, media, body) in [
        ("/list", "*/*", "application/json", "[1,2]"),
        ("/list", "application/x-ndjson", "application/x-ndjson", "1\n2\n"),
        ("/list", "application/vnd.x+json, */*;q=0.1", "application/vnd.x+json", "[1,2]"),
        ("/list", "image/png", "application/json", "[1,2]"),
        ("/text", "", "text/plain", "a\nb"),
        ("/text", "application/json", "application/json", "\"a\\nb\""),
        ("/image", "image/gif", "image/png", "x"),
        ("/enum", "text/html", "text/plain", "1"),
        ("/enum", "image/png", "text/plain", "0"),
    ] {
        assert_eq!(accepting(target, accept).await, (200, media.to_owned(), body.to_owned()), "{target} {accept}");
    }
    assert_eq!(get(&ROUTER, "/list").await.head("vary"), "accept");
    assert_eq!(get(&ROUTER, "/wrong").await.code(), "internal_error");
}

#[tokio::test]
async fn only_a_document_that_declares_406_sends_it() {
    assert_eq!(accepting("/strict", "application/*").await.0, 200);
    let got = ask(&ROUTER, "GET", "/strict", &[("accept", "text/csv")], "").await;
    assert_eq!((got.status.as_u16(), &*got.code()), (406, "not_acceptable"));
}

#[tokio::test]
async fn headers_have_the_values_of_their_schemas() {
    let got = get(&ROUTER, "/headers").await;
    assert_eq!((got.head("x-count"), got.head("x-list"), got.head("x-object")), ("7", "a,b", "G=200,R=100"));
    let cookies: Vec<_> = got.headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("text")).collect();
    assert_eq!(cookies, ["a=1", "b=2", "c=3,4"]);
    assert!(!got.headers.contains_key("x-none"));
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn an_undeclared_status_is_a_fault_of_the_handler() {
    assert_eq!(get(&ROUTER, "/undeclared").await.status, 500);
}
