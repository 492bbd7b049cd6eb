//! Requests with the same key at the same time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use contract::{Problem, StoredReply};
use http::StatusCode;
use platform::Transaction;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::fixture::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_have_one_effect() {
    let fixture = Arc::new(Fixture::new(&[]).await);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let fixture = Arc::clone(&fixture);
        clients.spawn(async move {
            loop {
                match fixture.note(ALICE, keyed("k", 1), "spoon").await {
                    Seen::Refused(StatusCode::CONFLICT, "idempotency_in_flight") => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    other => return other,
                }
            }
        });
    }
    let answers = clients.join_all().await;
    assert_eq!(answers.iter().filter(|seen| matches!(seen, Seen::Done(_))).count(), 1);
    assert!(answers.into_iter().all(|seen| &seen.reply().body[..] == b"1"));
    assert_eq!(fixture.notes().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_first_is_under_way_its_copies_are_sent_off() {
    let fixture = Arc::new(Fixture::new(&["--database-write-pool-size", "2"]).await);
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let first = tokio::spawn({
        let (fixture, begun, end) = (Arc::clone(&fixture), Arc::clone(&begun), Arc::clone(&end));
        async move {
            let work = move |mut tx| async move {
                begun.notify_one();
                end.notified().await;
                note(&mut tx, "spoon").await
            };
            fixture.run(ALICE, keyed("k", 1), work).await
        }
    });
    begun.notified().await;
    for _ in 0..5 {
        assert_eq!(fixture.note(ALICE, keyed("k", 1), "spoon").await, refused(409, "idempotency_in_flight"));
    }
    assert!(matches!(fixture.note(BOB, keyed("k", 1), "spoon").await, Seen::Done(_)), "another user is not held up");
    end.notify_one();
    let first = first.await.expect("no panic").reply();
    let again = fixture.note(ALICE, keyed("k", 1), "spoon").await;
    assert_eq!((fixture.notes().await, again.reply().body), (2, first.body));
}

#[tokio::test]
async fn in_flight_says_when_to_try_again() {
    let response = Problem::idempotency_in_flight().into_response_for(None);
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].as_bytes()), (409, &b"1"[..]));
}

/// The copy looked for a response, the first was committed, then the copy got the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_overtaken_answers_as_the_first_did() {
    let fixture = Fixture::new(&[]).await;
    let overtaken = |key: &'static str, fingerprint: char, regrets: bool| {
        let url = fixture.test.url().to_owned();
        let insert = format!(
            "INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body)
             VALUES (1, '{key}', '\\x{}{fingerprint}', 200, '{{a,b}}', 'first')",
            "0".repeat(31)
        );
        move |mut tx: Transaction| async move {
            let mut other = sqlx::PgConnection::connect(&url).await?;
            other.execute(AssertSqlSafe(insert)).await?;
            if regrets {
                return Err(Problem::conflict("state_conflict", "It was done.").into());
            }
            note(&mut tx, "twice").await
        }
    };
    let first = StoredReply { status: 200, headers: vec![("a".into(), "b".into())], body: "first".into() };
    assert_eq!(fixture.run(ALICE, keyed("a", 1), overtaken("a", '1', false)).await, Seen::Replayed(first.clone()));
    assert_eq!(fixture.run(ALICE, keyed("b", 1), overtaken("b", '1', true)).await, Seen::Replayed(first));
    let reused = refused(422, "idempotency_key_reused");
    assert_eq!(fixture.run(ALICE, keyed("c", 1), overtaken("c", '2', false)).await, reused);
    assert_eq!(fixture.run(ALICE, keyed("d", 1), overtaken("d", '2', true)).await, reused);
    assert_eq!((fixture.notes().await, fixture.runs()), (0, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_race_of_transactions_is_run_again() {
    let fixture = Fixture::new(&[]).await;
    let runs = Arc::clone(&fixture.runs);
    let work = move |mut tx: Transaction| async move {
        let noted = note(&mut tx, "spoon").await?;
        if runs.load(Ordering::Relaxed) == 1 {
            tx.execute("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = 'serialization_failure'; END $$").await?;
        }
        Ok(noted)
    };
    assert!(matches!(fixture.run(ALICE, keyed("k", 1), work).await, Seen::Done(_)));
    assert_eq!((fixture.runs(), fixture.notes().await, fixture.kept().await), (2, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_request_is_done_wholly_or_not_at_all() {
    let fixture = Fixture::new(&["--database-write-pool-size", "2"]).await;
    let keys: Vec<String> = (0..60).map(|number| format!("k{number}")).collect();
    for (number, key) in keys.iter().enumerate() {
        // 0 to 6 ms: before, during and after each of its steps.
        let patience = Duration::from_micros(number as u64 * 100);
        let _ = timeout(patience, fixture.note(ALICE, keyed(key, 1), "spoon")).await;
    }
    for key in &keys {
        let done = loop {
            match fixture.note(ALICE, keyed(key, 1), "spoon").await {
                Seen::Refused(StatusCode::CONFLICT, "idempotency_in_flight") => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                other => break other.reply(),
            }
        };
        assert_eq!(done.status, 201);
    }
    assert_eq!((fixture.notes().await, fixture.kept().await), (60, 60));
    let abandoned = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(fixture.count(abandoned).await, 0);
}
