//! One effect and one answer for each key of a user, whatever happens to the requests that carry it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use contract::{Answer, IdempotencyKey, KeyedRequest, Once, Problem, Reply, StoredReply};
use http::StatusCode;
use platform::{Database, Error, Transaction, idempotency};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use testkit::TestDatabase;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The demo users.
const ALICE: i64 = 1;
const BOB: i64 = 2;

struct Fixture {
    db: Database,
    /// How often work was begun.
    runs: Arc<AtomicU32>,
    // Dropped last: the connections are gone by then.
    test: TestDatabase,
}

/// The answer of a request: what it noted.
struct Noted(i64);

impl Answer for Noted {
    fn into_reply(self) -> Result<Reply, Problem> {
        Reply::new(201).header("location", format!("/notes/{}", self.0))?.json(&self.0)
    }
}

/// What a client would see.
#[derive(Debug, PartialEq)]
enum Seen {
    Done(StoredReply),
    Replayed(StoredReply),
    Refused(StatusCode, &'static str),
}

impl Seen {
    fn reply(self) -> StoredReply {
        match self {
            Self::Done(reply) | Self::Replayed(reply) => reply,
            Self::Refused(status, code) => panic!("refused: {status} {code}"),
        }
    }
}

fn seen(result: Result<Once<Noted>, Error>) -> Seen {
    match result {
        Ok(Once::Replayed(stored)) => Seen::Replayed(stored),
        Ok(fresh) => Seen::Done(fresh.into_reply().and_then(|reply| reply.stored()).expect("can be kept")),
        Err(error) => {
            let problem = Problem::from(error);
            Seen::Refused(problem.status(), problem.code())
        }
    }
}

fn refused(status: u16, code: &'static str) -> Seen {
    Seen::Refused(StatusCode::from_u16(status).expect("a status"), code)
}

fn request(key: &str, fingerprint: u128) -> KeyedRequest {
    KeyedRequest { key: key.to_owned(), fingerprint }
}

fn keyed(key: &str, fingerprint: u128) -> IdempotencyKey {
    Some(request(key, fingerprint)).into()
}

async fn note(tx: &mut Transaction, text: &str) -> Result<Noted, Error> {
    let insert = sqlx::query_scalar("INSERT INTO notes (text) VALUES ($1) RETURNING id").bind(text);
    Ok(Noted(insert.fetch_one(&mut **tx).await?))
}

impl Fixture {
    async fn new(flags: &[&str]) -> Self {
        let test = TestDatabase::new().await;
        test.execute("CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, text text NOT NULL)").await;
        let settings =
            testkit::settings(&[&["--database-url", test.url(), "--database-wait-ms", "8000"], flags].concat());
        Self { db: Database::new(&settings, "test").expect("settings"), runs: Arc::default(), test }
    }

    /// Notes something down.
    async fn note(&self, user: i64, key: IdempotencyKey, text: &'static str) -> Seen {
        self.run(user, key, move |mut tx| async move { note(&mut tx, text).await }).await
    }

    /// Notes something down and regrets it.
    async fn regret(&self, key: IdempotencyKey, problem: fn() -> Problem) -> Seen {
        let work = move |mut tx| async move {
            note(&mut tx, "regretted").await?;
            Err(problem().into())
        };
        self.run(ALICE, key, work).await
    }

    async fn run<F, W>(&self, user: i64, key: IdempotencyKey, work: W) -> Seen
    where
        F: Future<Output = Result<Noted, Error>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Clone + Send + 'static,
    {
        let runs = Arc::clone(&self.runs);
        let counted = move |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            work(tx)
        };
        seen(self.db.write_idempotent(user, key, counted).await)
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db.reads()).await.expect("counts")
    }

    async fn notes(&self) -> i64 {
        self.count("SELECT count(*) FROM notes").await
    }

    async fn kept(&self) -> i64 {
        self.count("SELECT count(*) FROM idempotency_keys").await
    }

    async fn age(&self, interval: &str) {
        self.test.execute(&format!("UPDATE idempotency_keys SET created_at = now() - interval '{interval}'")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_is_done_once() {
    // On one connection, which every end of a transaction must leave clean.
    let fixture = Fixture::new(&["--database-write-pool", "1"]).await;
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
    // Of another user, and of another name, it is another request.
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
    // Two statements, so that it shows whether there was a transaction around them.
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
async fn a_hundred_at_once_have_one_effect() {
    let fixture = Arc::new(Fixture::new(&[]).await);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let fixture = Arc::clone(&fixture);
        clients.spawn(async move {
            loop {
                match fixture.note(ALICE, keyed("k", 1), "spoon").await {
                    Seen::Refused(StatusCode::CONFLICT, "idempotency_in_flight") => {
                        tokio::time::sleep(Duration::from_millis(5)).await
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
    let fixture = Arc::new(Fixture::new(&["--database-write-pool", "2"]).await);
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

/// The copy looked for an answer, the first was committed, then the copy got the lock.
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
async fn only_what_was_done_is_kept() {
    let fixture = Fixture::new(&["--database-write-pool", "1"]).await;
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
    // Who is deleted between authentication and the end of the work is told so, and nothing was done.
    assert_eq!(fixture.note(BOB, keyed("l", 1), "spoon").await, refused(401, "invalid_token"));
    assert_eq!(fixture.notes().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_request_is_done_wholly_or_not_at_all() {
    let fixture = Fixture::new(&["--database-write-pool", "2"]).await;
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
                    tokio::time::sleep(Duration::from_millis(5)).await
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
    // Whoever is just replacing one is not waited for.
    let mut other = fixture.test.connect().await;
    other.execute("BEGIN; UPDATE idempotency_keys SET created_at = now() WHERE key = '7'").await.expect("locks");
    assert_eq!(idempotency::forget_old(&fixture.db).await.expect("deletes"), 2499);
    other.execute("COMMIT").await.expect("commits");
    assert_eq!(idempotency::forget_old(&fixture.db).await.expect("deletes"), 0);
    assert_eq!(fixture.kept().await, 2);
}
