//! Processes that die, that end, and that share the work.

use std::collections::HashSet;
use std::time::Duration;

use platform::settings::{Environment, Settings};
use platform::{Database, Transaction};
use platform_webhooks::{Tuning, Webhooks};
use sqlx::Executor as _;
use testkit::CHEAP;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::fixture::{LONG, SERVICE, World, request, tuning, until};
use crate::receiver::{OK, Reaction, Receiver};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_had_is_sent_by_another_one() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Silence, OK]).await);
    let lease = Tuning { timeout: Duration::from_secs(2), lease_margin: Duration::ZERO, ..tuning() };
    let first = world.tuned(lease.clone());
    world.put(&first, 0, &receiver.url("/")).await.expect("it is put");

    // Connections and tasks of its own: nothing of it is left afterwards.
    let settings: Settings = testkit::settings(&[&CHEAP[..], &["--webhook-targets", "any"]].concat());
    let role = world.database.settings_of(SERVICE);
    let process = tokio::task::spawn_blocking(move || {
        let runtime = Runtime::new().expect("a runtime");
        runtime.spawn(async move {
            let db = Database::new(&role, SERVICE).expect("the URL is one");
            let webhooks = Webhooks::tuned(db, SERVICE, &settings, Environment::Development, lease).expect("settings");
            webhooks.run(CancellationToken::new()).await;
        });
        runtime
    });
    let process = process.await.expect("it starts");
    until("it is being sent", async || receiver.count() == 1).await;
    process.shutdown_background();
    assert_eq!(world.rows().await, 1, "what is being sent is still there");

    let second = world.webhooks();
    let process = world.start(&second);
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
    let received = receiver.received();
    assert_eq!(received.len(), 2, "not before the lease ends, and once after it");
    assert_eq!(received[0].id(), received[1].id());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_nobody_survived_does_not_count() {
    let (world, receiver) = (World::new().await, Receiver::new([OK]).await);
    let webhooks = world.tuned(Tuning { retries: vec![Duration::ZERO], ..tuning() });
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    // Claimed, and forgotten.
    world.database.execute("UPDATE webhook_deliveries SET due_at = now() + interval '1 second'").await;
    let process = world.start(&webhooks);
    until("it is delivered", async || world.rows().await == 0).await;
    process.stop().await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_sent_at_a_shutdown_is_finished() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Held]).await);
    let webhooks = world.webhooks();
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is being sent", async || receiver.count() == 1).await;
    process.tell();
    receiver.release();
    process.stop().await;
    assert_eq!((receiver.count(), world.rows().await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_while_nothing_can_be_written_is_not_sent_again() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Held]).await);
    let webhooks = world.webhooks();
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is being sent", async || receiver.count() == 1).await;
    let mut other = world.database.connect().await;
    other.execute("BEGIN; LOCK TABLE webhook_deliveries IN EXCLUSIVE MODE").await.expect("nobody writes");
    receiver.release();
    // Statements wait for two seconds, and then fail.
    tokio::time::sleep(Duration::from_secs(3)).await;
    other.execute("COMMIT").await.expect("it ends");
    until("it is written down", async || world.rows().await == 0).await;
    process.stop().await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_outcome_changes_nothing_of_another_s_claim() {
    let (world, receiver) = (World::new().await, Receiver::new([Reaction::Silence]).await);
    let webhooks = world.tuned(Tuning { timeout: Duration::from_secs(1), retries: vec![LONG; 2], ..tuning() });
    world.put(&webhooks, 0, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is being sent", async || receiver.count() == 1).await;
    // As another process does when the lease has ended.
    world.database.execute("UPDATE webhook_deliveries SET due_at = now() + interval '1 day'").await;
    process.stop().await;
    let theirs = "SELECT count(*) FROM webhook_deliveries WHERE attempts = 0 AND due_at > now() + interval '23 hours'";
    assert_eq!(world.number(theirs).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_share_the_work() {
    const PER_HOST: usize = 40;
    let world = World::new().await;
    let webhooks = world.webhooks();
    let receivers = [Receiver::new([OK]).await, Receiver::new([OK]).await, Receiver::new([OK]).await];
    let urls: Vec<String> =
        receivers.iter().flat_map(|it| (0..PER_HOST).map(|number| it.url(&format!("/{number}")))).collect();
    let sending = webhooks.clone();
    let put = move |mut tx: Transaction| async move {
        for (url, recipient) in urls.iter().zip((0..3).cycle()) {
            sending.put(&mut tx, recipient, request(url)).await?;
        }
        Ok(())
    };
    world.db.write(put).await.expect("they are put");
    let processes = [world.start(&webhooks), world.start(&world.webhooks()), world.start(&world.webhooks())];
    until("they are delivered", async || world.rows().await == 0).await;
    for process in processes {
        process.stop().await;
    }
    for receiver in &receivers {
        let received = receiver.received();
        let ids: HashSet<&str> = received.iter().map(|it| it.id()).collect();
        assert_eq!((received.len(), ids.len()), (PER_HOST, PER_HOST), "each once");
    }
}
