//! Who asks too often.

use http::Method;
use serde_json::json;
use testkit::documents::{operation, operations};
use tokio::task::JoinSet;

use crate::documents::limit_by_address;
use crate::system::{Gateway, NOBODY, served};

/// A client that keeps to the declared limit is never rejected here, however its requests are spread; the flood beyond it ends at
/// the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_at_the_gateway() {
    let mut places = operations("signup").into_iter();
    let Some(place) = places.next() else { return };
    let signup = place.at_gateway();
    let amount = limit_by_address(&place.operation).expect("signing up has a limit by address");
    let (_stores, services, gateway, client) = served(&[]).await;
    let signups = async |count: usize| {
        let mut asked = JoinSet::new();
        for n in 0..count {
            let (client, signup) = (client.clone(), signup.clone());
            asked.spawn(async move {
                let answer = client.post(&signup, &json!({})).await;
                if n % 64 == 0 {
                    tokio::task::yield_now().await;
                }
                answer
            });
        }
        asked.join_all().await
    };
    for answer in signups(amount).await {
        answer.expect_problem(422, "validation_failed");
    }
    let beyond = signups(2 * amount).await;
    for answer in beyond.iter().filter(|answer| answer.status == 429) {
        let answer = answer.clone().expect_problem(429, "rate_limited");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{:?}", answer.headers);
    }
    // The same class of another service counts for itself here, whatever that service says.
    if let Some(other) = places.next() {
        let request = client.request(Method::POST, &other.at_gateway()).header("x-request-id", "another-service");
        client.send(request.json(&json!({}))).await;
        assert!(services.saw("another-service"));
    }
    assert_eq!(client.get(&format!("/{}/health", place.prefix)).await.status, 200);
    let log = gateway.stop();
    let ended = log
        .iter()
        .filter(|line| line["http.response.status_code"] == 429 && line["upstream.address"].is_null())
        .count();
    assert!(ended > 0, "{amount} are declared, and nothing was refused here");
}

/// One customer has 2^64 addresses.
#[tokio::test(flavor = "multi_thread")]
async fn of_ipv6_a_network_is_limited_and_not_an_address() {
    let Some(place) = operation("signup") else { return };
    let signup = place.at_gateway();
    let amount = limit_by_address(&place.operation).expect("signing up has a limit by address");
    let gateway = Gateway::start(|_| NOBODY.to_owned(), &["--trusted-proxies", "127.0.0.1"]).await;
    let client = gateway.client();
    let refused = async |address: fn(usize) -> String| {
        let mut refused = 0;
        for n in 0..2 * amount {
            let request = client.request(Method::POST, &signup).header("x-forwarded-for", address(n));
            let answer = client.send(request.json(&json!({}))).await;
            assert!([429, 503].contains(&answer.status.as_u16()), "{}", answer.text);
            refused += usize::from(answer.status == 429);
        }
        refused
    };
    assert!(refused(|n| format!("2001:db8:1:1:{:x}::{n:x}", n % 7)).await > 0);
    assert_eq!(refused(|n| format!("2001:db8:2:{n:x}::1")).await, 0);
    assert_eq!(refused(|n| format!("::ffff:10.1.{}.{}", n / 256, n % 256)).await, 0);
}
