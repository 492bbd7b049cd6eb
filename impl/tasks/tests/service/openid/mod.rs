//! Sign-in by an OpenID provider: from the authorization to the session, who gets which account, and what is rejected.

mod lies;
mod links;
pub mod provider;

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::world::{LOGIN, ME, World};
use provider::{CALLBACK, Provider, begin, claims};

const LOG_IN: &str = "/api/v1/auth/openid/providers/ours/login";
const LINK: &str = "/api/v1/auth/openid/providers/ours/link";
const IDENTITIES: &str = "/api/v1/auth/openid/identities";

/// A service with a provider to sign in with, as `ours` and as `same`.
struct Signing {
    provider: Provider,
    world: World,
}

impl Signing {
    async fn new() -> Self {
        let provider = Provider::start().await;
        let world = World::with_openid(&provider.settings(&["ours", "same"])).await;
        Self { provider, world }
    }

    fn nobody(&self) -> &Client {
        &self.world.nobody
    }

    /// The body of a request that completes an authorization.
    async fn callback(&self, claims: Value) -> Value {
        self.provider.signed_in(self.nobody(), "ours", claims).await
    }

    async fn log_in(&self, claims: Value) -> Answer {
        self.nobody().post(LOG_IN, &self.callback(claims).await).await
    }

    /// A client with the session that a login began.
    async fn signed_in(&self, subject: &str, email: &str) -> Client {
        let token = self.log_in(claims(subject, email)).await.expect(200);
        self.nobody().with_token(token["access_token"].as_str().expect("a token"))
    }

    async fn number_of(&self, table: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(sql).fetch_one(&mut self.world.database.connect().await).await.expect("a number")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_login_creates_an_account_and_later_ones_find_it() {
    let signing = Signing::new().await;
    let nobody = signing.nobody();
    let providers = nobody.get("/api/v1/auth/openid/providers").await.expect(200);
    assert_eq!(providers, json!([{"name": "ours"}, {"name": "same"}]));
    let answer = signing.log_in(claims("1", "Ada@Example.com")).await;
    let token = answer.expect(200);
    let mut names: Vec<_> = token.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "scope", "token_type"]);
    let ada = nobody.with_token(token["access_token"].as_str().expect("a token"));
    let me = ada.get(ME).await.expect(200);
    assert_eq!((&me["email"], &me["full_name"]), (&json!("Ada@Example.com"), &json!("Ada Lovelace")));
    assert_eq!((&me["is_active"], &me["is_superuser"]), (&json!(true), &json!(false)));
    // It is a session like any other.
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", token["refresh_token"].as_str().expect("one"))];
    nobody.form(LOGIN, &refresh).await.expect(200);
    assert_eq!(ada.get("/api/v1/auth/sessions").await.expect(200).as_array().map(Vec::len), Some(1));
    // Another address later is the same user; there is no password.
    let again = signing.signed_in("1", "countess@example.com").await;
    assert_eq!(again.get(ME).await.expect(200), me);
    for password in ["!", "", "correct horse"] {
        let login = nobody.form(LOGIN, &[("username", "ada@example.com"), ("password", password)]).await;
        login.expect_problem(400, "invalid_grant");
    }
    let identities = again.get(IDENTITIES).await.expect(200);
    let shown = &identities[0];
    assert_eq!((&shown["provider"], &shown["email"]), (&json!("ours"), &json!("countess@example.com")));
    assert_eq!(shown["issuer"], signing.provider.issuer());
    assert!(shown["used_at"].as_str() > shown["created_at"].as_str(), "{shown}");
    // The same subject of the same issuer, whatever it is called here.
    let callback = signing.provider.signed_in(nobody, "same", claims("1", "x@example.com")).await;
    let same = nobody.post("/api/v1/auth/openid/providers/same/login", &callback).await.expect(200);
    let same = nobody.with_token(same["access_token"].as_str().expect("a token"));
    assert_eq!(same.get(ME).await.expect(200)["id"], me["id"]);
    assert_eq!(signing.provider.discoveries(), 2, "once for each name");
    let events = signing.world.admin().await.get("/api/v1/audit-events?limit=10").await.expect(200);
    let events: Vec<_> = events.as_array().expect("a list").iter().map(|event| event["action"].clone()).collect();
    assert_eq!(events[..4], ["openid.login", "openid.login", "openid.login", "openid.linked"], "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_decides_nothing() {
    let signing = Signing::new().await;
    let ada = signing.world.person("ada").await;
    let users = signing.number_of("users").await;
    let rejected = async |claims: Value, status, code| signing.log_in(claims).await.expect_problem(status, code);
    // Whose it is, another spelling of it, and one that anybody may have typed.
    rejected(claims("1", &ada.email), 409, "openid_email_taken").await;
    rejected(claims("1", &ada.email.to_uppercase()), 409, "openid_email_taken").await;
    for verified in [json!(false), json!(null)] {
        let mut claims = claims("1", "new@example.com");
        claims["email_verified"] = verified;
        rejected(claims, 403, "openid_email_unverified").await;
    }
    for email in [json!(null), json!(""), json!("nobody"), json!("a\nb@example.com")] {
        let mut claims = claims("1", "");
        claims["email"] = email;
        rejected(claims, 403, "openid_email_unverified").await;
    }
    assert_eq!((signing.number_of("users").await, signing.number_of("openid_identities").await), (users, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_created_only_where_that_is_wanted() {
    let provider = Provider::start().await;
    let mut settings = provider.settings(&["ours"]);
    settings.signup = false;
    let world = World::with_openid(&settings).await;
    let callback = provider.signed_in(&world.nobody, "ours", claims("1", "ada@example.com")).await;
    world.nobody.post(LOG_IN, &callback).await.expect_problem(403, "openid_signup_disabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_is_valid_once_and_for_the_client_that_began_it() {
    let signing = Signing::new().await;
    let nobody = signing.nobody();
    let (one, two) =
        (signing.callback(claims("1", "a@example.com")).await, signing.callback(claims("2", "b@example.com")).await);
    let with = |name: &str, value: Value| {
        let mut body = one.clone();
        body[name] = value;
        body
    };
    for (wrong, why) in [
        (with("state", json!("x".repeat(43))), "unknown"),
        (with("state", two["state"].clone()), "another's"),
        (with("code_verifier", two["code_verifier"].clone()), "of another client"),
        (with("code_verifier", json!("x".repeat(43))), "guessed"),
    ] {
        let answer = nobody.post(LOG_IN, &wrong).await;
        assert_eq!((answer.status.as_u16(), &answer.json["code"]), (400, &json!("openid_state_invalid")), "{why}");
    }
    let at_another = nobody.post("/api/v1/auth/openid/providers/same/login", &one).await;
    at_another.expect_problem(400, "openid_state_invalid");
    // None of that has used it up. Of many requests with it one is accepted.
    let answers = join_all((0..8).map(|_| nobody.post(LOG_IN, &one))).await;
    let accepted = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!(accepted, 1);
    for answer in answers.into_iter().filter(|answer| !answer.status.is_success()) {
        answer.expect_problem(400, "openid_state_invalid");
    }
    // A code of another authorization, and one that was used.
    let fresh = signing.callback(claims("1", "a@example.com")).await;
    for code in [&two["code"], &one["code"], &json!("x"), &json!("\u{e9}%00&code=x")] {
        let mut body = signing.callback(claims("1", "a@example.com")).await;
        body["code"] = code.clone();
        nobody.post(LOG_IN, &body).await.expect_problem(400, "openid_login_rejected");
    }
    // Mixed up with another provider (RFC 9207).
    let mut mixed = fresh.clone();
    mixed["iss"] = json!("https://id.example");
    nobody.post(LOG_IN, &mixed).await.expect_problem(400, "openid_login_rejected");
    let mut right = signing.callback(claims("1", "a@example.com")).await;
    right["iss"] = json!(signing.provider.issuer());
    nobody.post(LOG_IN, &right).await.expect(200);
    // Ten minutes later.
    let late = signing.callback(claims("1", "a@example.com")).await;
    signing.world.database.execute("UPDATE openid_authorizations SET expires_at = now()").await;
    nobody.post(LOG_IN, &late).await.expect_problem(400, "openid_state_invalid");
    begin(nobody, "ours").await.expect(200);
    assert_eq!(signing.number_of("openid_authorizations").await, 1, "what has expired is swept");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_logins_at_once_are_one_user() {
    let signing = Signing::new().await;
    let users = signing.number_of("users").await;
    let callbacks = join_all((0..4).map(|_| signing.callback(claims("1", "ada@example.com")))).await;
    let answers = join_all(callbacks.iter().map(|callback| signing.nobody().post(LOG_IN, callback))).await;
    for answer in answers {
        answer.expect(200);
    }
    assert_eq!((signing.number_of("users").await, signing.number_of("openid_identities").await), (users + 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_are_deactivated_or_deleted_have_no_way_in() {
    let signing = Signing::new().await;
    let ada = signing.signed_in("1", "ada@example.com").await;
    let id = ada.get(ME).await.expect(200)["id"].clone();
    let admin = signing.world.admin().await;
    let path = format!("/api/v1/users/{id}");
    admin.patch(&path, &json!({"is_active": false})).await.expect(200);
    let refused = signing.log_in(claims("1", "ada@example.com")).await.expect_problem(400, "openid_login_rejected");
    let mut wrong = signing.callback(claims("1", "ada@example.com")).await;
    wrong["code"] = json!("x");
    let other = signing.nobody().post(LOG_IN, &wrong).await;
    assert_eq!(refused.without_request_id(), other.without_request_id(), "as for any code that is not valid");
    // Whoever was deleted is nobody, and may sign up.
    admin.delete(&path).await.expect(200);
    assert_eq!(signing.number_of("openid_identities").await, 0);
    let again = signing.signed_in("1", "ada@example.com").await;
    assert_ne!(again.get(ME).await.expect(200)["id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_sent_back_only_where_the_operator_allows() {
    let signing = Signing::new().await;
    let path = "/api/v1/auth/openid/providers/ours/authorization";
    for uri in [
        &format!("{CALLBACK}/"),
        &format!("{CALLBACK}?x=1"),
        &format!("{CALLBACK}#x"),
        "https://app.example/callback/../evil",
        "https://APP.example/callback",
        "https://evil.example/callback",
        "javascript:alert(1)",
        "x",
    ] {
        let answer = signing.nobody().post(path, &json!({"redirect_uri": uri})).await;
        answer.expect_problem(422, "openid_redirect_uri_not_allowed");
    }
    signing.nobody().post(path, &json!({"redirect_uri": "com.example.app:/callback"})).await.expect(200);
    begin(signing.nobody(), "none").await.expect_problem(404, "openid_provider_not_found");
    begin(signing.nobody(), "Ours").await.expect_invalid("provider");
}
