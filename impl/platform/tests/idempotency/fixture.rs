//! Requests of two users that insert a note, once or more often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use contract::{Answer, IdempotencyKey, KeyedRequest, Once, Problem, Reply, StoredReply};
use http::StatusCode;
use platform::{Database, Error, Transaction};
use testkit::TestDatabase;

/// The demo users.
pub(crate) const ALICE: i64 = 1;
pub(crate) const BOB: i64 = 2;

pub(crate) struct Fixture {
    pub(crate) db: Database,
    /// How often work was started.
    pub(crate) runs: Arc<AtomicU32>,
    // Dropped last: the connections are closed by then.
    pub(crate) test: TestDatabase,
}

/// The response to a request: the id of its note.
pub(crate) struct Noted(pub(crate) i64);

impl Answer for Noted {
    fn into_reply(self) -> Result<Reply, Problem> {
        Reply::new(201).header("location", format!("/notes/{}", self.0))?.json(&self.0)
    }
}

/// The outcome that a client sees.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Done(StoredReply),
    Replayed(StoredReply),
    Refused(StatusCode, &'static str),
}

impl Seen {
    pub(crate) fn reply(self) -> StoredReply {
        match self {
            Self::Done(reply) | Self::Replayed(reply) => reply,
            Self::Refused(status, code) => panic!("refused: {status} {code}"),
        }
    }
}

pub(crate) fn seen(result: Result<Once<Noted>, Error>) -> Seen {
    match result {
        Ok(Once::Replayed(stored)) => Seen::Replayed(stored),
        Ok(fresh) => Seen::Done(fresh.into_reply().and_then(|reply| reply.stored()).expect("can be kept")),
        Err(error) => {
            let problem = Problem::from(error);
            Seen::Refused(problem.status(), problem.code())
        }
    }
}

pub(crate) fn refused(status: u16, code: &'static str) -> Seen {
    Seen::Refused(StatusCode::from_u16(status).expect("a status"), code)
}

pub(crate) fn request(key: &str, fingerprint: u128) -> KeyedRequest {
    KeyedRequest { key: key.to_owned(), fingerprint }
}

pub(crate) fn keyed(key: &str, fingerprint: u128) -> IdempotencyKey {
    Some(request(key, fingerprint)).into()
}

pub(crate) async fn note(tx: &mut Transaction, text: &str) -> Result<Noted, Error> {
    let insert = sqlx::query_scalar("INSERT INTO notes (text) VALUES ($1) RETURNING id").bind(text);
    Ok(Noted(insert.fetch_one(&mut **tx).await?))
}

impl Fixture {
    pub(crate) async fn new(flags: &[&str]) -> Self {
        let test = TestDatabase::new().await;
        test.execute("CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, text text NOT NULL)").await;
        let settings = testkit::settings(
            &[&["--database-url", test.url(), "--database-acquire-timeout-ms", "8000"], flags].concat(),
        );
        Self { db: Database::new(&settings, "test").expect("settings"), runs: Arc::default(), test }
    }

    /// Inserts a note.
    pub(crate) async fn note(&self, user: i64, key: IdempotencyKey, text: &'static str) -> Seen {
        self.run(user, key, move |mut tx| async move { note(&mut tx, text).await }).await
    }

    /// Inserts a note and fails.
    pub(crate) async fn regret(&self, key: IdempotencyKey, problem: fn() -> Problem) -> Seen {
        let work = move |mut tx| async move {
            note(&mut tx, "regretted").await?;
            Err(problem().into())
        };
        self.run(ALICE, key, work).await
    }

    pub(crate) async fn run<F, W>(&self, user: i64, key: IdempotencyKey, work: W) -> Seen
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

    pub(crate) fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db.reads()).await.expect("counts")
    }

    pub(crate) async fn notes(&self) -> i64 {
        self.count("SELECT count(*) FROM notes").await
    }

    pub(crate) async fn kept(&self) -> i64 {
        self.count("SELECT count(*) FROM idempotency_keys").await
    }

    pub(crate) async fn age(&self, interval: &str) {
        self.test.execute(&format!("UPDATE idempotency_keys SET created_at = now() - interval '{interval}'")).await;
    }
}
