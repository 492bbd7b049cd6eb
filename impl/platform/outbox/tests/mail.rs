//! An outbox without orders: mail is queued by a handler of its own topic, on a real Postgres, with a real Redis and without.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deadpool_redis::redis::cmd;
use futures_util::FutureExt as _;
use platform::{Cache, Database, Error, Result, Transaction};
use platform_outbox::failpoints::{Action, Failpoint};
use platform_outbox::verify;
use platform_outbox::{Handler, Handlers, Message, Outbox, Stream, Worker, put};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use testkit::{TestDatabase, TestRedis};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What has not happened after this long never will.
const AT_LAST: Duration = Duration::from_secs(30);
const TABLES: &str = "CREATE TABLE queued_mails (message bigint, address text, text text);
    CREATE TABLE bounces (message bigint, topic text)";

/// Queues mail; what is addressed to `busy` fails so many times.
#[derive(Clone, Default)]
struct Mail {
    failures: Arc<AtomicI64>,
    committed: Arc<AtomicI64>,
}

impl Handler for Mail {
    const TOPIC: &'static str = "mail.requested";

    async fn batch(&self, db: &mut PgConnection, messages: &mut [Message]) -> Result<()> {
        for message in messages {
            let Some((address, text)) = message.payload.split_once(' ') else {
                message.reject("the message has no address");
                continue;
            };
            if address == "busy" && self.failures.fetch_sub(1, Ordering::Relaxed) > 0 {
                return Err(Error::internal("the mail server is busy"));
            }
            let insert = sqlx::query("INSERT INTO queued_mails (message, address, text) VALUES ($1, $2, $3)");
            insert.bind(message.id).bind(address).bind(text).execute(&mut *db).await?;
            message.outcome = Some("queued");
        }
        Ok(())
    }

    async fn give_up(&self, db: &mut PgConnection, message: &mut Message) -> Result<()> {
        let insert = sqlx::query("INSERT INTO bounces (message, topic) VALUES ($1, $2)");
        insert.bind(message.id).bind(&message.topic).execute(db).await?;
        Ok(())
    }

    fn committed(&self, messages: &[Message]) {
        let queued = messages.iter().filter(|message| message.outcome == Some("queued")).count();
        self.committed.fetch_add(i64::try_from(queued).expect("a few"), Ordering::Relaxed);
    }
}

/// Another topic of the same worker.
struct Webhook;

impl Handler for Webhook {
    const TOPIC: &'static str = "webhook.due";

    async fn batch(&self, db: &mut PgConnection, messages: &mut [Message]) -> Result<()> {
        let ids: Vec<i64> = messages.iter().map(|message| message.id).collect();
        let insert =
            "INSERT INTO queued_mails (message, address) SELECT id, 'webhook' FROM unnest($1::bigint[]) AS m (id)";
        sqlx::query(insert).bind(ids).execute(db).await?;
        Ok(())
    }
}

struct World {
    mail: Mail,
    outbox: Outbox,
    stream: Option<Stream>,
    db: Database,
    _redis: Option<TestRedis>,
    // Last: connections should be closed when the database is dropped.
    database: TestDatabase,
}

impl World {
    async fn new(redis: Option<TestRedis>) -> Self {
        let database = TestDatabase::new().await;
        database.execute(TABLES).await;
        let db = Database::new(&database.settings(), "mail").expect("the URL is one");
        let stream = redis.as_ref().map(|redis| Stream::new(redis.cache(), "mails"));
        let outbox = Outbox::new(db.clone(), stream.clone());
        Self { mail: Mail::default(), outbox, stream, db, _redis: redis, database }
    }

    async fn put(&self, topic: &'static str, payload: &'static str) {
        let write = move |mut tx: Transaction| async move { put(&mut tx, topic, Some(7), payload, None).await };
        self.db.write(write).await.expect("the message is written");
        self.outbox.wake();
    }

    fn handlers(&self) -> Handlers {
        Handlers::new("mail-worker").with(self.mail.clone()).with(Webhook)
    }

    /// What a worker process does, until something holds.
    async fn work_until(&self, holds: impl AsyncFn() -> bool) {
        let (mut tasks, end) = (JoinSet::new(), CancellationToken::new());
        self.outbox.work(&mut tasks, &end, self.handlers());
        let wait = async {
            while !holds().await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(AT_LAST, wait).await.expect("it holds in the end");
        end.cancel();
        tasks.join_all().await;
    }

    async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.database.connect().await).await.expect("a number")
    }

    /// Nothing is left to do.
    async fn is_at_rest(&self) -> bool {
        let in_stream = match &self.stream {
            Some(stream) => verify::stream(stream).await != platform::verification::Finding::Holds,
            None => false,
        };
        !in_stream && self.number("SELECT count(*) FROM outbox").await == 0
    }

    /// Address and text of each mail, and topic, reason and attempts of each dead letter, by message.
    async fn outcome(&self) -> Vec<String> {
        let sql = "SELECT m FROM (SELECT message, concat_ws(': ', address, text) FROM queued_mails UNION ALL
            SELECT 1000000 + id, concat_ws(', ', topic, split_part(reason, chr(10), 1), attempts) FROM dead_letters) o (id, m) ORDER BY id";
        sqlx::query_scalar(sql).fetch_all(&mut self.database.connect().await).await.expect("texts")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_handled_by_topic_once_their_transaction_is_committed() {
    for redis in [Some(TestRedis::new()), None] {
        let world = World::new(redis).await;
        let write = |mut tx: Transaction| async move {
            put(&mut tx, Mail::TOPIC, None, "ada rolled back", None).await?;
            Err::<(), _>(Error::internal("a failure after it"))
        };
        world.db.write(write).await.expect_err("it failed");
        world.put(Mail::TOPIC, "ada hello").await;
        world.put(Webhook::TOPIC, "{}").await;
        world.put(Mail::TOPIC, "bob hello").await;
        assert_eq!(world.outbox.state().await.expect("Postgres answers").unpublished, 3);
        world.work_until(async || world.is_at_rest().await).await;
        assert_eq!(world.outcome().await, ["ada: hello", "webhook", "bob: hello"]);
        assert_eq!(world.mail.committed.load(Ordering::Relaxed), 2);
    }
}

/// Redis responds, and takes no writes: out of memory, a replica, an ACL.
#[tokio::test(flavor = "multi_thread")]
async fn what_redis_does_not_accept_is_handled_without_it() {
    let redis = TestRedis::new();
    let user = format!("test-{}", std::process::id());
    let mut admin = redis.connect().await;
    let acl = |words: &[&str]| cmd("ACL").arg(words).to_owned();
    acl(&["SETUSER", &user, "on", ">secret", "~*", "&*", "+@all", "-xadd"])
        .query_async::<()>(&mut admin)
        .await
        .expect("a user");
    let url = match redis.url().rsplit_once('@') {
        Some((_, place)) => format!("redis://{user}:secret@{place}"),
        None => redis.url().replacen("redis://", &format!("redis://{user}:secret@"), 1),
    };
    let settings = testkit::settings(&["--redis-url", &url, "--redis-prefix", redis.prefix()]);
    let cache = Cache::new(&settings, "").expect("a URL").expect("a Redis");
    let mut world = World::new(Some(redis)).await;
    world.stream = Some(Stream::new(cache, "mails"));
    world.outbox = Outbox::new(world.db.clone(), world.stream.clone());
    world.put(Mail::TOPIC, "ada hello").await;
    world.work_until(async || world.outcome().await == ["ada: hello"]).await;
    acl(&["DELUSER", &user]).query_async::<()>(&mut admin).await.expect("the user goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_and_delays_no_others() {
    for redis in [Some(TestRedis::new()), None] {
        let world = World::new(redis).await;
        world.mail.failures.store(4, Ordering::Relaxed);
        world.put(Mail::TOPIC, "busy hello").await;
        world.put(Mail::TOPIC, "ada hello").await;
        world.work_until(async || world.outcome().await == ["ada: hello"]).await;
        world.work_until(async || world.is_at_rest().await).await;
        assert_eq!(world.outcome().await, ["busy: hello", "ada: hello"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_attempt_helps_becomes_a_dead_letter() {
    for redis in [Some(TestRedis::new()), None] {
        let world = World::new(redis).await;
        world.mail.failures.store(i64::MAX, Ordering::Relaxed);
        world.put(Mail::TOPIC, "nothing-but-an-address").await;
        world.put("moon.landed", "on time").await;
        world.work_until(async || world.is_at_rest().await).await;
        world.put(Mail::TOPIC, "busy hello").await;
        world.work_until(async || world.is_at_rest().await).await;
        let expected = [
            "mail.requested, the message has no address, 0",
            "moon.landed, the topic is not known, 0",
            "mail.requested, the mail server is busy, 6",
        ];
        assert_eq!(world.outcome().await, expected);
        let bounced = "SELECT count(*) FROM bounces WHERE topic = 'mail.requested'";
        assert_eq!(world.number(bounced).await, 1, "only what was given up is compensated for");
        assert_eq!(world.outbox.state().await.expect("Postgres answers").dead_letters, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_two_steps_loses_and_repeats_nothing() {
    let points = [
        Failpoint::RELAY_CLAIMED,
        Failpoint::RELAY_PUBLISHED,
        Failpoint::WORKER_RECEIVED,
        Failpoint::GROUP_CREATED,
        Failpoint::BATCH_BEGUN,
        Failpoint::BATCH_WRITTEN,
        Failpoint::BATCH_COMMITTED,
        Failpoint::BATCH_ACKNOWLEDGED,
    ];
    for point in points {
        let world = World::new(Some(TestRedis::new())).await;
        world.put(Mail::TOPIC, "ada hello").await;
        world.outbox.failpoints().arm(point, Action::Panic);
        // What crashes is not there any more; the next worker has another name.
        for _ in 0..50 {
            let mut worker = Worker::new(world.outbox.clone(), world.handlers());
            let _ = AssertUnwindSafe(worker.step(Duration::ZERO)).catch_unwind().await;
            let _ = world.outbox.republish_lost(Duration::ZERO).await;
            if world.is_at_rest().await && !world.outbox.failpoints().is_armed(point) {
                break;
            }
        }
        assert!(!world.outbox.failpoints().is_armed(point), "no worker came to {point:?}");
        assert!(world.is_at_rest().await, "after {point:?}");
        assert_eq!(world.outcome().await, ["ada: hello"], "after {point:?}");
    }
}
