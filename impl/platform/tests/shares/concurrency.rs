//! What one client has in progress at once: requests, event streams, unread bytes.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::demo::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_statements_of_ten_users_leave_short_ones_their_places() {
    let world = World::new(&[]).await;
    let mut strangers: Vec<_> = (1..=10).map(|user| flood(&world.user(user), "/slow", 4)).collect();
    // After the first statement its duration is known.
    sleep(Duration::from_secs(2)).await;
    let honest = world.user(99);
    let started = Instant::now();
    for _ in 0..20 {
        honest.get("/quick").await.expect(200);
    }
    let took = started.elapsed();
    // In the order of arrival, each would wait for seven of the flood's, and most would time out.
    assert!(took < Duration::from_secs(10), "twenty statements of no time took {took:?}");
    strangers.iter_mut().for_each(JoinSet::abort_all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_alone_may_use_what_nobody_else_needs_and_is_told_when_it_is_too_much() {
    let world = World::new(&[]).await;
    let alone = world.user(1);
    let mut all = JoinSet::new();
    for _ in 0..4 {
        let client = alone.clone();
        all.spawn(async move { client.get("/slow").await.status.as_u16() });
    }
    assert_eq!(all.join_all().await, [200; 4]);
    let mut all = JoinSet::new();
    for _ in 0..40 {
        let client = alone.clone();
        all.spawn(async move { client.get("/slow").await });
    }
    let refused: Vec<_> = all.join_all().await.into_iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty(), "it waited for places in vain");
    for refusal in refused {
        let refusal = refusal.expect_problem(429, "too_many_concurrent_requests");
        assert_eq!(refusal.header("retry-after"), "1");
    }
    assert!(world.metric(r#"client_requests_rejected_total{resource="database_reads",kind="share"}"#).await > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_read_is_held_against_its_reader_until_it_is() {
    let world = World::new(&["--http-buffer-mib", "64"]).await;
    let mut readers = Vec::new();
    for _ in 0..9 {
        readers.push(slow_reader(world.server.address(), 1, "GET /large").await);
        sleep(Duration::from_millis(100)).await;
    }
    let held = world.metric("http_server_buffered_bytes").await;
    assert_eq!(held, f64::from(12 << 20), "a quarter of what is left, in six answers");
    world.user(1).get("/large").await.expect_problem(429, "too_many_unread_answers");
    assert_eq!(world.user(2).get("/large").await.text.len(), 2 << 20, "another has its part");
    // A completed write gets its response, whatever is held.
    let mut maker = slow_reader(world.server.address(), 2, "POST /made").await;
    let mut status = [0; 12];
    maker.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    drop((readers, maker));
    let gone = timeout(Duration::from_secs(20), async {
        while world.metric("http_server_buffered_bytes").await > 0.0 {
            sleep(Duration::from_millis(50)).await;
        }
    });
    gone.await.expect("what is not sent goes with its connection");
    assert_eq!(world.user(1).get("/large").await.text.len(), 2 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_streams_are_counted_by_whoever_follows_them() {
    let world = World::new(&[]).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut socket = slow_reader(world.server.address(), 1, "GET /follow").await;
        let mut status = [0; 12];
        socket.read_exact(&mut status).await.expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 200");
        open.push(socket);
    }
    world.user(1).get("/follow").await.expect_problem(429, "too_many_event_streams");
    let mut other = slow_reader(world.server.address(), 2, "GET /follow").await;
    let mut status = [0; 12];
    other.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(world.metric("http_server_open_event_streams").await, 65.0);
}
