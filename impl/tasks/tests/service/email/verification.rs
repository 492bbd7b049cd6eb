//! Verifying an address, and logins that need it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use serde_json::json;
use testkit::TestDatabase;

use super::{CHANGE, CONFIRM, FORGOT, Mailing, RESET, RESET_SUBJECT, VERIFICATION, VERIFY_SUBJECT, serve};
use crate::world::{LOGIN, ME, PASSWORD, World};

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_up_verifies_the_address_with_the_token_of_a_mail() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    let token = mailing.token(&ada.email, VERIFY_SUBJECT).await;
    assert!(!mailing.is_verified(&ada.email).await);
    let version = ada.client.get(ME).await.header("etag").to_owned();
    // Another mail if the first is lost; either token will do, and each once.
    ada.client.post_empty(VERIFICATION).await.expect(202);
    let another = mailing.token(&ada.email, VERIFY_SUBJECT).await;
    mailing.confirm(&another).await.expect(204);
    assert!(mailing.is_verified(&ada.email).await);
    mailing.confirm(&another).await.expect_problem(400, "invalid_email_token");
    mailing.confirm(&token).await.expect(204);
    assert_eq!(ada.client.get(ME).await.header("etag"), version, "verifying is no change that one sees");
    // No mail to whoever needs none.
    ada.client.post_empty(VERIFICATION).await.expect(202);
    mailing.until_idle().await;
    assert!(mailing.catcher.all().is_empty());
    mailing.world.nobody.post_empty(VERIFICATION).await.expect_problem(401, "missing_token");

    // Whom a superuser creates is asked as well; another e-mail is not verified.
    let admin = mailing.world.admin().await;
    let bob = json!({"email": "bob@example.com", "password": PASSWORD});
    let bob = admin.post("/api/v1/users", &bob).await.expect(201);
    let token = mailing.token("bob@example.com", VERIFY_SUBJECT).await;
    mailing.confirm(&token).await.expect(204);
    admin.patch(&format!("/api/v1/users/{}", bob["id"]), &json!({"email": "rob@example.com"})).await.expect(200);
    assert!(!mailing.is_verified("rob@example.com").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_require_it_for_logins() {
    let mailing = Mailing::with(&["--require-verified-email"]).await;
    let nobody = &mailing.world.nobody;
    let account = json!({"email": "ada@example.com", "password": PASSWORD});
    nobody.post("/api/v1/auth/signup", &account).await.expect(200);
    mailing.token("ada@example.com", VERIFY_SUBJECT).await;
    // Who does not know the password does not learn that there is such an account.
    for (email, password) in [("ada@example.com", "wrong"), ("nobody@example.com", PASSWORD)] {
        mailing.world.try_login(email, password).await.expect_problem(400, "invalid_grant");
    }
    mailing.until_idle().await;
    assert!(mailing.catcher.all().is_empty());
    let refused = mailing.world.try_login("ada@example.com", PASSWORD).await.expect_problem(400, "email_not_verified");
    assert_eq!(refused.json["error"], "invalid_grant");
    // In the request itself it is no better.
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("ada@example.com:{PASSWORD}")));
    let request = nobody.request(Method::GET, ME).header("authorization", basic);
    assert_eq!(nobody.send(request).await.status, 401);
    // The login has had another mail sent.
    let token = mailing.token("ada@example.com", VERIFY_SUBJECT).await;
    mailing.confirm(&token).await.expect(204);
    mailing.world.login("ada@example.com", PASSWORD).await.get(ME).await.expect(200);

    // A reset proves the address as well.
    let account = json!({"email": "bob@example.com", "password": PASSWORD});
    nobody.post("/api/v1/auth/signup", &account).await.expect(200);
    mailing.forgot("bob@example.com").await;
    let token = mailing.token("bob@example.com", RESET_SUBJECT).await;
    mailing.reset(&token, "another horse").await.expect(204);
    mailing.world.login("bob@example.com", "another horse").await.get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mail_nothing_is_promised() {
    let database = TestDatabase::new().await;
    let (server, _) = serve(&database, &[], None);
    let world = World { nobody: server.client(), server, database };
    let ada = world.person("ada").await;
    ada.client.post_empty(VERIFICATION).await.expect_problem(503, "mail_unavailable");
    let change = json!({"email": "ada@example.org", "current_password": PASSWORD});
    let refused = ada.client.post(CHANGE, &change).await.expect_problem(503, "mail_unavailable");
    assert_eq!(refused.header("retry-after"), "600");
    for email in ["ada@example.com", "nobody@example.com"] {
        world.nobody.post(FORGOT, &json!({"email": email})).await.expect_problem(503, "mail_unavailable");
    }
    let token = json!({"token": "sfe_4fQ0Zt1mLw8cVb7nXk2sYd5aHj9uEr3oGp6iTq"});
    world.nobody.post(CONFIRM, &token).await.expect_problem(400, "invalid_email_token");
    let reset = json!({"token": token["token"], "password": PASSWORD});
    world.nobody.post(RESET, &reset).await.expect_problem(400, "invalid_email_token");
    world.nobody.login(LOGIN, &ada.email, PASSWORD).await;
}
