//! The error response to each database failure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::Problem;
use platform::{Database, Error};
use sqlx::Executor as _;
use testkit::{Fault, FaultProxy, TestDatabase};

use crate::fixture::*;

#[tokio::test]
async fn reads_cannot_write() {
    let fixture = Fixture::new(&[]).await;
    let error = fixture.db.reads().execute("INSERT INTO notes VALUES (1, 'x')").await.expect_err("read only");
    assert_eq!(Error::from(error).sqlstate().as_deref(), Some("25006"));
}

/// All error codes of Postgres, raised by Postgres: 500 only for internal errors, and the pool stays usable.
#[tokio::test]
async fn every_failure_of_the_database_has_an_answer() {
    let fixture = Fixture::new(&["--database-write-pool-size", "1"]).await;
    let codes = include_str!("../../connections/src/sqlstates.txt").lines().filter(|line| !line.starts_with('#'));
    for code in codes.filter_map(|line| line.split(' ').next()).filter(|code| *code != "00000") {
        let failing = move |mut tx: platform::Transaction| async move {
            let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'told to' USING ERRCODE = '{code}'; END $$");
            tx.execute(sqlx::AssertSqlSafe(sql)).await?;
            Ok(())
        };
        let error = fixture.db.write(failing).await.expect_err("told to");
        assert_eq!(error.sqlstate().as_deref(), Some(code));
        let problem = Problem::from(error);
        let expected = match code {
            "08007" | "40003" => (503, "outcome_unknown"),
            "22021" | "22P05" => (422, "validation_failed"),
            "40002" | "55000" | "55P02" | "55P04" => (500, "internal_error"),
            "53100" | "25006" | "25P03" | "25P04" | "26000" => (503, "database_unavailable"),
            "57014" => (503, "database_busy"),
            // Objects of migrations are missing in a database that is not migrated yet.
            "3F000" | "42501" | "42703" | "42883" | "42P01" => (503, "database_unavailable"),
            _ => match &code[..2] {
                "40" | "53" | "55" | "72" => (503, "database_busy"),
                "08" | "28" | "3D" | "57" | "58" | "F0" => (503, "database_unavailable"),
                _ => (500, "internal_error"),
            },
        };
        assert_eq!((problem.status().as_u16(), problem.code()), expected, "{code}");
    }
    fixture.insert(1).await.expect("the pool is sound");
}

/// A lost response to COMMIT is distinguished from a failure before it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_ambiguous_says_so_and_what_is_certain_too() {
    let test = TestDatabase::empty().await;
    test.execute("CREATE TABLE notes (id bigint PRIMARY KEY)").await;
    let proxy = Arc::new(FaultProxy::start(test.url()).await);
    let settings = testkit::settings(&["--database-url", proxy.url(), "--database-write-pool-size", "1"]);
    let db = Database::new(&settings, "test").expect("settings");
    let code = |error: Error| {
        proxy.set(Fault::Pass);
        assert!(error.is_unavailable());
        let problem = Problem::from(error);
        assert_eq!(problem.status().as_u16(), 503);
        problem.code()
    };
    let insert = |id: i64, lost: bool, proxy: Arc<FaultProxy>| {
        db.write(move |mut tx| async move {
            sqlx::query("INSERT INTO notes VALUES ($1)").bind(id).execute(&mut *tx).await?;
            if lost {
                proxy.set(Fault::Reset);
            }
            Ok(())
        })
    };
    insert(0, false, Arc::clone(&proxy)).await.expect("written");
    let at_commit = insert(1, true, Arc::clone(&proxy)).await.expect_err("the connection is lost");
    assert_eq!(code(at_commit), "outcome_unknown");

    insert(2, false, Arc::clone(&proxy)).await.expect("written");
    proxy.set(Fault::Reset);
    let at_begin = insert(3, false, Arc::clone(&proxy)).await.expect_err("the connection is lost");
    assert_eq!(code(at_begin), "database_unavailable");

    let lost = Arc::clone(&proxy);
    let within = db.write(move |mut tx| async move {
        lost.set(Fault::Reset);
        tx.execute("INSERT INTO notes VALUES (4)").await?;
        Ok(())
    });
    assert_eq!(code(within.await.expect_err("the connection is lost")), "database_unavailable");

    let single = db.write_once(|mut tx| async move {
        tx.execute("INSERT INTO notes SELECT 5 FROM pg_sleep(5)").await?;
        Ok(())
    });
    let reset = async {
        let mut direct = test.connect().await;
        const RUNNING: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
            AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%notes SELECT 5%')";
        while !sqlx::query_scalar::<_, bool>(RUNNING).fetch_one(&mut direct).await.expect("answers") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        proxy.set(Fault::Reset);
    };
    let (single, ()) = tokio::join!(single, reset);
    assert_eq!(code(single.expect_err("the connection is lost")), "outcome_unknown");

    // The server ends a session that is idle in its transaction, before it reads the next statement.
    for statement_follows in [true, false] {
        let stalled = db.write(move |mut tx| async move {
            tx.execute("SET LOCAL idle_in_transaction_session_timeout = 50").await?;
            tx.execute("INSERT INTO notes VALUES (6)").await?;
            // Long enough for a server on a busy CPU.
            tokio::time::sleep(Duration::from_secs(2)).await;
            if statement_follows {
                tx.execute("SELECT 1").await?;
            }
            Ok(())
        });
        assert_eq!(code(stalled.await.expect_err("too slow")), "database_unavailable", "{statement_follows}");
    }
    insert(7, false, Arc::clone(&proxy)).await.expect("the pool is sound");
    let certain: Vec<i64> = sqlx::query_scalar("SELECT id FROM notes WHERE id NOT IN (1, 5) ORDER BY id")
        .fetch_all(db.reads())
        .await
        .expect("ids");
    assert_eq!(certain, [0, 2, 7]);
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable() {
    let settings = testkit::settings(&["--database-url", "postgresql://nobody:secret@127.0.0.1:1/none"]);
    let db = Database::new(&settings, "test").expect("starts without a server");
    let asked = Instant::now();
    let problem = Problem::from(db.ping().await.expect_err("nobody there"));
    assert_eq!((problem.status().as_u16(), problem.code()), (503, "database_unavailable"));
    assert!(db.wait(Duration::from_millis(300)).await.is_err());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}
