//! Providers that lie, break or say nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use super::provider::{Conduct, Provider, begin, claims};
use super::{LOG_IN, Signing};
use crate::world::World;

/// Longer than a request waits for a provider.
const WAITED: Duration = Duration::from_secs(9);

#[tokio::test(flavor = "multi_thread")]
async fn id_tokens_that_are_not_for_us_are_rejected() {
    let signing = Signing::new().await;
    let users = signing.number_of("users").await;
    let mut told = Vec::new();
    for conduct in [
        Conduct::WrongKey,
        Conduct::UnknownKey,
        Conduct::NoSignature,
        Conduct::SignedWithSecret,
        Conduct::OtherAudience,
        Conduct::MoreAudiences,
        Conduct::OtherParty,
        Conduct::OtherIssuer,
        Conduct::OtherNonce,
        Conduct::NoNonce,
        Conduct::Expired,
        Conduct::NoIdToken,
        Conduct::NoSubject,
        Conduct::LongSubject,
    ] {
        signing.provider.conduct(conduct);
        let callback = signing.callback(claims("1", "ada@example.com")).await;
        let answer = signing.nobody().post(LOG_IN, &callback).await;
        let said = (answer.status.as_u16(), answer.json["code"].clone());
        assert_eq!(said, (400, json!("openid_login_rejected")), "{conduct:?}: {}", answer.text);
        told.push(answer.without_request_id());
        // The code is used up, and so is the authorization.
        signing.provider.conduct(Conduct::Honest);
        signing.nobody().post(LOG_IN, &callback).await.expect_problem(400, "openid_state_invalid");
    }
    assert!(told.iter().all(|one| *one == told[0]), "nobody is told why: {told:?}");
    assert_eq!(signing.provider.discoveries(), 1, "keys are not fetched for each unknown one");
    assert_eq!((signing.number_of("users").await, signing.number_of("openid_identities").await), (users, 0));
    signing.log_in(claims("1", "ada@example.com")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_provider_does_not_work_nothing_is_done_and_the_request_may_be_repeated() {
    let signing = Signing::new().await;
    let callback = signing.callback(claims("1", "ada@example.com")).await;
    for conduct in
        [Conduct::Broken, Conduct::Garbage, Conduct::Huge, Conduct::Elsewhere, Conduct::RejectsClient, Conduct::Silent]
    {
        signing.provider.conduct(conduct);
        let asked = Instant::now();
        let answer = signing.nobody().post(LOG_IN, &callback).await;
        assert!(asked.elapsed() < WAITED, "{conduct:?}");
        let answer = answer.expect_problem(503, "openid_provider_unavailable");
        assert_eq!(answer.header("retry-after"), "5", "{conduct:?}");
        assert!(!answer.text.contains("description that") && !answer.text.contains("127.0.0.1"), "{}", answer.text);
    }
    assert_eq!(signing.number_of("openid_identities").await, 0);
    signing.provider.conduct(Conduct::Honest);
    signing.nobody().post(LOG_IN, &callback).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_there_is_503_at_once() {
    let provider = Provider::start().await;
    let settings = provider.settings(&["ours"]);
    drop(provider);
    let world = World::with_openid(&settings).await;
    for _ in 0..3 {
        let answer = begin(&world.nobody, "ours").await.expect_problem(503, "openid_provider_unavailable");
        assert_eq!(answer.header("retry-after"), "5");
    }
    let body = json!({"code": "x", "state": "x", "code_verifier": "x".repeat(43)});
    world.nobody.post(LOG_IN, &body).await.expect_problem(503, "openid_provider_unavailable");
}
