//! What is acknowledged is there, what is refused is not, and the pools stay sound whatever happens to their users.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use contract::Problem;
use platform::{Database, Error, OnConstraint};
use sqlx::Executor as _;
use testkit::{Fault, FaultProxy, TestDatabase};
use tokio::sync::Barrier;
use tokio::time::timeout;

struct Fixture {
    db: Database,
    // Dropped last: the connections are gone by then.
    test: TestDatabase,
}

impl Fixture {
    async fn new(flags: &[&str]) -> Self {
        let test = TestDatabase::empty().await;
        test.execute(
            "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL CONSTRAINT notes_text_check CHECK (text <> ''))",
        )
        .await;
        let settings = testkit::settings(&[&["--database-url", test.url()], flags].concat());
        Self { db: Database::new(&settings, "test").expect("settings"), test }
    }

    async fn insert(&self, id: i64) -> Result<(), Error> {
        self.db
            .write(move |mut tx| async move {
                sqlx::query("INSERT INTO notes VALUES ($1, 'x')").bind(id).execute(&mut *tx).await?;
                Ok(())
            })
            .await
    }

    async fn insert_once(&self, id: i64) -> Result<(), Error> {
        let insert = sqlx::query("INSERT INTO notes VALUES ($1, 'x')").bind(id);
        self.db
            .write_once(move |mut tx| async move { insert.execute(&mut *tx).await.map(drop).map_err(Error::from) })
            .await
    }

    async fn count(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(self.db.reads()).await.expect("count")
    }
}

/// The regression of a lost write: transactions are cancelled at every moment, and would otherwise be refused and
/// rolled back. Single statements that follow on the same connections are acknowledged, so they must be there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_to_cancellation() {
    let fixture = Arc::new(Fixture::new(&["--database-write-pool", "3"]).await);
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
    // What was cancelled last may still be at its ROLLBACK.
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
    let fixture = Fixture::new(&["--database-write-pool", "1"]).await;
    let refused: Result<(), Error> = fixture
        .db
        .write(|mut tx| async move {
            tx.execute("INSERT INTO notes VALUES (1, 'x')").await?;
            Err(Problem::conflict("changed_my_mind", "No.").into())
        })
        .await;
    assert_eq!(Problem::from(refused.expect_err("refused")).code(), "changed_my_mind");
    // A failure that the work swallows must not turn COMMIT into a silent ROLLBACK that looks like success.
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
    // The one connection is still of use, and outside any transaction.
    fixture.insert(3).await.expect("the pool is sound");
    assert_eq!(fixture.count().await, 1);
}

#[tokio::test]
async fn reads_cannot_write() {
    let fixture = Fixture::new(&[]).await;
    let error = fixture.db.reads().execute("INSERT INTO notes VALUES (1, 'x')").await.expect_err("read only");
    assert_eq!(Error::from(error).sqlstate().as_deref(), Some("25006"));
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

/// Every code Postgres has, told by Postgres: 500 only for what is a fault of ours, and the pool is of use afterwards.
#[tokio::test]
async fn every_failure_of_the_database_has_an_answer() {
    let fixture = Fixture::new(&["--database-write-pool", "1"]).await;
    let codes = include_str!("../store/src/sqlstates.txt").lines().filter(|line| !line.starts_with('#'));
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
            // What migrations make is missing in a database that nobody has migrated yet.
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

/// The answer to a commit that never came is told apart from a failure before it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_ambiguous_says_so_and_what_is_certain_too() {
    let test = TestDatabase::empty().await;
    test.execute("CREATE TABLE notes (id bigint PRIMARY KEY)").await;
    let proxy = Arc::new(FaultProxy::start(test.url()).await);
    let settings = testkit::settings(&["--database-url", proxy.url(), "--database-write-pool", "1"]);
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

    // The server ends a session that is idle in its transaction, before it reads what comes next.
    for statement_follows in [true, false] {
        let stalled = db.write(move |mut tx| async move {
            tx.execute("SET LOCAL idle_in_transaction_session_timeout = 50").await?;
            tx.execute("INSERT INTO notes VALUES (6)").await?;
            // Long enough for a server whose processor is others' meanwhile.
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
async fn an_exhausted_pool_refuses_soon_and_recovers_at_once() {
    let fixture = Arc::new(Fixture::new(&["--database-read-pool", "2", "--database-write-pool", "2"]).await);
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
    // The server ends it, or the client gives up on a server that is late even for that.
    let code = Problem::from(Error::from(error)).code();
    assert!(["database_busy", "database_unavailable"].contains(&code), "{code}");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_abandoned_read_gives_its_connection_back() {
    let fixture = Fixture::new(&["--database-read-pool", "1"]).await;
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
    // What has rested is tested before use, so nobody notices.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    fixture.insert(2).await.expect("write");
    assert_eq!(fixture.count().await, 2);
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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_new_connection_takes_one_that_comes_back_sooner() {
    let test = TestDatabase::empty().await;
    let proxy = FaultProxy::start(test.url()).await;
    let settings = testkit::settings(&["--database-url", proxy.url(), "--database-read-pool", "2"]);
    let db = Database::new(&settings, "test").expect("settings");
    db.ping().await.expect("the first connection is open");
    // Opening one is several journeys and takes longer than anybody waits; a question is one.
    proxy.set(Fault::Delay(Duration::from_millis(250)));
    let (first, second) = tokio::join!(db.ping(), db.ping());
    first.expect("it has the open connection");
    second.expect("it has the same one after that");
    // What was begun is not lost: in the end there are two.
    let both = async {
        while db.pools()[0].1.idle < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await
        }
    };
    timeout(Duration::from_secs(20), both).await.expect("the new connection is kept");
}

/// While all are served by the connections that there are, the new ones are kept as well, and no more are opened than there may be.
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

/// Half-open connections: nobody resets them, and new ones work. Slow statements are not taken for them.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_went_silent_are_given_up_soon() {
    let test = TestDatabase::empty().await;
    test.execute("CREATE TABLE notes (id bigint PRIMARY KEY)").await;
    let proxy = FaultProxy::start(test.url()).await;
    let flags = ["--database-url", proxy.url(), "--database-read-pool", "3", "--database-write-pool", "3"];
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
    // One of them holds a lock while it goes silent.
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
