//! One-time codes: the whole way of a user with them, and every code that is not valid.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use platform::Limiter;
use serde_json::{Value, json};
use testkit::{Answer, Client, KEY};

use crate::authenticator::{App, CONFIRM, FACTORS, RECOVERY_CODES, TOTP};
use crate::world::{LOGIN, ME, PASSWORD, Person, World, serve_as};

const DISABLE: &str = "/api/v1/auth/second-factor/totp/disable";
const USERS: &str = "/api/v1/users";

async fn login(client: &Client, email: &str, password: &str, code: &str) -> Answer {
    client.form(LOGIN, &[("username", email), ("password", password), ("otp", code)]).await
}

/// The claim `amr` of an access token.
pub fn amr(token: &Value) -> Value {
    let claims = token["access_token"].as_str().and_then(|token| token.split('.').nth(1)).expect("a JWT");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    serde_json::from_slice::<Value>(&claims).expect("JSON")["amr"].clone()
}

impl World {
    pub async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.database.connect().await).await.expect("executed");
    }

    /// A user with one-time codes, the app that makes them, and recovery codes.
    async fn with_codes(&self, name: &str) -> (Person, App, Vec<String>) {
        let person = self.person(name).await;
        let (app, codes) = App::enrol(&person.client, PASSWORD).await;
        // As if a day had passed: each code of these tests is valid once more.
        self.execute("UPDATE totp_secrets SET last_step = 0").await;
        (person, app, codes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_enables_codes_logs_in_with_them_and_disables_them() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let elsewhere = world.login(&ada.email, PASSWORD).await;
    let none = json!({"totp": false, "recovery_codes_left": 0, "passkeys": 0, "required": false});
    assert_eq!(ada.client.get(FACTORS).await.expect(200), none);
    ada.client.post(CONFIRM, &json!({"code": "123456"})).await.expect_problem(409, "totp_not_enabled");
    ada.client.post(TOTP, &json!({"current_password": "wrong"})).await.expect_problem(403, "wrong_password");
    let (replaced, url) = App::begin(&ada.client, PASSWORD).await;
    assert!(url.starts_with("otpauth://totp/localhost:ada%40example.com?secret="), "{url}");
    let (app, _) = App::begin(&ada.client, PASSWORD).await;
    // Not yet needed.
    world.login(&ada.email, PASSWORD).await;
    for wrong in [replaced.code(0), app.code(-5), app.code(5), "0000 000".to_owned()] {
        ada.client.post(CONFIRM, &json!({"code": wrong})).await.expect_problem(403, "wrong_code");
    }
    let body = ada.client.post(CONFIRM, &json!({"code": app.code(0)})).await.expect(200);
    let recovery: Vec<&str> =
        body["recovery_codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(recovery.len(), 10, "{body}");
    let enabled = json!({"totp": true, "recovery_codes_left": 10, "passkeys": 0, "required": false});
    assert_eq!(ada.client.get(FACTORS).await.expect(200), enabled);
    elsewhere.get(ME).await.expect_problem(401, "invalid_token");
    ada.client.post(TOTP, &json!({"current_password": PASSWORD})).await.expect_problem(409, "totp_enabled");
    ada.client.post(CONFIRM, &json!({"code": app.code(1)})).await.expect_problem(409, "totp_enabled");

    // Asked for it only after the right password, and once.
    let asked = world.try_login(&ada.email, PASSWORD).await.expect_problem(400, "second_factor_required");
    assert_eq!(asked.json["error"], "invalid_grant");
    world.try_login(&ada.email, "wrong").await.expect_problem(400, "invalid_grant");
    login(&world.nobody, &ada.email, PASSWORD, "").await.expect_problem(400, "second_factor_required");
    login(&world.nobody, &ada.email, PASSWORD, &app.code(0)).await.expect_problem(400, "invalid_grant");
    let code = app.code(1);
    login(&world.nobody, &ada.email, "wrong", &code).await.expect_problem(400, "invalid_grant");
    let tokens = login(&world.nobody, &ada.email, PASSWORD, &code).await.expect(200);
    assert_eq!(amr(&tokens), json!(["pwd", "otp", "mfa"]));
    world.nobody.with_token(tokens["access_token"].as_str().expect("a token")).get(ME).await.expect(200);
    login(&world.nobody, &ada.email, PASSWORD, &code).await.expect_problem(400, "invalid_grant");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().expect("one"))];
    assert_eq!(amr(&world.nobody.form(LOGIN, &refresh).await.expect(200)), json!(["pwd", "otp", "mfa"]));

    // Recovery codes, however they are typed, each once.
    login(&world.nobody, &ada.email, PASSWORD, recovery[0]).await.expect(200);
    login(&world.nobody, &ada.email, PASSWORD, recovery[0]).await.expect_problem(400, "invalid_grant");
    login(&world.nobody, &ada.email, PASSWORD, &recovery[1].to_uppercase().replace('-', " ")).await.expect(200);
    let body = ada.client.post(RECOVERY_CODES, &json!({"code": recovery[2]})).await.expect(200);
    assert_eq!(ada.client.get(FACTORS).await.expect(200), enabled);
    login(&world.nobody, &ada.email, PASSWORD, recovery[3]).await.expect_problem(400, "invalid_grant");
    let disable = |password: &str, code: &Value| json!({"current_password": password, "code": code});
    let code = &body["recovery_codes"][0];
    ada.client.post(DISABLE, &disable("wrong", code)).await.expect_problem(403, "wrong_password");
    ada.client.post(DISABLE, &disable(PASSWORD, &json!(recovery[3]))).await.expect_problem(403, "wrong_code");
    ada.client.post(DISABLE, &disable(PASSWORD, code)).await.expect(204);
    assert_eq!(ada.client.get(FACTORS).await.expect(200), none);
    ada.client.post(RECOVERY_CODES, &json!({"code": code})).await.expect_problem(409, "totp_not_enabled");
    world.login(&ada.email, PASSWORD).await;
    let events = world.admin().await.get(&format!("/api/v1/audit-events?actor_id={}", ada.id)).await.expect(200);
    let actions: Vec<&str> = events.as_array().into_iter().flatten().filter_map(|one| one["action"].as_str()).collect();
    let used = "recovery_code.used";
    assert_eq!(actions, ["totp.disabled", "recovery_codes.replaced", used, used, "totp.enabled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_valid_code_looks_like_a_wrong_password() {
    let world = World::new().await;
    let (ada, app, recovery) = world.with_codes("ada").await;
    let (_, of_bob, bobs_recovery) = world.with_codes("bob").await;
    let wrong = world.try_login(&ada.email, "wrong").await.expect_problem(400, "invalid_grant");
    let is_rejected = async |code: &str| {
        let answer = login(&world.nobody, &ada.email, PASSWORD, code).await;
        assert_eq!(answer.without_request_id(), wrong.without_request_id(), "{code}");
    };
    let (expired, early) = (app.code(-3), app.code(4));
    for code in ["0", "x", "１２３４５６", "+12345", "u0000-00000-00000-00000", &recovery[0][1..]] {
        is_rejected(code).await;
    }
    is_rejected(&bobs_recovery[0]).await;
    for code in [&*expired, &*early, &*of_bob.code(0)] {
        is_rejected(code).await;
    }
    // A secret that was moved to another row is of no use to whoever moved it.
    world
        .execute("UPDATE totp_secrets SET secret = (SELECT secret FROM totp_secrets ORDER BY user_id DESC LIMIT 1)")
        .await;
    is_rejected(&of_bob.code(0)).await;
    is_rejected(&app.code(0)).await;
    login(&world.nobody, &ada.email, PASSWORD, &recovery[0]).await.expect(200);
    // API tokens, and what is confirmed by the password, are as before.
    let token = json!({"name": "export", "scopes": ["user"]});
    let token = ada.client.post("/api/v1/auth/api-tokens", &token).await.expect(201);
    let program = world.nobody.with_token(token["token"].as_str().expect("a token"));
    program.get(ME).await.expect(200);
    program.post(TOTP, &json!({"current_password": PASSWORD})).await.expect_problem(403, "session_required");
    // Of a deleted user nothing is left.
    world.admin().await.delete(&format!("{USERS}/{}", ada.id)).await.expect(200);
    is_rejected(&app.code(0)).await;
    is_rejected(&recovery[1]).await;
    ada.client.post(RECOVERY_CODES, &json!({"code": recovery[1]})).await.expect_problem(401, "invalid_token");
    let left = "SELECT (SELECT count(*) FROM totp_secrets) + (SELECT count(*) FROM recovery_codes)";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut world.database.connect().await).await.expect("a number");
    assert_eq!(left, 11, "bob's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_valid_once_and_few_are_tried() {
    let world = World::new().await;
    let (ada, app, recovery) = world.with_codes("ada").await;
    let of = |answers: &[Answer], status: u16| answers.iter().filter(|answer| answer.status == status).count();
    let code = app.code(0);
    let answers = join_all((0..8).map(|_| login(&world.nobody, &ada.email, PASSWORD, &code))).await;
    assert_eq!((of(&answers, 200), of(&answers, 400)), (1, 7));
    let answers = join_all((0..8).map(|_| login(&world.nobody, &ada.email, PASSWORD, &recovery[0]))).await;
    assert_eq!((of(&answers, 200), of(&answers, 400)), (1, 7));

    world.execute("UPDATE totp_secrets SET attempts = 0, last_step = 0").await;
    let wrong = app.code(9);
    let answers = join_all((0..30).map(|_| login(&world.nobody, &ada.email, PASSWORD, &wrong))).await;
    assert_eq!((of(&answers, 400), of(&answers, 429)), (10, 20));
    // The right one as well, until it is time; a recovery code at once.
    let answer = login(&world.nobody, &ada.email, PASSWORD, &app.code(0)).await.expect_problem(429, "rate_limited");
    let wait: u32 = answer.header("retry-after").parse().expect("seconds");
    assert!((25..=30).contains(&wait), "{wait}");
    ada.client.post(RECOVERY_CODES, &json!({"code": app.code(0)})).await.expect_problem(429, "rate_limited");
    login(&world.nobody, &ada.email, PASSWORD, &recovery[1]).await.expect(200);
    // Each further one doubles the delay.
    for (passed, then) in [("30 s", 60), ("60 s", 120)] {
        let pass = format!("UPDATE totp_secrets SET attempted_at = attempted_at - interval '{passed}'");
        sqlx::query(sqlx::AssertSqlSafe(pass)).execute(&mut world.database.connect().await).await.expect("passed");
        login(&world.nobody, &ada.email, PASSWORD, &app.code(9)).await.expect_problem(400, "invalid_grant");
        let answer = login(&world.nobody, &ada.email, PASSWORD, &app.code(0)).await.expect_problem(429, "rate_limited");
        let wait: u32 = answer.header("retry-after").parse().expect("seconds");
        assert!((then - 5..=then).contains(&wait), "{wait}");
    }
    // Not for ever, and over with the first right one.
    world.execute("UPDATE totp_secrets SET attempts = 1000000, attempted_at = now() - interval '1 h'").await;
    login(&world.nobody, &ada.email, PASSWORD, &app.code(0)).await.expect(200);
    login(&world.nobody, &ada.email, PASSWORD, &app.code(0)).await.expect_problem(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_count_against_the_account_and_missing_ones_do_not() {
    let world = crate::limited::Limited::new(1).await;
    let email = world.account("ada").await;
    let ada = world.client(0).login(LOGIN, &email, PASSWORD).await;
    let (app, _) = App::enrol(&ada, PASSWORD).await;
    for _ in 0..25 {
        world.try_login(0, &email, PASSWORD).await.expect_problem(400, "second_factor_required");
    }
    for _ in 0..20 {
        let answer = login(&world.client(0), &email, PASSWORD, "wrong").await;
        answer.expect_problem(400, "invalid_grant");
    }
    login(&world.client(0), &email, PASSWORD, &app.code(1)).await.expect_problem(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn superusers_can_be_required_to_have_one() {
    let world = World::new().await;
    let program =
        world.admin().await.post("/api/v1/auth/api-tokens", &json!({"name": "x", "scopes": ["superuser"]})).await;
    let program = program.expect(201);
    let server = serve_as(&world.database, Limiter::off(), &["--require-superuser-second-factor"], &[]);
    let nobody = server.client();
    let form = [("username", "admin@example.com"), ("password", "admin")];
    let tokens = nobody.form(LOGIN, &form).await.expect(200);
    assert_eq!((&tokens["scope"], amr(&tokens)), (&json!("user"), json!(["pwd"])));
    let admin = nobody.with_token(tokens["access_token"].as_str().expect("a token"));
    admin.get(USERS).await.expect_problem(403, "insufficient_scope");
    admin.get(&format!("{USERS}/2")).await.expect_problem(404, "user_not_found");
    let greedy = json!({"name": "x", "scopes": ["superuser"]});
    admin.post("/api/v1/auth/api-tokens", &greedy).await.expect_problem(403, "insufficient_scope");
    assert_eq!(admin.get(FACTORS).await.expect(200)["required"], true);
    let refresh = |tokens: &Value| {
        let token = tokens["refresh_token"].as_str().expect("a token").to_owned();
        let nobody = nobody.clone();
        async move { nobody.form(LOGIN, &[("grant_type", "refresh_token"), ("refresh_token", &token)]).await.expect(200) }
    };
    let tokens = refresh(&tokens).await;
    assert_eq!(tokens["scope"], "user");
    // Enrols, and logs in again.
    let admin = nobody.with_token(tokens["access_token"].as_str().expect("a token"));
    let (app, _) = App::enrol(&admin, "admin").await;
    admin.get(USERS).await.expect_problem(403, "insufficient_scope");
    let tokens = login(&nobody, "admin@example.com", "admin", &app.code(1)).await.expect(200);
    assert_eq!(tokens["scope"], "user superuser");
    let tokens = refresh(&tokens).await;
    assert_eq!(tokens["scope"], "user superuser");
    nobody.with_token(tokens["access_token"].as_str().expect("a token")).get(USERS).await.expect(200);
    // API tokens are as their owner created them; others need no factor.
    nobody.with_token(program["token"].as_str().expect("a token")).get(USERS).await.expect(200);
    let user = nobody.login(LOGIN, "user@example.com", "user").await;
    assert_eq!(user.get(FACTORS).await.expect(200)["required"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_encrypted_again_when_the_key_is_replaced() {
    let world = World::new().await;
    let (ada, app, recovery) = world.with_codes("ada").await;
    let next = "another key of the tests, long enough for HS256";
    let both = serve_as(&world.database, Limiter::off(), &["--secret-key", &format!("{next}\n{KEY}")], &[]);
    let new = serve_as(&world.database, Limiter::off(), &["--secret-key", next], &[]);
    login(&new.client(), &ada.email, PASSWORD, &app.code(0)).await.expect_problem(400, "invalid_grant");
    login(&both.client(), &ada.email, PASSWORD, &app.code(0)).await.expect(200);
    login(&new.client(), &ada.email, PASSWORD, &app.code(1)).await.expect(200);
    // What needs no key of ours.
    login(&new.client(), &ada.email, PASSWORD, &recovery[0]).await.expect(200);
}
