//! Templates of any shape, methods of any kind, and paths in any spelling.

use std::sync::LazyLock;

use axum::Router;
use contract::{Input, Operation, Parameter, Routes, Statuses};
use proptest::prelude::*;

use crate::service::{Nothing, ask, get, router, serve};

const fn operation(id: &'static str, method: &'static str, path: &'static str) -> Operation {
    Operation { id, method, path, statuses: Statuses::of(&[200, 400, 422, 500]), ..Operation::NEW }
}

fn none(input: &mut Input<'_>) -> Option<(String,)> {
    let _ = input;
    Some((String::new(),))
}

fn a(input: &mut Input<'_>) -> Option<(String,)> {
    input.required(&Parameter::path("a"), |v, at| at.string(v, &contract::Text::ANY)).map(|a| (a,))
}

fn ab(input: &mut Input<'_>) -> Option<(String,)> {
    let (a,) = a(input)?;
    let b = input.required(&Parameter::path("b"), |v, at| at.string(v, &contract::Text::ANY))?;
    Some((format!("{a}|{b}"),))
}

macro_rules! operations {
    ($routes:expr, $($id:ident $method:literal $path:literal $decode:ident;)*) => {{
        $(static $id: Operation = operation(stringify!($id), $method, $path);)*
        let mut routes = $routes;
        $(routes = serve!(routes, $id, $decode, async |_, (text,): (String,)| {
            Ok::<_, contract::Problem>(crate::service::Told::from(format!("{} {text}", stringify!($id))))
        });)*
        routes
    }};
}

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    router(operations!(Routes::<Nothing>::new(),
        ROOT "GET" "/" none;
        PLAIN "GET" "/plain/{a}" a;
        PLAIN_POST "POST" "/plain/{id}" none;
        PLAIN_DEEPER "GET" "/plain/{b}/{a}" a;
        CONCRETE "GET" "/plain/concrete" none;
        TWICE "GET" "/plain/{c}" none;
        ITEM "GET" "/files/{a}" a;
        ITEM_PUT "PUT" "/files/{a}" a;
        JSON "GET" "/files/{a}.json" a;
        VERB "POST" "/files/{a}:verb" a;
        LATEST "GET" "/files/latest" none;
        PAIR "GET" "/{a}-{b}" ab;
        COLON "GET" "/odd/:id" none;
        STAR "GET" "/odd/*all" none;
        SPACE "GET" "/odd/a b" none;
        UMLAUT "GET" "/odd/ü/{a}" a;
        QUOTE "GET" "/odd/\"quoted\"" none;
        BRACES "GET" "/odd/{a}(x)" a;
        SLASH "GET" "/items/" none;
        NO_SLASH "GET" "/items" none;
        ONLY_SLASH "GET" "/only/" none;
        HEAD "HEAD" "/methods" none;
        OPTIONS "OPTIONS" "/methods" none;
        TRACE "TRACE" "/methods" none;
        PATCH "PATCH" "/methods" none;
        DELETE "DELETE" "/methods" none;
        GET_ONLY "GET" "/get" none;
        BROKEN "GET" "/broken/{a" none;
        STRANGE "FETCH" "/strange" none;
    ))
});

#[tokio::test]
async fn requests_find_their_operation() {
    for (target, expected) in [
        ("/", "ROOT "),
        ("/?a=1", "ROOT "),
        ("/plain/1", "PLAIN 1"),
        ("/plain/a%2Fb%20c", "PLAIN a/b c"),
        ("/%70lain/1?x=1", "PLAIN 1"),
        ("/plain/1/2", "PLAIN_DEEPER 2"),
        ("/plain/concrete", "CONCRETE "),
        ("/plain/%63oncrete", "CONCRETE "),
        ("/files/1", "ITEM 1"),
        ("/files/1.json", "JSON 1"),
        ("/files/1.xml", "ITEM 1.xml"),
        ("/files/1%2Ejson", "JSON 1"),
        ("/files/.json", "ITEM .json"),
        ("/files/latest", "LATEST "),
        ("/x-y-z", "PAIR x|y-z"),
        ("/x%2Dy", "PAIR x|y"),
        ("/%C3%BC-%2F", "PAIR ü|/"),
        ("/odd/:id", "COLON "),
        ("/odd/%3Aid", "COLON "),
        ("/odd/%3aid", "COLON "),
        ("/odd/*all", "STAR "),
        ("/odd/a%20b", "SPACE "),
        ("/odd/%C3%BC/1", "UMLAUT 1"),
        ("/odd/%c3%bc/%c3%bc", "UMLAUT ü"),
        ("/odd/%22quoted%22", "QUOTE "),
        ("/odd/7(x)", "BRACES 7"),
        ("/items", "NO_SLASH "),
        ("/items/", "SLASH "),
        ("/only/", "ONLY_SLASH "),
        // One slash too many is none.
        ("/plain/1/", "PLAIN 1"),
        ("/files/1.json/", "JSON 1"),
        ("/get/", "GET_ONLY "),
    ] {
        let got = get(&ROUTER, target).await;
        assert_eq!((got.status.as_u16(), &*got.text), (200, expected), "{target}");
    }
}

#[tokio::test]
async fn what_no_template_has_is_not_found() {
    for target in [
        "/plain",
        "/plain/",
        "/only",
        "/odd/b",
        "/items//",
        "//",
        "/broken/1",
        "/broken/{a",
        "/strange",
        "/-",
        "/files/1/2",
    ] {
        assert_eq!(get(&ROUTER, target).await.status, 404, "{target}");
    }
    assert_eq!(get(&ROUTER, "/plain/%ff").await.code(), "invalid_encoding");
    assert_eq!(get(&ROUTER, "/files/%ff.json").await.code(), "invalid_encoding");
    assert_eq!(get(&router(Routes::new()), "/").await.status, 404);
}

#[tokio::test]
async fn every_method_is_served_by_its_operation() {
    for (method, target, expected) in [
        ("POST", "/plain/1", "PLAIN_POST "),
        ("POST", "/files/1:verb", "VERB 1"),
        ("PUT", "/files/1", "ITEM_PUT 1"),
        ("HEAD", "/methods", ""),
        ("OPTIONS", "/methods", "OPTIONS "),
        ("TRACE", "/methods", "TRACE "),
        ("PATCH", "/methods", "PATCH "),
        ("DELETE", "/methods", "DELETE "),
        ("HEAD", "/get", ""),
        ("HEAD", "/files/1.json", ""),
    ] {
        let got = ask(&ROUTER, method, target, &[], "").await;
        assert_eq!((got.status.as_u16(), &*got.text), (200, expected), "{method} {target}");
    }
    for (method, target, allow) in [
        ("PUT", "/plain/1", "GET,HEAD,POST"),
        ("POST", "/plain/concrete", "GET,HEAD"),
        ("DELETE", "/files/1", "GET,HEAD,PUT"),
        ("GET", "/files/1:verb", "POST"),
        ("GET", "/methods", "DELETE,HEAD,OPTIONS,PATCH,TRACE"),
        ("OPTIONS", "/get", "GET,HEAD"),
        ("POST", "/%67et", "GET,HEAD"),
    ] {
        let got = ask(&ROUTER, method, target, &[], "").await;
        let mut allowed: Vec<_> = got.head("allow").split(',').collect();
        allowed.sort_unstable();
        assert_eq!((got.status.as_u16(), &*allowed.join(",")), (405, allow), "{method} {target}");
    }
}

proptest! {
    /// No path ends the process, and what is found is the same however the path is spelt.
    #[test]
    fn any_path_is_answered(path in "/(plain|files|odd|[a-z%]{0,3})?(/([.:a-z*(){}-]|%[0-9a-fA-F]{2}|\\PC){0,6}){0,3}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        if http::Uri::try_from(&path).is_ok_and(|uri| uri.path().starts_with('/')) {
            let found = runtime.block_on(get(&ROUTER, &path));
            let spelt: String = path.chars().map(|c| if c.is_ascii_alphabetic() && !path.contains('%') { format!("%{:02x}", c as u32) } else { c.to_string() }).collect();
            let again = runtime.block_on(get(&ROUTER, &spelt));
            prop_assert_eq!((found.status, found.text), (again.status, again.text), "{}", path);
        }
    }
}
