//! Logins, with every kind of hash in existing databases, and what a failed login reveals: nothing.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use testkit::Answer;

use crate::world::{LOGIN, ME, PASSWORD, World};

/// bcrypt of `U*U`, from the test vectors of its reference implementation.
const BCRYPT: &str = "05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

impl World {
    /// As provisioning scripts do it.
    async fn provision(&self, email: &str, hashed_password: &str, active: bool) {
        const SQL: &str = "INSERT INTO users (email, hashed_password, full_name, is_active, is_superuser)
            VALUES ($1, $2, 'Provisioned', $3, false)
            ON CONFLICT (email) DO UPDATE SET hashed_password = EXCLUDED.hashed_password,
                is_active = EXCLUDED.is_active, is_superuser = EXCLUDED.is_superuser";
        let mut db = self.database.connect().await;
        sqlx::query(SQL).bind(email).bind(hashed_password).bind(active).execute(&mut db).await.expect("provisioned");
    }

    async fn stored(&self, email: &str) -> String {
        let sql = AssertSqlSafe(format!("SELECT hashed_password FROM users WHERE email = '{email}'"));
        sqlx::query_scalar(sql).fetch_one(&mut self.database.connect().await).await.expect("a user")
    }

    pub async fn try_login(&self, email: &str, password: &str) -> Answer {
        self.nobody.form(LOGIN, &[("username", email), ("password", password)]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provisioned_bcrypt_hash_logs_in_and_becomes_argon2id() {
    let world = World::new().await;
    for kind in ["$2a$", "$2b$", "$2y$"] {
        let email = "robot@test.local";
        let hash = format!("{kind}{BCRYPT}");
        world.provision(email, &hash, true).await;
        world.try_login(email, "U*V").await.expect_problem(400, "invalid_grant");
        assert_eq!(world.stored(email).await, hash, "a wrong password replaces nothing");

        let first = world.login(email, "U*U").await;
        let replaced = world.stored(email).await;
        assert!(replaced.starts_with("$argon2id$"), "{replaced}");
        // The session that caused the new hash stays valid, and the new hash is as good.
        first.get(ME).await.expect(200);
        world.login(email, "U*U").await.get(ME).await.expect(200);
        assert_eq!(world.stored(email).await, replaced, "a current hash stays");
        world.try_login(email, "U*V").await.expect_problem(400, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioning_twice_changes_the_password() {
    let world = World::new().await;
    world.provision("robot@test.local", "$2b$12$invalid", true).await;
    world.provision("robot@test.local", &format!("$2b${BCRYPT}"), true).await;
    let user = world.login("robot@test.local", "U*U").await.get(ME).await.expect(200);
    assert_eq!((&user["full_name"], &user["is_superuser"]), (&json!("Provisioned"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_hash_lets_nobody_in_and_is_no_failure() {
    let world = World::new().await;
    for stored in [
        "plain text",
        "",
        "!",
        "$",
        "$$$$",
        "$2b$",
        "$2b$12$",
        "$2b$05$tooshort",
        "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA",
        "$argon2id$v=19$m=4294967295,t=4294967295,p=1$AAAAAAAAAAA$AAAAAAAAAAA",
        "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAA",
        "$5$rounds=1000$salt$hash",
        "{SSHA}aaaa",
        "pbkdf2_sha256$1$a$b",
    ] {
        world.provision("odd@test.local", stored, true).await;
        for password in [stored, "secret", ""] {
            world.try_login("odd@test.local", password).await.expect_problem(400, "invalid_grant");
        }
        assert_eq!(world.stored("odd@test.local").await, stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_does_not_tell_why() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.provision("retired@test.local", &format!("$2b${BCRYPT}"), false).await;
    // Deactivated by SQL, so that nothing but `is_active` says so.
    let off = world.person("off").await;
    world.database.execute(&format!("UPDATE users SET is_active = false WHERE id = {}", off.id)).await;
    let refusals = [
        (&*off.email, PASSWORD),
        ("unknown@test.local", "whatever"),
        ("unknown", "whatever"),
        ("", ""),
        (&*ada.email, "wrong password"),
        (&*ada.email, ""),
        ("retired@test.local", "U*U"),
        ("retired@test.local", "wrong"),
        ("' OR ''='", "' OR ''='"),
        ("%", PASSWORD),
        ("ada@example.co_", PASSWORD),
    ];
    let mut answers = Vec::new();
    for (email, password) in refusals {
        let answer = world.try_login(email, password).await.expect_problem(400, "invalid_grant");
        let mut headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        headers.sort();
        answers.push((answer.without_request_id(), headers));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert!(!world.stored("retired@test.local").await.starts_with("$argon2id$"), "an inactive user's hash stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_case_of_an_email_does_not_matter_unless_two_differ_by_it() {
    let world = World::new().await;
    world.person("Ada.Lovelace").await;
    for spelling in ["ada.lovelace@example.com", "ADA.LOVELACE@EXAMPLE.COM", "Ada.Lovelace@example.com"] {
        let user = world.login(spelling, PASSWORD).await.get(ME).await.expect(200);
        assert_eq!(user["email"], "Ada.Lovelace@example.com", "kept as it was given");
    }
    // Older databases hold such pairs: each has its own password, and the spelling tells them apart.
    world.provision("Twin@test.local", &format!("$2b${BCRYPT}"), true).await;
    let made = world.login("Twin@test.local", "U*U").await.get(ME).await.expect(200);
    world.provision("twin@test.local", &format!("$2b${BCRYPT}"), true).await;
    let other = world.login("twin@test.local", "U*U").await.get(ME).await.expect(200);
    assert_ne!(made["id"], other["id"]);
    assert_eq!(world.login("Twin@test.local", "U*U").await.get(ME).await.expect(200)["id"], made["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_count_to_their_last_character() {
    let world = World::new().await;
    // bcrypt would have used 72 bytes only.
    for (n, password) in
        ["a".repeat(100), "ü".repeat(100), "\u{1F600}".repeat(100), "with \u{0} in it".into(), " spaces ".into()]
            .iter()
            .enumerate()
    {
        let email = format!("long{n}@test.local");
        let account = json!({"email": email, "password": password});
        world.nobody.post("/api/v1/auth/signup", &account).await.expect(200);
        let mut near = password.clone();
        near.pop();
        for wrong in [near.clone(), format!("{near}b"), password.trim().to_uppercase(), String::new()] {
            if wrong != *password {
                world.try_login(&email, &wrong).await.expect_problem(400, "invalid_grant");
            }
        }
        world.login(&email, password).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_answer_says_what_a_client_needs() {
    let world = World::new().await;
    for (email, password, scope) in
        [("user@example.com", "user", "user"), ("admin@example.com", "admin", "user superuser")]
    {
        let answer = world.try_login(email, password).await;
        assert_eq!(answer.header("cache-control"), "no-store", "RFC 6749, 5.1");
        let token = answer.expect(200);
        assert_eq!(
            (&token["token_type"], &token["expires_in"], &token["scope"]),
            (&json!("bearer"), &json!(1800), &json!(scope))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn login_takes_a_form_and_says_so() {
    let world = World::new().await;
    let json = json!({"username": "user@example.com", "password": "user"});
    let answer = world.nobody.post(LOGIN, &json).await.expect_problem(415, "unsupported_media_type");
    assert_eq!(answer.json["error"], "invalid_request");
    let form = async |fields: &[(&str, &str)]| world.nobody.form(LOGIN, fields).await;
    let both = [("username", "user@example.com"), ("password", "user")];
    let with = |more: &[(&'static str, &'static str)]| [&both[..], more].concat();
    // Each with the codes of RFC 6749, 5.2, beside those of a problem document.
    let refused = async |fields: &[(&str, &str)], status: u16, code: &str, error: &str| {
        let answer = form(fields).await.expect_problem(status, code);
        assert_eq!((&answer.json["error"], &answer.json["error_description"]), (&json!(error), &answer.json["detail"]));
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let visible = |byte: u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
        assert!(answer.json["detail"].as_str().is_some_and(|text| text.bytes().all(visible)), "{}", answer.text);
        answer
    };
    let invalid = async |fields: &[(&str, &str)], pointer: &str| {
        let answer = refused(fields, 400, "invalid_request", "invalid_request").await;
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{}", answer.text);
    };
    invalid(&[("username", "user@example.com")], "#/password").await;
    invalid(&[], "#/username").await;
    invalid(&[("username", "a\u{0}b"), ("password", "user")], "#/username").await;
    invalid(&[("username", &"a".repeat(321)), ("password", "user")], "#/username").await;
    invalid(&[("username", "a"), ("password", &"p".repeat(1025))], "#/password").await;
    for twice in [("username", "admin@example.com"), ("scope", "user"), ("nonsense", "1")] {
        refused(&with(&[("scope", "user"), ("nonsense", "2"), twice]), 400, "invalid_request", "invalid_request").await;
    }
    // A field without a value counts as omitted, but not as never sent.
    let names: Vec<String> = (0..98).map(|n| format!("more{n}")).collect();
    let crowd: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "")).chain(both).chain([("scope", "")]).collect();
    refused(&crowd, 400, "invalid_request", "invalid_request").await;
    form(&crowd[1..]).await.expect(200);
    for grant in ["authorization_code", "client_credentials", "Password", " "] {
        for fields in [with(&[("grant_type", grant)]), vec![("grant_type", grant)]] {
            refused(&fields, 400, "unsupported_grant_type", "unsupported_grant_type").await;
        }
    }
    for scope in ["admin", "user,superuser", "user openid"] {
        refused(&with(&[("scope", scope)]), 400, "invalid_scope", "invalid_scope").await;
    }
    refused(&[("username", "user@example.com"), ("password", "wrong")], 400, "invalid_grant", "invalid_grant").await;
    refused(&[("username", "a"), ("password", &"p".repeat(100_000))], 413, "body_too_large", "invalid_request").await;
    for more in [
        &[("is_superuser", "true")][..],
        &[("grant_type", "")],
        &[("grant_type", "password"), ("scope", "user superuser")],
        &[("scope", ""), ("client_id", "any"), ("client_secret", "thing"), ("resource", "https://example.com")],
    ] {
        let answer = form(&with(more)).await;
        assert_eq!(answer.header("pragma"), "no-cache");
        assert_eq!(answer.expect(200)["scope"], "user", "what the user may, whatever was asked for");
    }
}

/// Printed models end up in logs and failure messages.
#[test]
fn nothing_prints_a_password_or_a_token() {
    use contract::{Decode, Decoder, Place, Value as Input};
    use tasks_api::models::{LoginForm, Signup, Token, TokenType, UserCreate, UserSelfUpdate, UserUpdate};

    fn printed<T: Decode + std::fmt::Debug>(body: &Value) -> String {
        let text = body.to_string();
        let input = Input::from_json(text.as_bytes()).expect("JSON");
        let mut at = Decoder::new(Place::Body);
        let model = T::decode(input, &mut at);
        format!("{:?}", model.unwrap_or_else(|| panic!("{text}: {:?}", at.into_errors())))
    }
    let both = json!({"email": "seen@example.com", "password": "not to be seen"});
    let change =
        json!({"email": "seen@example.com", "password": "not to be seen", "current_password": "not to be seen"});
    let form = json!({"username": "seen@example.com", "password": "not to be seen", "client_secret": "not to be seen",
        "otp": "not to be seen", "refresh_token": "not to be seen"});
    let token = Token {
        access_token: "not to be seen".to_owned(),
        token_type: TokenType::Bearer,
        expires_in: 1,
        scope: "seen@example.com".to_owned(),
        refresh_token: "not to be seen".to_owned(),
        refresh_expires_in: 1,
        deletion_at: None,
    };
    for printed in [
        printed::<Signup>(&both),
        printed::<UserCreate>(&both),
        printed::<UserUpdate>(&change),
        printed::<UserSelfUpdate>(&change),
        printed::<LoginForm>(&form),
        format!("{token:?}"),
    ] {
        assert!(printed.contains("seen@example.com") && !printed.contains("not to be seen"), "{printed}");
    }
}
