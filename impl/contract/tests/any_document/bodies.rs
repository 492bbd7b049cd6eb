//! Bodies of any media type.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use contract::{BodyRule, Bounds, Input, Items, Media, Operation, Parameter, Problem, Routes, Statuses, Text};
use futures_util::{StreamExt as _, stream};

use crate::service::{Told, ask, post, router, serve};

const STATUSES: Statuses = Statuses::of(&[200, 400, 408, 413, 415, 422, 500]);

static SEVERAL: Operation = Operation {
    id: "several",
    method: "POST",
    path: "/several",
    body: Some(BodyRule {
        media: &[
            Media::of("application/json"),
            Media::of("application/vnd.x+json;v=1"),
            Media::of("text/plain"),
            Media::of("image/*"),
            Media::of("application/xml").text(),
            Media::of("*/*"),
        ],
        required: true,
        limit: 100,
    }),
    statuses: STATUSES,
    ..Operation::NEW
};

fn several(input: &mut Input<'_>) -> Option<(String,)> {
    let media = input.media();
    let body = match media {
        3 | 5 => format!("{:?}", input.bytes()?),
        _ => input.body(|v, at| at.string(v, &Text::ANY))?,
    };
    Some((format!("{media} {body}"),))
}

static FORM: Operation = Operation {
    id: "form",
    method: "POST",
    path: "/form",
    body: Some(BodyRule {
        media: &[Media::of("application/x-www-form-urlencoded")
            .fields(&[Parameter::query("tags").array().exploded(false), Parameter::query("meta").json()])],
        required: true,
        limit: 1000,
    }),
    statuses: STATUSES,
    ..Operation::NEW
};

fn form(input: &mut Input<'_>) -> Option<(String,)> {
    let found = input.body(|v, at| {
        let mut object = at.object(v, &Bounds::ANY)?;
        let tags = object.required(at, "tags", |v, at| at.array(v, &Items::ANY, |v, at| at.string(v, &Text::ANY)));
        let meta = object.optional(at, "meta", |v, at| at.boolean(v));
        object.close(at);
        Some(format!("{:?} {:?}", tags?, meta?))
    });
    Some((found?,))
}

static STREAM: Operation = Operation {
    id: "stream",
    method: "POST",
    path: "/stream",
    body: Some(BodyRule { media: &[Media::of("application/octet-stream").stream()], required: true, limit: 200_000 }),
    statuses: STATUSES,
    ..Operation::NEW
};

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let routes = serve!(serve!(Routes::new(), SEVERAL, several), FORM, form);
    router(serve!(routes, STREAM, |input| Some((input.stream()?,)), async |_, (mut body,): (contract::BodyStream,)| {
        let (mut size, mut pieces) = (0, 0);
        while let Some(piece) = body.next().await {
            size += piece.map_err(Problem::of_body)?.len();
            pieces += 1;
        }
        Ok::<_, Problem>(Told::from(format!("{size} in {}", if pieces > 1 { "pieces" } else { "one" })))
    }))
});

#[tokio::test]
async fn the_media_type_says_how_a_body_is_read() {
    for (media, body, status, expected) in [
        ("application/json", "\"a\"", 200, "0 a"),
        ("application/json; charset=UTF-8", "\"ü\"", 200, "0 ü"),
        ("application/json; charset=latin1", "\"a\"", 415, "unsupported_media_type"),
        ("application/json", "a", 400, "malformed_body"),
        ("application/json", "", 400, "missing_body"),
        ("application/vnd.x+json; v=1", "\"a\"", 200, "1 a"),
        ("application/vnd.x+json", "\"a\"", 200, "5 b\"\\\"a\\\"\""),
        ("text/plain", "a", 200, "2 a"),
        ("text/plain", "", 200, "2 "),
        ("text/plain; charset=utf-16", "a", 415, "unsupported_media_type"),
        ("text/plain; charset=us-ascii", "ü", 400, "invalid_encoding"),
        ("application/xml", "<a/>", 200, "4 <a/>"),
        ("image/png", "\u{0}", 200, "3 b\"\\0\""),
        ("video/mp4", "v", 200, "5 b\"v\""),
        ("nonsense", "v", 415, "unsupported_media_type"),
    ] {
        let got = post(&ROUTER, "/several", media, body).await;
        let told = if status == 200 { got.text.clone() } else { got.code() };
        assert_eq!((got.status.as_u16(), &*told), (status, expected), "{media} {body}");
    }
    assert_eq!(post(&ROUTER, "/several", "text/plain; charset=iso-8859-1", b"\xfc").await.text, "2 ü");
    assert_eq!(post(&ROUTER, "/several", "text/plain", b"\xfc").await.code(), "invalid_encoding");
    assert_eq!(post(&ROUTER, "/several", "image/png", "x".repeat(101)).await.code(), "body_too_large");
    let untyped = ask(&ROUTER, "POST", "/several", &[("content-length", "1")], "x").await;
    assert_eq!(untyped.text, "5 b\"x\"");
    let refused = post(&ROUTER, "/form", "text/plain", "a").await;
    assert_eq!(refused.head("accept-post"), "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn fields_of_a_form_have_styles() {
    const MEDIA: &str = "application/x-www-form-urlencoded";
    for (body, expected) in [
        ("tags=a,b%2Cc&meta=true", "[\"a\", \"b,c\"] Some(true)"),
        ("tags=a+b", "[\"a b\"] None"),
        ("tags=a&tags=b", "duplicate"),
        ("tags=a&meta=maybe", "invalid_format"),
        ("tags=a&other=1", "unknown_member"),
        ("meta=true", "required"),
    ] {
        let got = post(&ROUTER, "/form", MEDIA, body).await;
        assert_eq!(if got.status == 200 { got.text.clone() } else { got.code() }, expected, "{body}: {}", got.text);
    }
}

#[tokio::test]
async fn a_streamed_body_is_bounded_and_told_when_it_breaks() {
    const MEDIA: (&str, &str) = ("content-type", "application/octet-stream");
    const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");
    let send = async |headers: &[(&str, &str)], pieces: Vec<Result<Bytes, std::io::Error>>| {
        ask(&ROUTER, "POST", "/stream", headers, Body::from_stream(stream::iter(pieces))).await
    };
    let piece = || Ok(Bytes::from(vec![b'x'; 10_000]));
    assert_eq!(send(&[MEDIA, CHUNKED], (0..20).map(|_| piece()).collect()).await.text, "200000 in pieces");
    assert_eq!(send(&[MEDIA, CHUNKED], (0..21).map(|_| piece()).collect()).await.code(), "body_too_large");
    let broken = vec![piece(), Err(std::io::ErrorKind::ConnectionReset.into())];
    assert_eq!(send(&[MEDIA, CHUNKED], broken).await.code(), "incomplete_body");
    assert_eq!(send(&[], vec![]).await.code(), "missing_body");
    assert_eq!(send(&[MEDIA, ("content-length", "200001")], vec![]).await.code(), "body_too_large");

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &vec![b'x'; 150_000]).expect("packed");
    let packed = packed.finish().expect("packed");
    let gzip = [MEDIA, CHUNKED, ("content-encoding", "gzip")];
    let pieces = |packed: &[u8]| packed.chunks(50).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    assert!(send(&gzip, pieces(&packed)).await.text.starts_with("150000"));
    assert_eq!(send(&gzip, pieces(&packed[..packed.len() - 9])).await.code(), "malformed_body");
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut bomb, &vec![b'x'; 300_000]).expect("packed");
    assert_eq!(send(&gzip, pieces(&bomb.finish().expect("packed"))).await.code(), "body_too_large");
}

#[tokio::test(start_paused = true)]
async fn a_streamed_body_that_does_not_arrive_is_408() {
    let headers = [("content-type", "application/octet-stream"), ("transfer-encoding", "chunked")];
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    assert_eq!(ask(&ROUTER, "POST", "/stream", &headers, never).await.code(), "request_timeout");
}
