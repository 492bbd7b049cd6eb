//! Login attempts, of which failures count.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::world::{Place, Replica, replica};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_wrong_guesses_at_once_exactly_the_amount_is_made() {
    let redis = Place::new().await;
    let replicas = [replica(&redis, redis.url(), &[]), replica(&redis, redis.url(), &[])];
    let answers = join_all((0..50).map(|n| replicas[n % 2].guess("ada@example.com", "wrong"))).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((of(400), of(429)), (8, 42));
    let refused = answers.iter().find(|answer| answer.status.as_u16() == 429).expect("one").clone();
    let wait = refused.header("retry-after").to_owned();
    assert_eq!(refused.header("ratelimit"), format!(r#""guess";r=0;t={wait}"#));
    assert_eq!(refused.header("ratelimit-policy"), r#""guess";q=8;w=60"#);
    refused.expect_problem(429, "rate_limited");

    // The right password is rejected as well, or the response would reveal it; another account is not affected.
    replicas[0].guess("ada@example.com", "right").await.expect_problem(429, "rate_limited");
    replicas[0].guess("bob@example.com", "right").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_right_is_not_limited_also_many_at_once() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &[]);
    for _ in 0..3 {
        let answers = join_all((0..30).map(|_| one.guess("ada", "right"))).await;
        assert!(answers.iter().all(|answer| answer.status.as_u16() == 200), "{answers:?}");
    }
    // All of them were released: the limit of failures is unchanged.
    for _ in 0..7 {
        one.guess("ada", "wrong").await.expect_problem(400, "wrong");
    }
    one.guess("ada", "right").await.expect(200);
    one.guess("ada", "wrong").await.expect_problem(400, "wrong");
    one.guess("ada", "right").await.expect_problem(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_on_our_side_is_no_guess() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &[]);
    for _ in 0..12 {
        one.guess("ada", "broken").await.expect_problem(500, "internal_error");
    }
    one.guess("ada", "right").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_over_many_accounts_is_stopped_by_its_address() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &["--trusted-proxies", "127.0.0.1"]);
    let guess = async |n: usize, address: &str| one.guess_from(address, &format!("user-{n}"), "wrong").await;
    let answers = join_all((0..120).map(|n| guess(n, "192.0.2.1"))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status.as_u16() == 429).collect();
    assert_eq!(refused.len(), 20);
    assert_eq!(refused[0].header("ratelimit-policy"), r#""guess-address";q=100;w=60"#);
    guess(0, "192.0.2.2").await.expect_problem(400, "wrong");
}

/// Retries after `Retry-After`, until the response is another one.
async fn in_the_end(replica: &Replica, address: &str, secret: &str) -> (u16, Duration) {
    let began = Instant::now();
    loop {
        let answer = replica.guess_from(address, "ada", secret).await;
        if answer.status.as_u16() != 429 {
            return (answer.status.as_u16(), began.elapsed());
        }
        assert_eq!(answer.header("ratelimit-policy"), r#""guess-account";q=20;w=3600"#);
        sleep(Duration::from_secs(answer.header("retry-after").parse().expect("a number of seconds"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_delay_each_other_and_never_keep_the_owner_out() {
    let place = Place::new().await;
    let flags = ["--trusted-proxies", "127.0.0.1"];
    let replicas = [replica(&place, place.url(), &flags), replica(&place, place.url(), &flags)];
    let addresses: Vec<String> = (0..40).map(|n| format!("2001:db8:0:{n:x}::1")).collect();
    let guesses = addresses.iter().enumerate().map(|(n, from)| replicas[n % 2].guess_from(from, "ada", "wrong"));
    let answers = join_all(guesses).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((of(400), of(429)), (20, 20), "{answers:?}");
    let refused = answers.iter().find(|answer| answer.status.as_u16() == 429).expect("one");
    assert_eq!(refused.header("retry-after"), "1");

    // From an address where the account was used before, at once; another address of the same network does not count as that one.
    let path = "/guess?account=ada&secret=right&known=1";
    replicas[0].client.post_empty(path).await.expect(200);
    // From elsewhere, after the delay, once.
    let (status, took) = in_the_end(&replicas[1], "192.0.2.77", "right").await;
    assert!(status == 200 && took >= Duration::from_millis(950), "{status} after {took:?}");
    replicas[0].guess_from("192.0.2.77", "ada", "right").await.expect_problem(429, "rate_limited");

    // Attempts of others that wait are made, too, and lengthen the delay, up to the maximum: five more failures, and it is two
    // seconds.
    let patient = addresses.iter().take(16).map(|from| in_the_end(&replicas[0], from, "wrong"));
    let outcomes = join_all(patient).await;
    assert!(outcomes.iter().all(|(status, _)| *status == 400), "{outcomes:?}");
    let newcomer = replicas[1].guess_from("192.0.2.78", "ada", "right").await.expect_problem(429, "rate_limited");
    assert_eq!(newcomer.header("retry-after"), "4");
    assert_eq!(in_the_end(&replicas[1], "192.0.2.78", "right").await.0, 200);
    // Other accounts are not affected.
    replicas[0].guess_from("192.0.2.79", "bob", "right").await.expect(200);
}
