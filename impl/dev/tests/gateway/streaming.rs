//! Streaming: events at once, large responses compressed.

use http::Method;
use serde_json::json;
use testkit::documents::{any_prefix, is_served};

use crate::system::served;

/// The second event tells of what was done after the first had arrived: neither waited for the stream to end.
#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_at_once() {
    if !is_served("analytics") {
        return;
    }
    let (_stores, _services, _gateway, client) = served(&[]).await;
    let live = client.request(Method::GET, "/p3/api/p3/analytics/live?seconds=60").header("accept-encoding", "gzip");
    let mut live = live.send().await.expect("a stream");
    assert_eq!((live.status().as_u16(), live.headers().get("content-encoding")), (200, None));
    let first = live.chunk().await.expect("the stream goes on").expect("an event");
    assert!(String::from_utf8_lossy(&first).contains(r#""count":0"#), "{first:?}");
    client.post("/p3/api/p3/page-views", &json!({"path": "/live"})).await.expect(201);
    loop {
        let event = live.chunk().await.expect("the stream goes on").expect("it does not end before the view is in it");
        if String::from_utf8_lossy(&event).contains(r#""count":1"#) {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_for_those_who_read_that() {
    let (_stores, _services, _gateway, client) = served(&[]).await;
    let Some(prefix) = any_prefix() else { return };
    for (path, accepted, encoding) in [
        ("openapi.json", "gzip", "gzip"),
        ("openapi.json", "identity", ""),
        ("docs/swagger-ui-bundle.js", "br, gzip", "gzip"),
        ("docs/swagger-ui.css", "gzip", "gzip"),
        // It would not get smaller.
        ("health", "gzip", ""),
    ] {
        let answer = client
            .request(Method::GET, &format!("/{prefix}/{path}"))
            .header("accept-encoding", accepted)
            .send()
            .await
            .expect(path);
        let found = answer.headers().get("content-encoding").map_or("", |value| value.to_str().unwrap_or("?"));
        assert_eq!((answer.status().as_u16(), found), (200, encoding), "{path}");
        if path != "health" {
            assert!(answer.headers().get_all("vary").iter().any(|vary| vary == "Accept-Encoding"), "{path}");
        }
    }
}
