//! Connection pools: bounded, refilled, and without unresponsive connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::Problem;
use platform::{Database, Error};
use sqlx::Executor as _;
use testkit::{Fault, FaultProxy, TestDatabase};
use tokio::time::timeout;

use crate::fixture::*;

#[tokio::test]
async fn an_exhausted_pool_refuses_soon_and_recovers_at_once() {
    let fixture = Arc::new(Fixture::new(&["--database-read-pool-size", "2", "--database-write-pool-size", "2"]).await);
    let holders: Vec<_> = (0..2)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { fixture.db.reads().execute("SELECT pg_sleep(2.5)").await.map(|_| ()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Instant::now();
    let busy = Problem::from(fixture.db.ping().await.expect_err("nothing is free"));
    assert_eq!((busy.status().as_u16(), busy.code()), (503, "database_busy"));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    fixture.insert(1).await.expect("writes have connections of their own");
    for holder in holders {
        holder.await.expect("no panic").expect("within the statement timeout");
    }
    let asked = Instant::now();
    fixture.db.ping().await.expect("free again");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn statements_end_in_time() {
    let fixture = Fixture::new(&[]).await;
    let asked = Instant::now();
    let error = fixture.db.reads().execute("SELECT pg_sleep(30)").await.expect_err("too slow");
    let limit: String =
        sqlx::query_scalar("SHOW statement_timeout").fetch_one(fixture.db.reads()).await.expect("a limit");
    assert_eq!(limit, "4s");
    // The server cancels it, or the client times out because the server is late even for that.
    let code = Problem::from(Error::from(error)).code();
    assert!(["database_busy", "database_unavailable"].contains(&code), "{code}");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_abandoned_read_gives_its_connection_back() {
    let fixture = Fixture::new(&["--database-read-pool-size", "1"]).await;
    for _ in 0..5 {
        let slow = fixture.db.reads().execute("SELECT pg_sleep(0.6)");
        assert!(timeout(Duration::from_millis(50), slow).await.is_err());
        let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(fixture.db.reads()).await.expect("the next read");
        assert_eq!(one, 1);
    }
}

#[tokio::test]
async fn connections_the_server_closed_are_replaced() {
    let fixture = Fixture::new(&[]).await;
    fixture.insert(1).await.expect("write");
    assert_eq!(fixture.count().await, 1);
    fixture
        .test
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    // An idle connection is tested before use, so nothing fails.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    fixture.insert(2).await.expect("write");
    assert_eq!(fixture.count().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_new_connection_takes_one_that_comes_back_sooner() {
    let test = TestDatabase::empty().await;
    let proxy = FaultProxy::start(test.url()).await;
    let settings = testkit::settings(&["--database-url", proxy.url(), "--database-read-pool-size", "2"]);
    let db = Database::new(&settings, "test").expect("settings");
    db.ping().await.expect("the first connection is open");
    // Opening a connection takes several round trips, more than the timeout allows; a statement takes one.
    proxy.set(Fault::Delay(Duration::from_millis(250)));
    let (first, second) = tokio::join!(db.ping(), db.ping());
    first.expect("it has the open connection");
    second.expect("it has the same one after that");
    // Connections that were being opened are kept: in the end there are two.
    let both = async {
        while db.pools()[0].1.idle < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), both).await.expect("the new connection is kept");
}

/// While all requests are served by existing connections, the new ones are kept as well, and the limit holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_fills_under_load_fills_once() {
    let test = TestDatabase::empty().await;
    let db = Database::new(&test.settings(), "test").expect("settings");
    let end = tokio::time::Instant::now() + Duration::from_secs(2);
    let asking = (0..32).map(|_| async {
        while tokio::time::Instant::now() < end {
            db.ping().await.expect("it is served");
        }
    });
    futures_util::future::join_all(asking).await;
    let pool = db.pools()[0].1;
    assert_eq!(pool.idle, pool.size, "each that may be open is");
    let sql = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()";
    let opened: i64 = sqlx::query_scalar(sql).fetch_one(&mut test.connect().await).await.expect("statistics");
    assert!(opened <= 3 * pool.size as i64, "{opened} connections were opened for {}", pool.size);
}

/// Half-open connections: no side resets them, and new ones work. Slow statements are not mistaken for them.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_went_silent_are_given_up_soon() {
    let test = TestDatabase::empty().await;
    test.execute("CREATE TABLE notes (id bigint PRIMARY KEY)").await;
    let proxy = FaultProxy::start(test.url()).await;
    let flags = ["--database-url", proxy.url(), "--database-read-pool-size", "3", "--database-write-pool-size", "3"];
    let db = Database::new(&testkit::settings(&flags), "test").expect("settings");
    let insert = |id: i64| {
        db.write(move |mut tx| async move {
            sqlx::query("INSERT INTO notes VALUES ($1)").bind(id).execute(&mut *tx).await?;
            Ok(())
        })
    };
    // All connections are open.
    let (a, b, c) = tokio::join!(insert(1), insert(2), insert(3));
    a.and(b).and(c).expect("written");
    let (a, b, c) = tokio::join!(db.ping(), db.ping(), db.ping());
    a.and(b).and(c).expect("read");
    // One of them holds a lock when it becomes unresponsive.
    let holder = {
        let db = db.clone();
        tokio::spawn(async move {
            db.write(|mut tx| async move {
                tx.execute("UPDATE notes SET id = 1 WHERE id = 1").await?;
                tokio::time::sleep(Duration::from_millis(300)).await;
                tx.execute("SELECT 1").await?;
                Ok(())
            })
            .await
        })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    proxy.silence_open();
    let silent = Instant::now();
    let (mut written, mut read) = (None, None);
    let mut id = 10;
    while written.is_none() || read.is_none() {
        assert!(silent.elapsed() < Duration::from_secs(8), "written {written:?}, read {read:?}");
        id += 1;
        let (write, ping) = tokio::join!(insert(id), db.ping());
        if write.is_ok() {
            written.get_or_insert(silent.elapsed());
        }
        if ping.is_ok() {
            read.get_or_insert(silent.elapsed());
        }
    }
    assert!(written < Some(Duration::from_secs(3)) && read < Some(Duration::from_secs(3)), "{written:?} {read:?}");
    let lost = holder.await.expect("no panic").expect_err("its session was lost");
    assert_eq!(Problem::from(lost).code(), "database_unavailable", "it had not come to its commit");
    let free = db.write(|mut tx| async move {
        tx.execute("UPDATE notes SET id = 1 WHERE id = 1").await?;
        Ok(())
    });
    free.await.expect("the lost session holds no lock");
    let (read, written) = tokio::join!(
        async { db.reads().execute("SELECT pg_sleep(2.5)").await.map_err(Error::from).map(drop) },
        db.write(|mut tx| async move { tx.execute("SELECT pg_sleep(2.5)").await.map_err(Error::from).map(drop) }),
    );
    read.and(written).expect("slow is not silent");
}
