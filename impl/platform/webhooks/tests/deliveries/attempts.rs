//! What is sent, and what becomes of it by what comes back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::OutgoingRequest;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use platform_webhooks::Tuning;
use sha2::Sha256;
use sqlx::AssertSqlSafe;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::fixture::{World, request, tuning, until};
use crate::receiver::{OK, Reaction, Received, Receiver};

/// Verifies a signature as receivers do, by the standard.
fn is_signed(received: &Received, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(format!("{}.{}.", received.id(), received.header("webhook-timestamp")).as_bytes());
    mac.update(&received.body);
    received.header("webhook-signature") == format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_delivered_signed_and_gone() {
    let (world, receiver) = (World::new().await, Receiver::new([OK]).await);
    let webhooks = world.webhooks();
    world.put_in_vain(&webhooks, &receiver.url("/in-vain")).await;
    world.put(&webhooks, 7, &receiver.url("/hooks/a%20b?token=c%26d")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
    let received = receiver.received();
    assert_eq!(received.len(), 1, "what was rolled back is not sent");
    assert_eq!(
        (&received[0].method, received[0].uri.to_string()),
        (&Method::POST, "/hooks/a%20b?token=c%26d".to_owned())
    );
    assert_eq!(received[0].header("content-type"), "application/json");
    assert_eq!(received[0].header("host"), receiver.address.to_string());
    assert!(received[0].header("user-agent").starts_with("tasks-webhooks/"));
    assert_eq!(received[0].body, request("").body);
    let age = chrono::Utc::now().timestamp() - received[0].header("webhook-timestamp").parse::<i64>().expect("seconds");
    assert!((0..3_600).contains(&age));
    assert!(is_signed(&received[0], &webhooks.secret(7)));
    assert!(!is_signed(&received[0], &webhooks.secret(0)), "each recipient has its own secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_repeated_with_the_same_id() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Status(500, &[]), OK]).await);
    let webhooks = world.webhooks();
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert!(!received[0].id().is_empty() && received[0].id() == received[1].id());
    assert!(received.iter().all(|it| is_signed(it, &webhooks.secret(0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_receiver_says_when_it_is_not() {
    for (status, waits) in [(503, true), (429, true), (500, false)] {
        let headers = &[("retry-after", "7200")];
        let (world, receiver) = (World::new().await, Receiver::new([Reaction::Status(status, headers), OK]).await);
        let webhooks = world.webhooks();
        world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
        let process = world.start(&webhooks);
        let due =
            "SELECT count(*) FROM webhook_deliveries WHERE attempts = 1 AND due_at > now() + interval '110 minutes'";
        until("it was answered", async || match waits {
            true => world.number(due).await == 1,
            false => world.rows().await == 0,
        })
        .await;
        process.stop().await;
        assert_eq!(receiver.count(), if waits { 1 } else { 2 }, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_left_alone() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Status(410, &[])]).await);
    let webhooks = world.webhooks();
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is given up", async || world.only().await.0 == "failed").await;
    process.stop().await;
    assert_eq!(world.only().await, ("failed".to_owned(), 1, Some(410), "status 410".to_owned()));
    assert_eq!(receiver.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_attempt_helps_is_given_up_and_kept_for_30_days() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Status(400, &[])]).await);
    let webhooks = world.tuned(Tuning { retries: vec![Duration::ZERO; 3], ..tuning() });
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is given up", async || world.only().await.0 == "failed").await;
    process.stop().await;
    assert_eq!(world.only().await, ("failed".to_owned(), 3, Some(400), "status 400".to_owned()));
    assert_eq!(receiver.count(), 3);
    for (age, left) in [("29 days", 1), ("31 days", 0)] {
        let sql = format!("UPDATE webhook_deliveries SET failed_at = now() - interval '{age}'");
        world.database.execute(&sql).await;
        webhooks.forget().await.expect("Postgres answers");
        assert_eq!(world.rows().await, left, "{age}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_can_be_sent_again() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Status(410, &[]), OK]).await);
    let webhooks = world.webhooks();
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is given up", async || world.only().await.0 == "failed").await;
    // As the page for operators says.
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/operations.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let requeue = page.lines().find(|line| line.starts_with("UPDATE webhook_deliveries SET state = 'pending'"));
    let requeue = requeue.expect("the statement is there").replace("HOST", &receiver.address.to_string());
    sqlx::query(AssertSqlSafe(requeue)).execute(&mut world.database.connect().await).await.expect("it runs");
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
    let received = receiver.received();
    assert_eq!((received.len(), received[0].id()), (2, received[1].id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let other = Receiver::new([OK]).await;
    let location: &'static str = Box::leak(other.url("/").into_boxed_str());
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", location)]));
    for status in [301, 302, 303, 307, 308] {
        let (world, receiver) = (World::new().await, Receiver::new([Reaction::Status(status, headers)]).await);
        let webhooks = world.tuned(Tuning { retries: vec![Duration::ZERO], ..tuning() });
        world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
        let process = world.start(&webhooks);
        until("it is given up", async || world.only().await.0 == "failed").await;
        process.stop().await;
        assert_eq!((world.only().await.2, receiver.count()), (Some(status.cast_signed()), 1));
    }
    assert_eq!(other.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_document_win() {
    let (world, receiver) = (World::new().await, Receiver::new([OK]).await);
    let webhooks = world.webhooks();
    let own = [("Webhook-Id", "mine"), ("User-Agent", "me"), ("X-A", "1"), ("x-a", "2"), ("X-Name", "Zoë")];
    let headers = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let put = OutgoingRequest { method: "PUT", headers, ..request(&receiver.url("/")) };
    world.put_request(&webhooks, 0, put).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
    let received = &receiver.received()[0];
    assert_eq!((received.id(), received.header("user-agent"), &received.method), ("mine", "me", &Method::PUT));
    assert_eq!(received.headers.get_all("webhook-id").iter().count(), 1);
    assert_eq!(received.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(received.headers["x-name"].as_bytes(), "Zoë".as_bytes());
    assert!(!received.header("webhook-signature").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_be_without_a_body() {
    for (method, length) in [("GET", ""), ("HEAD", ""), ("DELETE", ""), ("POST", "0"), ("PUT", "0")] {
        let (world, receiver) = (World::new().await, Receiver::new([OK]).await);
        let webhooks = world.webhooks();
        let empty =
            OutgoingRequest { method, headers: Vec::new(), body: Vec::new().into(), ..request(&receiver.url("/")) };
        world.put_request(&webhooks, 3, empty).await.expect("it is put");
        let process = world.start(&webhooks);
        until("it is delivered", async || world.rows().await == 0).await;
        process.stop().await;
        let received = &receiver.received()[0];
        assert_eq!((received.method.as_str(), received.header("content-length")), (method, length));
        assert!(is_signed(received, &webhooks.secret(3)) && !received.headers.contains_key("transfer-encoding"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_end_is_a_response() {
    let (world, listener) = (World::new().await, TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.read(&mut [0; 4_096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'a'; 16 * 1_024]).await.is_ok() {}
    });
    let webhooks = world.webhooks();
    world.put(&webhooks, 0, &url).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_and_no_answer_are_failed_attempts() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = format!("http://{}/secret", closed.local_addr().expect("an address"));
    drop(closed);
    let silent = Receiver::new([Reaction::Silence]).await;
    for (url, error) in [(nobody, "unreachable: "), (silent.url("/secret"), "timeout")] {
        let world = World::new().await;
        let webhooks =
            world.tuned(Tuning { retries: vec![Duration::ZERO; 2], timeout: Duration::from_millis(200), ..tuning() });
        world.put(&webhooks, 0, &url).await.expect("it is put");
        let process = world.start(&webhooks);
        until("it is given up", async || world.only().await.0 == "failed").await;
        process.stop().await;
        let (_, attempts, status, reason) = world.only().await;
        assert_eq!((attempts, status), (2, None), "{reason}");
        assert!(reason.starts_with(error) && !reason.contains("secret"), "{reason}");
    }
}
