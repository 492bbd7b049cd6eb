//! Another address for an account.

use serde_json::json;

use super::{
    CHANGE, CHANGE_SUBJECT, CHANGED_SUBJECT, Mailing, PASSWORD_SUBJECT, REQUESTED_SUBJECT, RESET_SUBJECT,
    TAKEN_SUBJECT, VERIFY_SUBJECT,
};
use crate::world::{LOGIN, ME, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_changed_by_whoever_has_the_new_one_and_both_are_told() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    let verify = mailing.token(&ada.email, VERIFY_SUBJECT).await;
    mailing.forgot(&ada.email).await;
    let reset = mailing.token(&ada.email, RESET_SUBJECT).await;

    mailing.change(&ada.client, "new@example.com", "wrong").await.expect_problem(403, "wrong_password");
    let api_token = json!({"name": "made", "scopes": ["user"]});
    let api_token = ada.client.post("/api/v1/auth/api-tokens", &api_token).await.expect(201);
    let program = mailing.world.nobody.with_token(api_token["token"].as_str().expect("a token"));
    mailing.change(&program, "new@example.com", PASSWORD).await.expect_problem(403, "session_required");
    ada.client.post(CHANGE, &json!({"email": "new", "current_password": PASSWORD})).await.expect_invalid("#/email");
    mailing.until_idle().await;
    assert!(mailing.catcher.all().is_empty(), "{:?}", mailing.catcher.all());

    mailing.change(&ada.client, "new@example.com", PASSWORD).await.expect(202);
    let token = mailing.token("new@example.com", CHANGE_SUBJECT).await;
    let notice = mailing.catcher.take(&ada.email, REQUESTED_SUBJECT).await;
    assert!(notice.content.contains("new@example.com"), "{notice:?}");
    assert_eq!(ada.client.get(ME).await.expect(200)["email"], *ada.email, "nothing is changed yet");
    mailing.confirm(&token).await.expect(204);
    mailing.catcher.take(&ada.email, CHANGED_SUBJECT).await;
    ada.client.get(ME).await.expect_problem(401, "invalid_token");
    mailing.world.nobody.form(LOGIN, &[("username", &*ada.email), ("password", PASSWORD)]).await.expect(400);
    let me = mailing.world.login("new@example.com", PASSWORD).await.get(ME).await.expect(200);
    assert_eq!((&me["id"], &me["email"]), (&json!(ada.id), &json!("new@example.com")));
    assert!(mailing.is_verified("new@example.com").await);
    assert_eq!(mailing.audited("user.email_changed").await, 1);
    // Tokens of the old address are void, and the used one is.
    for token in [&verify, &token] {
        mailing.confirm(token).await.expect_problem(400, "invalid_email_token");
    }
    mailing.reset(&reset, "another horse").await.expect_problem(400, "invalid_email_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_an_address_is_taken_is_told_to_its_owner_only() {
    let mailing = Mailing::new().await;
    let (ada, bob) = (mailing.world.person("ada").await, mailing.world.person("bob").await);
    // In this order, since asking again voids what was asked for before.
    let taken = mailing.change(&ada.client, "BOB@example.com", PASSWORD).await;
    let free = mailing.change(&ada.client, "free@example.com", PASSWORD).await;
    assert_eq!((free.status, &free.text), (taken.status, &taken.text));
    assert_eq!(free.status, 202);
    let notice = mailing.catcher.take(&bob.email, TAKEN_SUBJECT).await;
    assert!(!notice.content.contains("sfe_") && !notice.content.contains(&ada.email), "{notice:?}");
    let token = mailing.token("free@example.com", CHANGE_SUBJECT).await;
    for _ in 0..2 {
        mailing.catcher.take(&ada.email, REQUESTED_SUBJECT).await;
    }
    // It is taken in the meantime.
    let account = json!({"email": "free@example.com", "password": PASSWORD});
    mailing.world.nobody.post("/api/v1/auth/signup", &account).await.expect(200);
    mailing.confirm(&token).await.expect_problem(409, "email_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_voids_what_was_asked_for_with_the_old_one() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    mailing.change(&ada.client, "thief@example.com", PASSWORD).await.expect(202);
    let token = mailing.token("thief@example.com", CHANGE_SUBJECT).await;
    let change = json!({"password": "another horse", "current_password": PASSWORD});
    ada.client.patch(ME, &change).await.expect(200);
    mailing.catcher.take(&ada.email, PASSWORD_SUBJECT).await;
    mailing.confirm(&token).await.expect_problem(400, "invalid_email_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_mail_before_it_is_told_to_both_addresses() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    let token = mailing.token(&ada.email, VERIFY_SUBJECT).await;
    mailing.confirm(&token).await.expect(204);
    let change = json!({"email": "new@example.com", "current_password": PASSWORD});
    ada.client.patch(ME, &change).await.expect(200);
    let notice = mailing.catcher.take(&ada.email, CHANGED_SUBJECT).await;
    assert!(notice.content.contains("new@example.com"), "{notice:?}");
    assert!(!mailing.is_verified("new@example.com").await);
    let token = mailing.token("new@example.com", VERIFY_SUBJECT).await;
    mailing.confirm(&token).await.expect(204);
    assert!(mailing.is_verified("new@example.com").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_mistyped_the_address_asks_again_and_the_first_token_is_void() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    mailing.change(&ada.client, "ada@mistyped.example", PASSWORD).await.expect(202);
    let first = mailing.token("ada@mistyped.example", CHANGE_SUBJECT).await;
    mailing.change(&ada.client, "ada@right.example", PASSWORD).await.expect(202);
    let second = mailing.token("ada@right.example", CHANGE_SUBJECT).await;
    mailing.confirm(&first).await.expect_problem(400, "invalid_email_token");
    mailing.confirm(&second).await.expect(204);
}
