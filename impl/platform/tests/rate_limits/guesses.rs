//! Attempts at an account, of which failures count.

use futures_util::future::join_all;
use testkit::TestRedis;

use crate::world::replica;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_wrong_guesses_at_once_exactly_the_amount_is_made() {
    let redis = TestRedis::new();
    let replicas = [replica(&redis, redis.url(), &[]), replica(&redis, redis.url(), &[])];
    let answers = join_all((0..50).map(|n| replicas[n % 2].guess("ada@example.com", "wrong"))).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((of(400), of(429)), (8, 42));
    let refused = answers.iter().find(|answer| answer.status.as_u16() == 429).expect("one").clone();
    let wait = refused.header("retry-after").to_owned();
    assert_eq!(refused.header("ratelimit"), format!(r#""guess";r=0;t={wait}"#));
    assert_eq!(refused.header("ratelimit-policy"), r#""guess";q=8;w=60"#);
    refused.expect_problem(429, "rate_limited");

    // Neither the right one nor another spelling is a way past it; another account is not concerned.
    replicas[0].guess("ada@example.com", "right").await.expect_problem(429, "rate_limited");
    replicas[1].guess("ADA@example.COM", "right").await.expect_problem(429, "rate_limited");
    replicas[0].guess("bob@example.com", "right").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_right_is_not_limited_also_many_at_once() {
    let redis = TestRedis::new();
    let one = replica(&redis, redis.url(), &[]);
    for _ in 0..3 {
        let answers = join_all((0..30).map(|_| one.guess("ada", "right"))).await;
        assert!(answers.iter().all(|answer| answer.status.as_u16() == 200), "{answers:?}");
    }
    // All of them were given back: as many failures as ever.
    for _ in 0..7 {
        one.guess("ada", "wrong").await.expect_problem(400, "wrong");
    }
    one.guess("ada", "right").await.expect(200);
    one.guess("ada", "wrong").await.expect_problem(400, "wrong");
    one.guess("ada", "right").await.expect_problem(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_on_our_side_is_no_guess() {
    let redis = TestRedis::new();
    let one = replica(&redis, redis.url(), &[]);
    for _ in 0..12 {
        one.guess("ada", "broken").await.expect_problem(500, "internal_error");
    }
    one.guess("ada", "right").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_over_many_accounts_is_stopped_by_its_address() {
    let redis = TestRedis::new();
    let one = replica(&redis, redis.url(), &["--trusted-proxies", "127.0.0.1"]);
    let guess = async |n: usize, address: &str| {
        let path = format!("/guess?account=user-{n}&secret=wrong");
        let request = one.client.request(http::Method::POST, &path).header("x-forwarded-for", address);
        one.client.send(request).await
    };
    let answers = join_all((0..120).map(|n| guess(n, "192.0.2.1"))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status.as_u16() == 429).collect();
    assert_eq!(refused.len(), 20);
    assert_eq!(refused[0].header("ratelimit-policy"), r#""guess-address";q=100;w=60"#);
    guess(0, "192.0.2.2").await.expect_problem(400, "wrong");
}
