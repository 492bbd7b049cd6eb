//! Passwords that were forgotten.

use futures_util::future::join_all;
use serde_json::json;

use super::{Mailing, PASSWORD_SUBJECT, RESET_SUBJECT, VERIFY_SUBJECT};
use crate::authenticator::Authenticator;
use crate::world::{ME, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_the_mailbox_sets_another_password() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    mailing.catcher.take(&ada.email, VERIFY_SUBJECT).await;
    mailing.forgot("nobody@example.com").await;
    mailing.forgot(" ADA@example.com ").await;
    mailing.forgot(&ada.email).await;
    let first = mailing.token(&ada.email, RESET_SUBJECT).await;
    let second = mailing.token(&ada.email, RESET_SUBJECT).await;
    // What the policy rejects leaves the token as it was.
    mailing.reset(&first, "short").await.expect_invalid("#/password");
    mailing.reset(&first, "another horse").await.expect(204);
    mailing.catcher.take(&ada.email, PASSWORD_SUBJECT).await;
    ada.client.get(ME).await.expect_problem(401, "invalid_token");
    mailing.world.try_login(&ada.email, PASSWORD).await.expect_problem(400, "invalid_grant");
    mailing.world.login(&ada.email, "another horse").await.get(ME).await.expect(200);
    assert!(mailing.is_verified(&ada.email).await);
    assert_eq!(mailing.audited("user.password_reset").await, 1);
    for token in [&first, &second] {
        mailing.reset(token, "a third horse").await.expect_problem(400, "invalid_email_token");
    }
    mailing.until_idle().await;
    assert!(mailing.catcher.all().is_empty(), "{:?}", mailing.catcher.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_uses_one_succeeds() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    mailing.forgot(&ada.email).await;
    let token = mailing.token(&ada.email, RESET_SUBJECT).await;
    let answers = join_all((0..10).map(|n| mailing.reset(&token, ["one more horse", "yet more horses"][n % 2]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 9, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_not_filled_by_strangers() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    mailing.catcher.take(&ada.email, VERIFY_SUBJECT).await;
    for _ in 0..8 {
        mailing.forgot(&ada.email).await;
    }
    mailing.until_idle().await;
    assert_eq!(mailing.catcher.all().len(), 5);
    // Others get theirs.
    mailing.forgot("user@example.com").await;
    mailing.catcher.take("user@example.com", RESET_SUBJECT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_up_with_the_address_of_another_has_no_way_in_afterwards() {
    let mailing = Mailing::new().await;
    let thief = mailing.world.person("ada").await;
    let (mut passkey, _) = Authenticator::enrol(&thief.client, PASSWORD).await;
    let body = json!({"name": "for later", "scopes": ["user"]});
    let token = thief.client.post("/api/v1/auth/api-tokens", &body).await.expect(201)["token"].clone();
    let program = mailing.world.nobody.with_token(token.as_str().expect("a token"));
    program.get(ME).await.expect(200);
    let take = async |password: &str| {
        mailing.forgot(&thief.email).await;
        let token = mailing.token(&thief.email, RESET_SUBJECT).await;
        mailing.reset(&token, password).await.expect(204);
    };
    take("another horse").await;
    let nobody = &mailing.world.nobody;
    let signed = json!({"credential": passkey.sign(&Authenticator::challenge(nobody).await)});
    nobody.post("/api/v1/auth/passkeys/login", &signed).await.expect_problem(400, "passkey_rejected");
    crate::world::until(&program, ME, 401).await;
    // The address is verified now: what its owner adds stays.
    let ada = mailing.world.login(&thief.email, "another horse").await;
    let (mut passkey, _) = Authenticator::enrol(&ada, "another horse").await;
    take("a third horse").await;
    let signed = json!({"credential": passkey.sign(&Authenticator::challenge(nobody).await)});
    nobody.post("/api/v1/auth/passkeys/login", &signed).await.expect(200);
}
