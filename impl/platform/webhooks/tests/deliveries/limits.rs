//! What is not put, and what goes with an account.

use std::sync::Arc;

use contract::{OutgoingRequest, Problem, RequestId};
use platform::Error;
use platform::http::{Metrics, Sender};
use platform::traces::TraceContext;

use crate::fixture::{World, request, until};
use crate::receiver::{OK, Reaction, Receiver};

/// The status and the code of an error response.
fn refusal(result: Result<(), Error>) -> (u16, &'static str) {
    let problem = Problem::from(result.expect_err("it is refused"));
    (problem.status().as_u16(), problem.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_lead_inside_are_not_put() {
    let world = World::with_flags(&["--webhook-targets", "public"]).await;
    let webhooks = world.webhooks();
    for url in
        ["http://example.com/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://localhost/", "nonsense"]
    {
        assert_eq!(refusal(world.put(&webhooks, 0, url).await), (422, "webhook_url_not_allowed"), "{url}");
    }
    world.put(&webhooks, 0, "https://example.com/").await.expect("it is put");
    assert_eq!(world.rows().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_under_other_settings_is_not_sent() {
    let (anywhere, receiver) = (World::new().await, Receiver::new([OK]).await);
    anywhere.put(&anywhere.webhooks(), 0, &receiver.url("/")).await.expect("it is put");
    let world = World { flags: vec!["--webhook-targets", "public"], ..anywhere };
    let process = world.start(&world.webhooks());
    until("it is given up", async || world.only().await.0 == "failed").await;
    process.stop().await;
    let (_, attempts, status, error) = world.only().await;
    assert_eq!((attempts, status, receiver.count()), (10, None, 0));
    assert!(error.starts_with("not allowed: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_an_error_of_the_service() {
    let world = World::new().await;
    let webhooks = world.webhooks();
    let large = OutgoingRequest { body: vec![b'a'; 1_048_577].into(), ..request("https://example.com/") };
    assert_eq!(refusal(world.put_request(&webhooks, 0, large).await), (500, "internal_error"));
    let largest = OutgoingRequest { body: vec![b'a'; 1_048_576].into(), ..request("https://example.com/") };
    world.put_request(&webhooks, 0, largest).await.expect("it is put");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wait_for_a_recipient_and_no_more() {
    let world = World::new().await;
    let waiting = "INSERT INTO webhook_deliveries (id, service, recipient, operation, host, method, url, headers, body, due_at)
        SELECT gen_random_uuid(), s, r, 'taskDone', 'example.com:443', 'POST', 'https://example.com/', '{}', '', now() + interval '1 day'
        FROM (VALUES ('tasks', 1, 9998), ('tasks', 2, 3), ('shop', 3, 10000)) AS v (s, r, n), generate_series(1, n)";
    world.database.execute(waiting).await;
    let webhooks = world.webhooks();
    let url = "https://example.com/";
    for _ in 0..2 {
        world.put(&webhooks, 1, url).await.expect("there is room");
    }
    for _ in 0..3 {
        assert_eq!(refusal(world.put(&webhooks, 1, url).await), (503, "webhook_backlog_full"));
    }
    for other in [0, 2, 3] {
        world.put(&webhooks, other, url).await.expect("others have their own");
    }
    // What was given up waits for nobody.
    world
        .database
        .execute("UPDATE webhook_deliveries SET state = 'failed', failed_at = now() WHERE recipient = 1")
        .await;
    until("there is room again", async || world.put(&webhooks, 1, url).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_given_up_of_an_account_are_kept() {
    let (world, gone) = (World::new().await, Receiver::new([Reaction::Status(410, &[])]).await);
    let failed = "INSERT INTO webhook_deliveries (id, service, recipient, operation, host, method, url, headers, body, state, failed_at)
        SELECT gen_random_uuid(), s, r, 'taskDone', 'example.com:443', 'POST', 'https://example.com/' || n, '{}', '', 'failed', now() - n * interval '1 s'
        FROM (VALUES ('tasks', 0), ('tasks', 1), ('tasks', 2), ('shop', 1)) AS v (s, r), generate_series(1, 1000) n";
    world.database.execute(failed).await;
    let webhooks = world.webhooks();
    for recipient in [0, 1] {
        world.put(&webhooks, recipient, &gone.url("/")).await.expect("it is put");
    }
    let process = world.start(&webhooks);
    until("the oldest is deleted", async || world.rows().await == 4_001 && gone.count() == 2).await;
    process.stop().await;
    let oldest = "SELECT count(*) FROM webhook_deliveries WHERE url = 'https://example.com/1000'";
    assert_eq!(world.number(oldest).await, 3, "but of the one account");
    assert_eq!(world.number("SELECT count(*) FROM webhook_deliveries WHERE recipient = 0").await, 1_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_asked_for_goes_with_it() {
    let world = World::new().await;
    let webhooks = world.webhooks();
    for recipient in [0, 7, 7, 8] {
        world.put(&webhooks, recipient, "https://example.com/").await.expect("it is put");
    }
    assert_eq!(world.number("SELECT erase_personal_data(7, 1)").await, 1);
    assert_eq!(world.number("SELECT erase_personal_data(7, 100)").await, 1);
    assert_eq!(world.rows().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_the_request_goes_on() {
    let (world, receiver) = (World::new().await, Receiver::new([OK]).await);
    let webhooks = world.webhooks();
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let sender = Sender::named(RequestId(Arc::from("a")), TraceContext::parse(text));
    let url = receiver.url("/");
    sender.scope(world.put(&webhooks, 0, &url)).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
    assert_eq!(receiver.received()[0].header("traceparent"), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_failed_is_measured() {
    let (world, gone) = (World::new().await, Receiver::new([Reaction::Status(410, &[])]).await);
    let (webhooks, metrics) = (world.webhooks(), Metrics::default());
    webhooks.register(&metrics);
    world.put(&webhooks, 0, &gone.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is given up", async || world.only().await.0 == "failed").await;
    process.stop().await;
    let later = "INSERT INTO webhook_deliveries (id, service, recipient, operation, host, method, url, headers, body, due_at)
        SELECT gen_random_uuid(), s, 0, 'taskDone', 'example.com:443', 'POST', 'https://example.com/', '{}', '', now() + d
        FROM (VALUES ('tasks', interval '1 day'), ('tasks', interval '2 days'), ('shop', interval '-1 day')) AS v (s, d)";
    world.database.execute(later).await;
    // Gauges are measured at the start.
    let process = world.start(&webhooks);
    let pending = || metrics.encode().expect("text").contains("\nwebhook_deliveries_pending 2\n");
    until("it is measured", async || pending()).await;
    process.stop().await;
    let text = metrics.encode().expect("text");
    for line in [
        "webhook_deliveries_failed 1",
        "webhook_deliveries_oldest_due_seconds 0.0",
        "webhook_attempts_total{outcome=\"rejected\"} 1",
        "webhook_attempt_duration_seconds_count 1",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
    assert!(webhooks.jobs().standing_still().is_empty());
    let jobs = format!("{:?}", webhooks.jobs());
    for job in ["webhook deliveries", "webhook gauges", "webhook tidying"] {
        assert!(jobs.contains(job), "{job}: {jobs}");
    }
}
