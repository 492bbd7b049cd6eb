//! A service with webhooks, its database, and processes that deliver.

use std::time::Duration;

use contract::OutgoingRequest;
use platform::settings::{Environment, Settings};
use platform::{Database, Error, Result, Transaction};
use platform_webhooks::{Tuning, Webhooks};
use sqlx::{AssertSqlSafe, Row as _};
use testkit::{CHEAP, TestDatabase};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What has not happened after this long never will.
const AT_LAST: Duration = Duration::from_secs(60);
/// So long that no test sees the end of it.
pub const LONG: Duration = Duration::from_secs(3_600);
/// The privileges of a service with webhooks.
const GROUP: &str = include_str!("../../../../../migrations/privileges/groups/webhooks");
/// The service whose role this is.
pub const SERVICE: &str = "tasks";

pub struct World {
    pub db: Database,
    pub flags: Vec<&'static str>,
    // Last: connections should be closed when the database is dropped.
    pub database: TestDatabase,
}

/// A process that delivers.
pub struct Process {
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    /// Ends it in good order.
    pub async fn stop(self) {
        self.end.cancel();
        timeout(AT_LAST, self.task).await.expect("it ends").expect("it does not panic");
    }

    /// Tells it to end, and waits for nothing.
    pub fn tell(&self) {
        self.end.cancel();
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with_flags(&["--webhook-targets", "any"]).await
    }

    pub async fn with_flags(flags: &[&'static str]) -> Self {
        let database = TestDatabase::new().await;
        let role = database.settings_of(SERVICE);
        let db = Database::new(&role, SERVICE).expect("the URL is one");
        let user: String = sqlx::query_scalar("SELECT current_user::text").fetch_one(db.reads()).await.expect("a name");
        // As if the service had the group: each of its lines is granted.
        for line in GROUP.lines().filter(|line| line.starts_with("table")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let letters = words[2].chars().map(|letter| match letter {
                'S' => "SELECT",
                'I' => "INSERT",
                'U' => "UPDATE",
                _ => "DELETE",
            });
            let granted = letters.collect::<Vec<_>>().join(", ");
            database.execute(&format!("GRANT {granted} ON {} TO {user}", words[1])).await;
        }
        Self { db, flags: flags.to_vec(), database }
    }

    /// Webhooks with times for tests: attempts follow each other at once.
    pub fn webhooks(&self) -> Webhooks {
        self.tuned(tuning())
    }

    pub fn tuned(&self, tuning: Tuning) -> Webhooks {
        let settings: Settings = testkit::settings(&[&CHEAP[..], &self.flags].concat());
        Webhooks::tuned(self.db.clone(), SERVICE, &settings, Environment::Development, tuning).expect("settings")
    }

    /// A process of these webhooks.
    pub fn start(&self, webhooks: &Webhooks) -> Process {
        let (webhooks, end) = (webhooks.clone(), CancellationToken::new());
        let shutdown = end.clone();
        Process { end, task: tokio::spawn(async move { webhooks.run(shutdown).await }) }
    }

    /// Puts a request, and commits it.
    pub async fn put(&self, webhooks: &Webhooks, recipient: i64, url: &str) -> Result<()> {
        self.put_request(webhooks, recipient, request(url)).await
    }

    pub async fn put_request(&self, webhooks: &Webhooks, recipient: i64, request: OutgoingRequest) -> Result<()> {
        let inner = webhooks.clone();
        let put = move |mut tx: Transaction| async move { inner.put(&mut tx, recipient, request).await };
        self.db.write(put).await?;
        webhooks.wake();
        Ok(())
    }

    /// Puts a request in a transaction that is rolled back.
    pub async fn put_in_vain(&self, webhooks: &Webhooks, url: &str) {
        let (webhooks, request) = (webhooks.clone(), request(url));
        let put = move |mut tx: Transaction| async move {
            webhooks.put(&mut tx, 0, request).await?;
            Err::<(), _>(Error::internal("a failure after it"))
        };
        self.db.write(put).await.expect_err("it failed");
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.database.connect().await).await.expect("a number")
    }

    /// How many are in the table.
    pub async fn rows(&self) -> i64 {
        self.number("SELECT count(*) FROM webhook_deliveries").await
    }

    /// State, attempts, last status and last error of the only one.
    pub async fn only(&self) -> (String, i32, Option<i16>, String) {
        let sql = "SELECT state, attempts, last_status, coalesce(last_error, '') AS error FROM webhook_deliveries";
        let row = sqlx::query(sql).fetch_one(&mut self.database.connect().await).await.expect("a row");
        (row.get("state"), row.get("attempts"), row.get("last_status"), row.get("error"))
    }
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(AT_LAST, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub fn tuning() -> Tuning {
    Tuning {
        retries: vec![Duration::ZERO; 10],
        timeout: LONG,
        lease_margin: LONG,
        poll: Duration::from_millis(50),
        authorities: Vec::new(),
    }
}

pub fn request(url: &str) -> OutgoingRequest {
    OutgoingRequest {
        operation: "taskDone",
        method: "POST",
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: br#"{"test": 2432232314}"#[..].into(),
    }
}
