//! Redis becomes unavailable and recovers.

use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use futures_util::future::join_all;
use testkit::{Fault, FaultProxy};
use tokio::time::{sleep, timeout};

use crate::world::{CONDITION_TIMEOUT, Place, Replica, replica, tally};

/// Sends requests until the replica counts in Redis again.
async fn until_shared(replica: &Replica, user: i64) {
    let shared = async {
        loop {
            let before = replica.metric("rate_limit_local_fallbacks_total").await;
            replica.user(user).get("/own").await;
            if (replica.metric("rate_limit_local_fallbacks_total").await - before).abs() < 0.5 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(CONDITION_TIMEOUT, shared).await.expect("it counts in Redis again");
}

async fn away_and_back(fault: Fault) {
    let redis = Place::new().await;
    let proxy = FaultProxy::start(redis.url()).await;
    let (one, other) = (replica(&redis, proxy.url(), &[]), replica(&redis, redis.url(), &[]));
    assert_eq!(tally(&join_all((0..20).map(|_| one.own(1))).await), (20, 0));
    proxy.set(fault);
    // The count goes on from what Redis told last. A process alone has the whole amount.
    assert_eq!(tally(&join_all((0..50).map(|_| one.own(1))).await), (0, 50));
    assert_eq!(tally(&join_all((0..50).map(|_| one.own(2))).await), (20, 30));
    assert!(one.metric("rate_limit_local_fallbacks_total").await > 99.5);
    // Attempts at an account are counted in Postgres; of the limits by address a quarter is left.
    let guesses = join_all((0..20).map(|_| one.guess("ada", "wrong"))).await;
    let of = |status: u16| guesses.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((of(400), of(429)), (8, 12));
    let refused = guesses.iter().find(|answer| answer.status.as_u16() == 429).expect("one");
    assert_eq!(refused.header("ratelimit-policy"), r#""guess";q=8;w=60"#);
    let by_address = one.guess("bob", "right").await;
    assert!(
        by_address.header("ratelimit").starts_with(r#""guess-address";r=4;"#),
        "{}",
        by_address.header("ratelimit")
    );

    proxy.set(Fault::Pass);
    until_shared(&one, 9).await;
    // Earlier counts in Redis are kept, it learns what was counted without it, and new ones are shared by all.
    assert_eq!(tally(&join_all((0..5).map(|_| one.own(1))).await), (0, 5));
    one.own(2).await.expect_problem(429, "rate_limited");
    other.own(2).await.expect_problem(429, "rate_limited");
    assert_eq!(tally(&join_all((0..10).map(|_| one.own(3))).await), (10, 0));
    assert_eq!(tally(&join_all((0..20).map(|_| other.own(3))).await), (10, 10));
}

/// The counts of a user at two replicas that know of each other; each admits its part of what is left.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_a_limit_while_redis_is_away() {
    let redis = Place::new().await;
    let proxy = FaultProxy::start(redis.url()).await;
    let both = [replica(&redis, proxy.url(), &[]), replica(&redis, proxy.url(), &[])];
    let ask = async |user: i64, requests: usize| {
        let mut admitted = 0;
        for n in 0..requests {
            admitted += usize::from(both[n % 2].own(user).await.status == 200);
        }
        admitted
    };
    assert_eq!(ask(1, 10).await, 10);
    proxy.set(Fault::Reset);
    assert_eq!((ask(1, 30).await, ask(2, 30).await), (10, 20), "as many as with Redis");
    proxy.set(Fault::Pass);
    for replica in &both {
        until_shared(replica, 3).await;
    }
    // Each tells Redis what it counted with its next request of the user.
    assert!(ask(1, 30).await <= 1);
    assert!(ask(2, 30).await <= 1);
    assert_eq!(ask(4, 30).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_is_told_what_it_knew() {
    let redis = Place::new().await;
    let proxy = FaultProxy::start(redis.url()).await;
    let (one, other) = (replica(&redis, proxy.url(), &[]), replica(&redis, proxy.url(), &[]));
    for user in [1, 2] {
        assert_eq!(tally(&join_all((0..15).map(|_| other.own(user))).await), (15, 0));
        one.own(user).await.expect(200);
    }
    proxy.set(Fault::Reset);
    assert_eq!(tally(&join_all((0..4).map(|_| one.own(2))).await), (2, 2));
    let mut connection = redis.connect().await;
    let all = format!("{}*", redis.prefix());
    let keys: Vec<String> = cmd("KEYS").arg(all).query_async(&mut connection).await.expect("keys");
    cmd("DEL").arg(keys).query_async::<()>(&mut connection).await.expect("they are gone");
    proxy.set(Fault::Pass);
    until_shared(&one, 9).await;
    until_shared(&other, 9).await;
    assert_eq!(tally(&join_all((0..10).map(|_| one.own(1))).await), (4, 6), "16 were told");
    assert_eq!(tally(&join_all((0..10).map(|_| one.own(2))).await), (2, 8), "and two more counted alone");
    assert_eq!(tally(&[other.own(1).await, other.own(2).await]), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_torn_down() {
    away_and_back(Fault::Reset).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers() {
    away_and_back(Fault::Blackhole).await;
}

/// Unavailable from the start, so that there never was a connection: requests do not wait one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_the_first_connection() {
    let redis = Place::new().await;
    let proxy = FaultProxy::start(redis.url()).await;
    proxy.set(Fault::Blackhole);
    let one = replica(&redis, proxy.url(), &[]);
    let ask = async |n: u64| {
        sleep(Duration::from_millis(20 * n)).await;
        let asked = Instant::now();
        one.own(1).await;
        asked.elapsed()
    };
    let took = join_all((0..100).map(ask)).await;
    let waited = took.iter().filter(|took| **took > Duration::from_millis(250)).count();
    // Those of the first half second, and now and then one that tries again.
    assert!(waited <= 50, "{waited} of 100 waited: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_was_cut_is_replaced_without_a_miscount() {
    let redis = Place::new().await;
    let proxy = FaultProxy::start(redis.url()).await;
    let one = replica(&redis, proxy.url(), &[]);
    assert_eq!(tally(&join_all((0..15).map(|_| one.own(1))).await), (15, 0));
    proxy.set(Fault::Reset);
    sleep(Duration::from_millis(50)).await;
    proxy.set(Fault::Pass);
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(one.own(1).await);
    }
    assert_eq!(tally(&answers), (5, 5));
    assert!(one.metric("rate_limit_local_fallbacks_total").await < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgot_its_scripts_is_told_them_again() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &[]);
    one.own(1).await.expect(200);
    let mut connection = redis.connect().await;
    cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.expect("it forgets");
    let next = one.own(1).await;
    assert!(next.header("ratelimit").starts_with(r#""own";r=18;"#), "{}", next.header("ratelimit"));
    assert!(one.metric("rate_limit_local_fallbacks_total").await < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_redis_each_process_counts_on_its_own() {
    let redis = Place::new().await;
    let (one, other) = (replica(&redis, "", &[]), replica(&redis, "", &[]));
    for replica in [&one, &other] {
        let answers = join_all((0..50).map(|_| replica.own(1))).await;
        assert_eq!(tally(&answers), (20, 30));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_redis_six_processes_allow_as_many_guesses_as_one() {
    let place = Place::new().await;
    let replicas: Vec<Replica> = (0..6).map(|_| replica(&place, "", &[])).collect();
    let answers = join_all((0..60).map(|n| replicas[n % 6].guess("ada", "wrong"))).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((of(400), of(429)), (8, 52), "{answers:?}");
}
