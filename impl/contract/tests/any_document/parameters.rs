//! Parameters in places and styles that ours do not have.

use std::sync::LazyLock;

use axum::Router;
use contract::{Bounds, Decoder, Input, Items, Operation, Parameter, Routes, Statuses, Text, Value};

use crate::service::{ask, get, router, serve};

static ALL: Operation = Operation {
    id: "all",
    path: "/all/{point}/{ids}",
    query: Some(&["key"]),
    statuses: Statuses::of(&[200, 400, 422, 500]),
    ..Operation::NEW
};

fn point(value: Value<'_>, at: &mut Decoder) -> Option<String> {
    let mut object = at.object(value, &Bounds::ANY)?;
    let x = object.required(at, "x", |v, at| at.integer::<i64>(v, &contract::Integer::INT64));
    let y = object.required(at, "y", |v, at| at.integer::<i64>(v, &contract::Integer::INT64));
    object.close(at);
    Some(format!("{},{}", x?, y?))
}

fn list(value: Value<'_>, at: &mut Decoder) -> Option<String> {
    at.array(value, &Items::ANY.max(3), |v, at| at.string(v, &Text::ANY)).map(|items| items.join("|"))
}

fn all(input: &mut Input<'_>) -> Option<(String,)> {
    const POINT: &[&str] = &["x", "y"];
    let found = [
        input.required(&Parameter::path("point").matrix().object(POINT).exploded(true), point),
        input.required(&Parameter::path("ids").label().array(), list),
        input.optional(&Parameter::query("deep").deep_object().object(POINT), point)?,
        input.optional(&Parameter::query("flat").object(POINT), point)?,
        input.optional(&Parameter::query("pipes").pipe_delimited().array(), list)?,
        input.optional(&Parameter::query("json").json(), point)?,
        input.optional(&Parameter::cookie("session"), |v, at| at.string(v, &Text::ANY.min(2)))?,
        input.optional(&Parameter::header("X-List").array(), list)?,
        Some(input.defaulted(&Parameter::query("empty").allow_empty(), "\"none\"", |v, at| at.string(v, &Text::ANY))?),
    ];
    Some((found.map(Option::unwrap_or_default).join(" "),))
}

static ROUTER: LazyLock<Router> = LazyLock::new(|| router(serve!(Routes::new(), ALL, all)));

const PATH: &str = "/all/;x=1;y=-2/.a.b";

#[tokio::test]
async fn every_place_and_style_is_read() {
    let query = "deep[x]=1&deep[y]=2&x=3&y=4&pipes=a|b%7Cc&json={%22x%22:5,%22y%22:6}&empty=&key=k&_=1";
    let headers = [("cookie", "a=b; session=s%20s"), ("x-list", "a, b"), ("x-list", "c")];
    let got = ask(&ROUTER, "GET", &format!("{PATH}?{query}"), &headers, "").await;
    assert_eq!(got.text, "1,-2 a|b 1,2 3,4 a|b|c 5,6 s s a|b|c none");
    assert_eq!(get(&ROUTER, PATH).await.text, "1,-2 a|b       none");
}

#[tokio::test]
async fn violations_name_their_place() {
    for (target, place, name, code) in [
        ("/all/1,2/.a", "path", "point", "invalid_format"),
        ("/all/;x=1/.a", "path", "point", "required"),
        ("/all/;x=1;y=2/.a.b.c.d", "path", "ids", "too_many_items"),
        ("/all/;x=1;y=2/.a?deep[x]=1", "query", "deep", "required"),
        ("/all/;x=1;y=2/.a?deep[x]=1&deep[y]=2&deep[z]=3", "query", "deep", "unknown_member"),
        ("/all/;x=1;y=2/.a?x=1", "query", "flat", "required"),
        ("/all/;x=1;y=2/.a?json={", "query", "json", "invalid_format"),
        ("/all/;x=1;y=2/.a?other=1", "query", "other", "unknown_parameter"),
        ("/all/;x=1;y=2/.a?deep=1", "query", "deep", "unknown_parameter"),
    ] {
        let got = get(&ROUTER, target).await;
        let problem: serde_json::Value = serde_json::from_str(&got.text).expect("a problem");
        let error = &problem["errors"][0];
        assert_eq!(
            (&error["in"], &error["parameter"], &error["code"]),
            (&place.into(), &name.into(), &code.into()),
            "{problem}"
        );
    }
    let got = ask(&ROUTER, "GET", PATH, &[("cookie", "session=s")], "").await;
    assert!(got.text.contains(r#""in":"cookie","parameter":"session","code":"too_short""#), "{}", got.text);
}
