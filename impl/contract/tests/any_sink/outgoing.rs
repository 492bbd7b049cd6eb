//! Requests that a service sends: webhooks and callbacks.

use contract::{Bytes, OutgoingFile, OutgoingRequest, Problem};
use kitchen_sink_any_api::models::{Account, Circle, Shape, Upload};
use kitchen_sink_any_api::outgoing::{
    AccountMade, AuditedRemoval, ShapeAdded, ToldOfRemoval, Uploaded, UploadedBody, UploadedForm,
};
use serde_json::{Map, Value, json};

const RECEIVER: &str = "https://receiver.example/hooks?own=1#here";

async fn subscribe(target: &str, body: Value) -> crate::Got {
    crate::post(target, "application/json", body.to_string()).await
}

fn header<'r>(request: &'r OutgoingRequest, name: &str) -> Option<&'r str> {
    let mut found = request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.as_str())
}

fn upload(title: &str) -> Upload {
    Upload { title: title.to_owned(), additional_properties: Map::new() }
}

fn added(radius: f64) -> ShapeAdded {
    ShapeAdded {
        since: Some("2026-11-30".parse().expect("a date")),
        sizes: Some(vec![1, 2]),
        x_trace: "ab, c".to_owned(),
        session: Some("a;b".to_owned()),
        body: Shape::Circle(Circle { kind: kitchen_sink_any_api::models::CircleKind::Circle, radius }),
    }
}

/// The first violation of a request that the service itself got wrong.
#[track_caller]
fn fault(request: Result<OutgoingRequest, Problem>) -> String {
    let problem = request.expect_err("it breaks the document");
    assert_eq!(problem.status(), 500);
    problem.cause().expect("a cause").to_string()
}

#[tokio::test]
async fn a_callback_goes_where_the_client_says() {
    let told = |body: Value, target: &'static str| async move { subscribe(target, body).await.json(201) };
    let audited = "https://audit.example/a%2Fb";
    let both = json!({ "urls": { "added": "https://a.example/hook", "removed": "http://[::1]:8080/x?y=1#z" } });
    let urls = told(both, "/v2/subscriptions?from=a%26b").await;
    assert_eq!(
        urls,
        json!({ "added": "https://a.example/hook?from=a%26b", "removed": "http://[::1]:8080/x?y=1", "audited": audited })
    );
    let one = json!({ "urls": { "added": "https://a.example/hook" } });
    assert_eq!(
        told(one, "/v2/subscriptions").await,
        json!({ "added": "https://a.example/hook?from=", "audited": audited })
    );
    assert_eq!(told(json!({ "urls": {} }), "/v2/subscriptions").await, json!({ "audited": audited }));
    for wrong in ["ftp://a.example", "/hook", "javascript:alert(1)", "http://", "mailto:a@b.example", ""] {
        let got = subscribe("/v2/subscriptions", json!({ "urls": { "removed": wrong } })).await;
        let problem = got.json(422);
        assert_eq!(problem["errors"][0]["pointer"], "#/urls/removed", "{wrong}: {problem}");
        assert_eq!(problem["errors"][0]["code"], "invalid_format");
    }
}

#[test]
fn a_request_is_written_as_its_document_says() {
    let request = added(0.5).request(RECEIVER).expect("a request");
    assert_eq!((request.operation, request.method), ("shape_added", "POST"));
    assert_eq!(request.url, "https://receiver.example/hooks?own=1&since=2026-11-30&sizes=1%7C2");
    assert_eq!(header(&request, "x-trace"), Some("ab, c"));
    assert_eq!(header(&request, "cookie"), Some("session=a%3Bb"));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).expect("JSON"),
        json!({ "kind": "circle", "radius": 0.5 })
    );

    let request = ToldOfRemoval {}.request("http://receiver.example").expect("a request");
    assert_eq!((request.method, request.url.as_str(), request.body.len()), ("DELETE", "http://receiver.example/", 0));
    assert!(request.headers.is_empty());
}

#[test]
fn what_breaks_the_document_is_not_sent() {
    assert_eq!(
        fault(added(0.005).request(RECEIVER)),
        "shape_added has no valid Body #/radius: not_a_multiple: Must be a multiple of 0.01."
    );
    let header = fault(ShapeAdded { x_trace: "a".to_owned(), ..added(1.0) }.request(RECEIVER));
    assert!(header.contains("Header X-Trace: too_short"), "{header}");
    let split = fault(ShapeAdded { x_trace: "a\r\nb: c".to_owned(), ..added(1.0) }.request(RECEIVER));
    assert!(split.contains("Header X-Trace: invalid_format"), "{split}");
    let query = fault(ShapeAdded { sizes: Some(vec![1, 2, 3]), ..added(1.0) }.request(RECEIVER));
    assert!(query.contains("Query sizes: too_many_items"), "{query}");
    let text = fault(AuditedRemoval { body: Some("longer".to_owned()) }.request(RECEIVER));
    assert!(text.contains("Body #: too_long"), "{text}");
    assert!(fault(ToldOfRemoval {}.request("receiver.example")).contains("url: invalid_format"));

    // What is write-only the service keeps to itself.
    let account = |password: Option<&str>| AccountMade {
        body: Account {
            id: Some(1),
            name: "Ada".to_owned(),
            password: password.map(str::to_owned),
            additional_properties: Map::new(),
        },
    };
    let request = account(None).request(RECEIVER).expect("a request");
    assert_eq!(serde_json::from_slice::<Value>(&request.body).expect("JSON"), json!({ "id": 1, "name": "Ada" }));
    assert!(fault(account(Some("secret")).request(RECEIVER)).contains("#/password"));
}

#[test]
fn bodies_of_several_media_types_are_written_as_each_of_them() {
    let request = |body| Uploaded { body }.request(RECEIVER).expect("a request");
    let form = request(UploadedBody::Form(upload("a b&c=ü")));
    assert_eq!(header(&form, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(form.body, "title=a%20b%26c%3D%C3%BC");

    let picture = request(UploadedBody::Bytes("image/webp".to_owned(), Bytes::from_static(b"\x00\xff")));
    assert_eq!((header(&picture, "content-type"), &*picture.body), (Some("image/webp"), &b"\x00\xff"[..]));

    let file = OutgoingFile {
        name: "a\".png".to_owned(),
        media_type: Some("image/png".to_owned()),
        content: b"png\r\n--".to_vec(),
    };
    let parts = UploadedForm { about: upload("A"), picture: file, tags: Some(vec!["x".to_owned(), "y".to_owned()]) };
    let parts = request(UploadedBody::Multipart(parts));
    let boundary = header(&parts, "content-type")
        .and_then(|media| media.strip_prefix("multipart/form-data; boundary="))
        .expect("a boundary");
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"about\"\r\nContent-Type: application/json\r\n\r\n{{\"title\":\"A\"}}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a%22.png\"\r\nContent-Type: image/png\r\n\r\npng\r\n--\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\nx\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\ny\r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&parts.body), expected);
}
