//! A request with a key is done once, and its response is repeated.

use contract::{IdempotencyKey, Problem};
use http::StatusCode;
use platform::{Transaction, idempotency};
use sqlx::Executor as _;

use crate::fixture::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_is_done_once() {
    // On one connection, which must be clean after every end of a transaction.
    let fixture = Fixture::new(&["--database-write-pool-size", "1"]).await;
    let first = fixture.note(ALICE, keyed("k", 1), "spoon").await.reply();
    assert_eq!((first.status, &first.body[..]), (201, &b"1"[..]));
    assert!(first.headers.contains(&("location".to_owned(), "/notes/1".to_owned())), "{first:?}");
    for _ in 0..3 {
        let mut again = fixture.note(ALICE, keyed("k", 1), "spoon").await.reply();
        again.headers.sort();
        let mut expected = first.clone();
        expected.headers.sort();
        assert_eq!(again, expected);
    }
    assert!(matches!(fixture.note(ALICE, keyed("k", 1), "spoon").await, Seen::Replayed(_)));
    assert_eq!(fixture.note(ALICE, keyed("k", 2), "spoon").await, refused(422, "idempotency_key_reused"));
    assert_eq!((fixture.notes().await, fixture.runs()), (1, 1));
    // Another user or another key makes it another request.
    assert!(matches!(fixture.note(BOB, keyed("k", 2), "spoon").await, Seen::Done(_)));
    assert!(matches!(fixture.note(ALICE, keyed("K", 1), "spoon").await, Seen::Done(_)));
    assert_eq!(fixture.notes().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_it_is_done_each_time() {
    let fixture = Fixture::new(&[]).await;
    for _ in 0..2 {
        assert!(matches!(fixture.note(ALICE, IdempotencyKey::default(), "spoon").await, Seen::Done(_)));
    }
    assert_eq!(
        fixture.regret(IdempotencyKey::default(), || Problem::conflict("regret", "No.")).await,
        refused(409, "regret")
    );
    assert_eq!((fixture.notes().await, fixture.kept().await), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_statement_needs_a_transaction_only_with_a_key() {
    let fixture = Fixture::new(&[]).await;
    // Two statements, which shows whether there was a transaction around them.
    let regret = |mut tx: Transaction| async move {
        note(&mut tx, "regretted").await?;
        Err::<Noted, _>(Problem::conflict("regret", "No.").into())
    };
    let plain = fixture.db.write_once_idempotent(ALICE, IdempotencyKey::default(), regret).await;
    assert_eq!((seen(plain), fixture.notes().await), (refused(409, "regret"), 1));
    let with_key = fixture.db.write_once_idempotent(ALICE, keyed("k", 1), regret).await;
    assert_eq!((seen(with_key), fixture.notes().await), (refused(409, "regret"), 1));
    let spoon = |mut tx: Transaction| async move { note(&mut tx, "spoon").await };
    let done = seen(fixture.db.write_once_idempotent(ALICE, keyed("l", 1), spoon).await).reply();
    let again = fixture.db.write_once_idempotent(ALICE, keyed("l", 1), spoon).await;
    assert_eq!((seen(again).reply().body, fixture.notes().await), (done.body, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_was_done_is_kept() {
    let fixture = Fixture::new(&["--database-write-pool-size", "1"]).await;
    let refusals: [fn() -> Problem; 8] = [
        || Problem::bad_request("order_state_conflict", "Not yet."),
        || Problem::not_found("product_not_found", "Not yet."),
        || Problem::conflict("sku_taken", "As long as the other is there."),
        || Problem::unauthorized("invalid_token", "Who?"),
        || Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Slower."),
        || Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "Faster."),
        || Problem::internal("broken"),
        || Problem::unavailable("busy", "Later.", 1),
    ];
    for problem in refusals {
        let expected = Seen::Refused(problem().status(), problem().code());
        assert_eq!(fixture.regret(keyed("k", 1), problem).await, expected);
    }
    let panics = fixture.run(ALICE, keyed("k", 1), |_| async { panic!("on purpose") }).await;
    assert_eq!(panics, refused(500, "internal_error"));
    let fails = |mut tx: Transaction| async move {
        tx.execute("SELECT 1 / 0").await?;
        note(&mut tx, "spoon").await
    };
    assert_eq!(fixture.run(ALICE, keyed("k", 1), fails).await, refused(500, "internal_error"));
    let swallows = |mut tx: Transaction| async move {
        let noted = note(&mut tx, "spoon").await;
        let _ = tx.execute("SELECT 1 / 0").await;
        noted
    };
    assert_eq!(fixture.run(ALICE, keyed("k", 1), swallows).await, refused(500, "internal_error"));
    assert_eq!((fixture.notes().await, fixture.kept().await), (0, 0));
    assert!(matches!(fixture.note(ALICE, keyed("k", 1), "spoon").await, Seen::Done(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_day_a_key_may_be_used_anew() {
    let fixture = Fixture::new(&[]).await;
    fixture.note(ALICE, keyed("k", 1), "spoon").await.reply();
    fixture.age("23 hours 59 minutes").await;
    assert!(matches!(fixture.note(ALICE, keyed("k", 1), "spoon").await, Seen::Replayed(_)));
    fixture.age("24 hours").await;
    let second = fixture.note(ALICE, keyed("k", 2), "fork").await;
    assert!(matches!(second, Seen::Done(_)));
    assert_eq!((fixture.notes().await, fixture.kept().await), (2, 1));
    assert_eq!(fixture.note(ALICE, keyed("k", 2), "fork").await.reply().body, second.reply().body);
    assert_eq!(fixture.note(ALICE, keyed("k", 1), "spoon").await, refused(422, "idempotency_key_reused"));
    fixture.age("24 hours").await;
    assert_eq!(fixture.regret(keyed("k", 3), || Problem::conflict("regret", "No.")).await, refused(409, "regret"));
    assert_eq!(fixture.kept().await, 1, "a refusal replaces nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_go_with_their_user() {
    let fixture = Fixture::new(&[]).await;
    fixture.note(ALICE, keyed("k", 1), "spoon").await.reply();
    fixture.note(BOB, keyed("k", 1), "spoon").await.reply();
    fixture.test.execute("DELETE FROM users WHERE id = 2").await;
    assert_eq!(fixture.kept().await, 1);
    // A user deleted between authentication and the end of the work gets 401, and nothing was done.
    assert_eq!(fixture.note(BOB, keyed("l", 1), "spoon").await, refused(401, "invalid_token"));
    assert_eq!(fixture.notes().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_answers_are_forgotten() {
    let fixture = Fixture::new(&[]).await;
    fixture
        .test
        .execute(
            "INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body, created_at)
             SELECT 1, number, decode(repeat('00', 16), 'hex'), 200, '{}', '', now() - interval '24 hours'
             FROM generate_series(1, 2500) AS number",
        )
        .await;
    fixture.note(ALICE, keyed("k", 1), "spoon").await.reply();
    // A concurrent replacement is not waited for.
    let mut other = fixture.test.connect().await;
    other.execute("BEGIN; UPDATE idempotency_keys SET created_at = now() WHERE key = '7'").await.expect("locks");
    assert_eq!(idempotency::forget_old(&fixture.db).await.expect("deletes"), 2499);
    other.execute("COMMIT").await.expect("commits");
    assert_eq!(idempotency::forget_old(&fixture.db).await.expect("deletes"), 0);
    assert_eq!(fixture.kept().await, 2);
}
