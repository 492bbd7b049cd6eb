//! A prefix in Redis for every test, whose keys are removed when the test ends.

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, Client, RedisResult, cmd};
use platform::Cache;
use platform::settings::RedisSettings;
use uuid::Uuid;

use crate::settings::read;

/// The timeout of the test's own connections and their commands.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);

/// A unique prefix on the server of `REDIS_URL`.
pub struct TestRedis {
    url: String,
    prefix: String,
}

impl TestRedis {
    /// A new prefix.
    ///
    /// # Panics
    /// When `REDIS_URL` is not set: these tests need a real Redis.
    pub fn new() -> Self {
        let url = std::env::var("TEST_REDIS_URL").or_else(|_| std::env::var("REDIS_URL"));
        let url = url.expect("REDIS_URL must name a Redis to test with; `./test.sh tests` starts one");
        Self { url, prefix: format!("test_{}:", Uuid::now_v7().simple()) }
    }

    /// The server's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The prefix of every key of this test.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Settings with the server and the prefix, and a longer timeout than the default: on a machine with a busy CPU Redis is
    /// slow, not unavailable. Everything else has its default.
    pub fn settings(&self) -> RedisSettings {
        read(&["--redis-url", &self.url, "--redis-prefix", &self.prefix, "--redis-timeout-ms", "8000"])
    }

    /// A pool whose keys have the prefix.
    ///
    /// # Panics
    /// When the URL is invalid.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.settings(), "").expect("the URL is one of Redis").expect("there is a URL")
    }

    /// A connection for commands that a service would not send.
    ///
    /// # Panics
    /// When Redis is unavailable.
    pub async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url).await.expect("the Redis that REDIS_URL names answers")
    }
}

impl Default for TestRedis {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        let (url, pattern) = (self.url.clone(), format!("{}*", self.prefix));
        // A test's runtime may have ended already; a thread has one of its own.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(remove(&url, &pattern)).ok()
        });
        let _ = removed.join();
    }
}

async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(CONNECTION_TIMEOUT));
    Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await
}

async fn remove(url: &str, pattern: &str) -> RedisResult<()> {
    let mut redis = connect(url).await?;
    let mut cursor = 0_u64;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1_000);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut redis).await?;
        if !keys.is_empty() {
            cmd("UNLINK").arg(keys).query_async::<()>(&mut redis).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
