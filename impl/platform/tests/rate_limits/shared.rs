//! Requests, counted in Redis.

use futures_util::future::join_all;
use std::time::{Duration, Instant};
use tokio::time::sleep;

use crate::world::{Place, replica, tally};

#[tokio::test(flavor = "multi_thread")]
async fn the_threshold_is_exact_under_concurrency_and_the_same_for_two_replicas() {
    let redis = Place::new().await;
    let (one, other) = (replica(&redis, redis.url(), &[]), replica(&redis, redis.url(), &[]));
    let answers = join_all((0..50).map(|n| [&one, &other][n % 2].own(1))).await;
    assert_eq!(tally(&answers), (20, 30));
    // Another user has a count of its own, and rejected requests were not counted.
    let fresh = one.own(2).await;
    assert!(fresh.header("ratelimit").starts_with(r#""own";r=19;"#), "{}", fresh.header("ratelimit"));
    let refused: f64 = one.metric(r#"rate_limit_requests_rejected_total{operation="own",class="own"}"#).await
        + other.metric(r#"rate_limit_requests_rejected_total{operation="own",class="own"}"#).await;
    assert!((refused - 30.0).abs() < 0.5, "{refused}");
    assert!(one.metric("rate_limit_local_fallbacks_total").await.abs() < 0.5, "Redis was there");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_tell_the_policy_what_is_left_and_when_to_come_back() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &[]);
    let user = one.user(1);
    for left in (0..5).rev() {
        let answer = user.get("/own-fewer").await;
        let (quota, reset) = answer.header("ratelimit").split_once(";t=").expect("a field");
        assert_eq!(quota, format!(r#""own";r={left}"#));
        assert!((1..=63).contains(&reset.parse::<u32>().expect("a number")), "{reset}");
        assert_eq!(answer.header("ratelimit-policy"), r#""own";q=5;w=60"#);
        assert_eq!(answer.header("retry-after"), "");
        answer.expect(200);
    }
    let refused = user.get("/own-fewer").await.expect_problem(429, "rate_limited");
    let wait = refused.header("retry-after").to_owned();
    assert!((1..=63).contains(&wait.parse::<u32>().expect("a number")), "{wait}");
    assert_eq!(refused.header("ratelimit"), format!(r#""own";r=0;t={wait}"#));
    assert_eq!(refused.header("ratelimit-policy"), r#""own";q=5;w=60"#);
    // Of the same class, with a larger limit.
    let more = user.get("/own").await;
    assert!(more.header("ratelimit").starts_with(r#""own";r=14;"#), "{}", more.header("ratelimit"));
    let free = user.get("/free").await;
    assert_eq!((free.header("ratelimit"), free.header("ratelimit-policy")), ("", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_limits_both_must_have_room_and_a_refusal_counts_against_neither() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &[]);
    let (ada, bob) = (one.user(1), one.user(2));
    let left = |answer: &testkit::Answer| {
        let field = answer.header("ratelimit");
        field.split(", ").map(|one| one.split(';').nth(1).expect("r").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(left(&ada.get("/both").await), ["r=1", "r=2"]);
    assert_eq!(left(&ada.get("/both").await), ["r=0", "r=1"]);
    for _ in 0..3 {
        let refused = ada.get("/both").await.expect_problem(429, "rate_limited");
        assert_eq!(left(&refused), ["r=0", "r=1"]);
    }
    assert_eq!(left(&bob.get("/both").await), ["r=1", "r=0"]);
    let refused = bob.get("/both").await.expect_problem(429, "rate_limited");
    assert_eq!(left(&refused), ["r=1", "r=0"]);
    assert_eq!(refused.header("ratelimit-policy"), r#""both-user";q=2;w=60, "both-address";q=3;w=60"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_slides() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &[]);
    let mut admitted = Vec::new();
    for round in 0..3 {
        let answers = join_all((0..10).map(|_| async {
            let sent = Instant::now();
            (one.client.get("/brief").await, sent, Instant::now())
        }))
        .await;
        let wait = answers.iter().find_map(|(one, ..)| one.header("retry-after").parse().ok()).expect("a time to wait");
        let before = admitted.len();
        admitted
            .extend(answers.iter().filter(|(one, ..)| one.status == 200).map(|(_, sent, answered)| (*sent, *answered)));
        // A window has slices: after the wait there is room for one request, or more.
        let expected = if round == 0 { 4..=4 } else { 1..=4 };
        assert!(expected.contains(&(admitted.len() - before)), "round {round}: {answers:?}");
        sleep(Duration::from_secs(wait)).await;
    }
    for five in admitted.windows(5) {
        let (first, last) = (five.iter().map(|one| one.0).min(), five.iter().map(|one| one.1).max());
        let took = last.expect("five") - first.expect("five");
        assert!(took >= Duration::from_secs(1), "five in {took:?}");
    }
    one.client.get("/brief").await;
    let mut connection = redis.connect().await;
    let keys: Vec<String> = deadpool_redis::redis::cmd("KEYS")
        .arg(format!("{}*:brief:1:*", redis.prefix()))
        .query_async(&mut connection)
        .await
        .expect("keys");
    assert!(!keys.is_empty());
    for key in keys {
        let life: i64 =
            deadpool_redis::redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.expect("a time");
        assert!((-2..=1_050).contains(&life) && life != -1, "{key} stays for {life} ms");
        assert!(!key.contains("127.0.0.1"), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_address_counts_and_only_trusted_proxies_may_say_which() {
    let redis = Place::new().await;
    let direct = replica(&redis, redis.url(), &[]);
    let from = async |replica: &crate::world::Replica, address: &str| {
        let request = replica.client.request(http::Method::GET, "/anybody").header("x-forwarded-for", address);
        replica.client.send(request).await
    };
    let mut answers = Vec::new();
    for n in 0..6 {
        answers.push(from(&direct, &format!("10.0.0.{n}")).await);
    }
    assert_eq!(tally(&answers), (3, 3), "a forged field is no way out");
    // An authenticated user is counted separately.
    direct.user(1).get("/anybody").await.expect(200);

    let behind = replica(&redis, redis.url(), &["--trusted-proxies", "127.0.0.1"]);
    for n in 0..6 {
        from(&behind, &format!("10.0.0.{n}")).await.expect(200);
    }
    // Addresses to the left of the one that the proxy saw may be forged.
    let mut answers = Vec::new();
    for n in 0..6 {
        answers.push(from(&behind, &format!("10.0.1.{n}, 192.0.2.7")).await);
    }
    assert_eq!(tally(&answers), (3, 3));
    let mut answers = Vec::new();
    for n in 0..6 {
        answers.push(from(&behind, &format!("2001:db8:7:7::{n}")).await);
    }
    assert_eq!(tally(&answers), (3, 3), "one customer's network of IPv6");
}

#[tokio::test(flavor = "multi_thread")]
async fn off_means_off() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &["--rate-limits", "off"]);
    let answers = join_all((0..40).map(|_| one.own(1))).await;
    assert_eq!(tally(&answers), (40, 0));
    assert_eq!(answers[0].header("ratelimit"), "");
    for _ in 0..10 {
        one.guess("ada", "wrong").await.expect_problem(400, "wrong");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_are_among_the_measurements() {
    let redis = Place::new().await;
    let one = replica(&redis, redis.url(), &[]);
    for (name, wanted) in [
        (r#"rate_limit_max_requests{operation="own_fewer",class="own"}"#, 5.0),
        (r#"rate_limit_window_seconds{operation="own_fewer",class="own"}"#, 60.0),
        (r#"rate_limit_max_requests{operation="guess",class="guess-address"}"#, 100.0),
    ] {
        let found = one.metric(name).await;
        assert!((found - wanted).abs() < 0.01, "{name} {found}");
    }
    let text = one.client.get("/metrics").await.text;
    assert!(
        text.contains(r#"rate_limit_requests_rejected_total{operation="guess",class="guess"} 0"#),
        "there before the first: {text}"
    );
}
