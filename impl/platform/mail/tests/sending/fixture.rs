//! A database with mails, and processes that send them.

use std::time::Duration;

use platform::settings::Environment;
use platform::{Database, Error, Transaction};
use platform_mail::{Mail, MailSettings, Mailer, Tuning};
use sqlx::AssertSqlSafe;
use testkit::TestDatabase;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What has not happened after this long never will.
pub const AT_LAST: Duration = Duration::from_secs(20);
/// The service that sends mail.
const SERVICE: &str = "tasks";

pub struct World {
    pub db: Database,
    // Last: connections should be closed when the database is dropped.
    pub database: TestDatabase,
}

/// A process that sends.
pub struct Process {
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    pub fn start(mailer: &Mailer) -> Self {
        let (mailer, end) = (mailer.clone(), CancellationToken::new());
        let shutdown = end.clone();
        Self { end, task: tokio::spawn(async move { mailer.run(shutdown).await }) }
    }

    /// Ends it in good order.
    pub async fn stop(self) {
        self.end.cancel();
        timeout(AT_LAST, self.task).await.expect("it ends").expect("it does not panic");
    }
}

impl World {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let db = Database::new(&database.settings_of(SERVICE), SERVICE).expect("the URL is one");
        Self { db, database }
    }

    pub fn mailer(&self, url: &str) -> Mailer {
        self.tuned(url, tuning())
    }

    pub fn tuned(&self, url: &str, tuning: Tuning) -> Mailer {
        let settings: MailSettings =
            testkit::settings(&["--mail-url", url, "--mail-from", "Example <from@example.com>"]);
        let mailer = Mailer::tuned(self.db.clone(), &settings, Environment::Development, tuning);
        mailer.expect("the settings are good").expect("there is mail")
    }

    /// Queues a mail, and commits it.
    pub async fn queue(&self, mailer: &Mailer, to: &str) {
        self.queue_mail(mailer, mail(to)).await;
    }

    pub async fn queue_mail(&self, mailer: &Mailer, mail: Mail) {
        let queued = mailer.clone();
        let queue = move |mut tx: Transaction| async move { queued.queue(&mut tx, &mail).await };
        self.db.write(queue).await.expect("it is queued");
        mailer.wake();
    }

    /// Queues a mail in a transaction that is rolled back.
    pub async fn queue_in_vain(&self, mailer: &Mailer, to: &str) {
        let (mailer, mail) = (mailer.clone(), mail(to));
        let queue = move |mut tx: Transaction| async move {
            mailer.queue(&mut tx, &mail).await?;
            Err::<(), _>(Error::internal("a failure after it"))
        };
        self.db.write(queue).await.expect_err("it failed");
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.database.connect().await).await.expect("a number")
    }

    /// Waits until so many mails are left.
    pub async fn until_left(&self, number: i64) {
        let left = async {
            while self.number("SELECT count(*) FROM mails").await != number {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(AT_LAST, left).await.unwrap_or_else(|_| panic!("never {number} mails"));
    }
}

pub fn mail(to: &str) -> Mail {
    Mail {
        user: None,
        to: to.to_owned(),
        subject: "Hello".to_owned(),
        text: ".A dot, and ünïcode\n".to_owned(),
        html: "<p>A dot</p>".to_owned(),
        life: Duration::from_secs(60),
    }
}

/// Attempts follow each other at once.
pub fn tuning() -> Tuning {
    Tuning {
        poll: Duration::from_millis(20),
        first_pause: Duration::from_millis(10),
        max_pause: Duration::from_millis(50),
        max_reconnect_pause: Duration::from_millis(50),
        ..Tuning::default()
    }
}
