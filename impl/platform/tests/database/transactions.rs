//! Transactions: no acknowledged write is lost, no failed one is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use contract::Problem;
use platform::{Error, OnConstraint};
use sqlx::Executor as _;
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::fixture::*;

/// The regression of a lost write: transactions are cancelled at every moment, and would otherwise fail and be
/// rolled back. Single statements that follow on the same connections are acknowledged, so they must be stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_to_cancellation() {
    let fixture = Arc::new(Fixture::new(&["--database-write-pool-size", "3"]).await);
    let mut cancelled = tokio::task::JoinSet::new();
    let mut acknowledged = Vec::new();
    for id in 0..200_i64 {
        for other in 1..=3 {
            let fixture = Arc::clone(&fixture);
            let other = id * 10 + other + 10_000;
            cancelled.spawn(async move {
                let refused = fixture.db.write(move |mut tx| async move {
                    sqlx::query("INSERT INTO notes VALUES ($1, 'x')").bind(other).execute(&mut *tx).await?;
                    Err::<(), _>(Problem::conflict("changed_my_mind", "No.").into())
                });
                // 0 to 6 ms: before, during and after BEGIN, the statement and ROLLBACK.
                let _ = timeout(Duration::from_micros((other as u64 % 61) * 100), refused).await;
            });
        }
        if fixture.insert_once(id).await.is_ok() {
            acknowledged.push(id);
        }
    }
    cancelled.join_all().await;
    // The latest cancelled one may still be at its ROLLBACK.
    fixture.db.close().await;
    assert!(acknowledged.len() >= 190, "most writes succeed: {}", acknowledged.len());
    let mut other = fixture.test.connect().await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM notes WHERE id = ANY($1)")
        .bind(&acknowledged)
        .fetch_one(&mut other)
        .await
        .expect("count");
    assert_eq!(usize::try_from(kept).expect("small"), acknowledged.len());
    let idle_in_transaction: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&mut other)
    .await
    .expect("count");
    assert_eq!(idle_in_transaction, 0);
}

#[tokio::test]
async fn a_cancelled_request_does_not_cancel_its_transaction() {
    let fixture = Fixture::new(&[]).await;
    // A connection is open already, so that the transaction has begun when it is cancelled.
    fixture.insert(0).await.expect("write");
    let slow = fixture.db.write(|mut tx| async move {
        tx.execute("INSERT INTO notes VALUES (1, 'x')").await?;
        tx.execute("SELECT pg_sleep(2)").await?;
        Ok(())
    });
    assert!(timeout(Duration::from_millis(100), slow).await.is_err());
    fixture.db.close().await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM notes")
        .fetch_one(&mut fixture.test.connect().await)
        .await
        .expect("count");
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn a_failed_transaction_leaves_nothing_behind() {
    let fixture = Fixture::new(&["--database-write-pool-size", "1"]).await;
    let refused: Result<(), Error> = fixture
        .db
        .write(|mut tx| async move {
            tx.execute("INSERT INTO notes VALUES (1, 'x')").await?;
            Err(Problem::conflict("changed_my_mind", "No.").into())
        })
        .await;
    assert_eq!(Problem::from(refused.expect_err("refused")).code(), "changed_my_mind");
    // An error that the work ignores must not turn COMMIT into a silent ROLLBACK that looks like success.
    let swallowed = fixture
        .db
        .write(|mut tx| async move {
            tx.execute("INSERT INTO notes VALUES (2, 'x')").await?;
            let _ = tx.execute("SELECT 1 / 0").await;
            Ok(())
        })
        .await;
    assert!(swallowed.is_err());
    let panicked: Result<(), Error> = fixture.db.write(|_| async { panic!("on purpose") }).await;
    assert_eq!(Problem::from(panicked.expect_err("a panic is a failure")).status(), 500);
    // The only connection is still usable, and outside of any transaction.
    fixture.insert(3).await.expect("the pool is sound");
    assert_eq!(fixture.count().await, 1);
}

#[tokio::test]
async fn violations_are_told_by_constraint() {
    let fixture = Fixture::new(&[]).await;
    let insert = |text: &'static str| {
        fixture.db.write_once(move |mut tx| async move {
            sqlx::query("INSERT INTO notes VALUES (1, $1)")
                .bind(text)
                .execute(&mut *tx)
                .await
                .on_constraint("notes_pkey", || Problem::conflict("note_exists", "There is one."))
        })
    };
    insert("x").await.expect("the first");
    assert_eq!(Problem::from(insert("x").await.expect_err("twice")).code(), "note_exists");
    assert_eq!(Problem::from(insert("").await.expect_err("empty")).status(), 500, "a constraint nobody speaks for");
    let nul = Problem::from(insert("a\0b").await.expect_err("U+0000"));
    assert_eq!((nul.status().as_u16(), nul.code()), (422, "validation_failed"));
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let fixture = Arc::new(Fixture::new(&[]).await);
    fixture.insert(1).await.expect("row");
    fixture.insert(2).await.expect("row");
    // Both have their first row before either asks for its second.
    let (runs, both) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let crossing = |first: i64, second: i64| {
        let (fixture, runs, both) = (Arc::clone(&fixture), Arc::clone(&runs), Arc::clone(&both));
        async move {
            let work = move |mut tx: platform::Transaction| async move {
                let is_first_run = runs.fetch_add(1, Ordering::Relaxed) < 2;
                for id in [first, second] {
                    sqlx::query("UPDATE notes SET text = text || 'y' WHERE id = $1").bind(id).execute(&mut *tx).await?;
                    if is_first_run && id == first {
                        both.wait().await;
                    }
                }
                Ok(())
            };
            fixture.db.write(work).await
        }
    };
    let (one, other) = tokio::join!(crossing(1, 2), crossing(2, 1));
    one.expect("succeeds");
    other.expect("succeeds in the end");
    assert!(runs.load(Ordering::Relaxed) >= 3, "there was a deadlock");
    let texts: Vec<String> =
        sqlx::query_scalar("SELECT text FROM notes").fetch_all(fixture.db.reads()).await.expect("texts");
    assert_eq!(texts, ["xyy", "xyy"]);
}
