//! Unresponsive connections to Redis: no side resets them, and new ones work.

use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use futures_util::future::join_all;
use platform::Cache;
use testkit::{FaultProxy, TestRedis};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// The timeout of a condition that should become true.
const CONDITION_TIMEOUT: Duration = Duration::from_secs(30);

async fn through_proxy(redis: &TestRedis, timeout_ms: &str) -> (FaultProxy, Cache) {
    let proxy = FaultProxy::start(redis.url()).await;
    let flags = [
        "--redis-url",
        proxy.url(),
        "--redis-prefix",
        redis.prefix(),
        "--redis-timeout-ms",
        timeout_ms,
        "--redis-pool-size",
        "8",
    ];
    let cache = Cache::new(&testkit::settings(&flags), "").expect("a URL").expect("there is one");
    (proxy, cache)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_them_costs_one_timeout_and_not_one_each() {
    let redis = TestRedis::new();
    let (proxy, cache) = through_proxy(&redis, "2000").await;
    let all = join_all((0..8).map(|_| cache.connection())).await;
    assert!(all.iter().all(Result::is_ok), "all connections are open");
    drop(all);
    proxy.silence_open();
    let silent = Instant::now();
    while cache.probe().await.is_err() {
        assert!(silent.elapsed() < CONDITION_TIMEOUT, "nothing is opened instead");
    }
    // One after the other they would take eight times two seconds.
    assert!(silent.elapsed() < Duration::from_secs(12), "{:?}", silent.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_hears_nothing_subscribes_again() {
    let redis = TestRedis::new();
    let (proxy, cache) = through_proxy(&redis, "2000").await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let channel = cache.key("news");
    let listening = tokio::spawn({
        let (cache, channel) = (cache.clone(), channel.clone());
        let hear = move |text| {
            let told = told.clone();
            async move { drop(told.send(text)) }
        };
        async move { cache.hear(&channel, hear).await }
    });
    let mut direct = redis.connect().await;
    let mut publish_until_heard = async || {
        let publish = async {
            loop {
                cmd("PUBLISH").arg(&channel).arg("hello").query_async::<()>(&mut direct).await.expect("published");
                if timeout(Duration::from_millis(100), heard.recv()).await.is_ok_and(|text| text.is_some()) {
                    return;
                }
            }
        };
        timeout(CONDITION_TIMEOUT, publish).await.expect("it is heard");
        // Further messages published meanwhile.
        sleep(Duration::from_millis(300)).await;
        while heard.try_recv().is_ok() {}
    };
    publish_until_heard().await;
    proxy.silence_open();
    publish_until_heard().await;
    listening.abort();
}
