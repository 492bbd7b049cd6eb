//! Limits of login attempts. The amounts are those of the document.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::limited::{Limited, of};
use crate::world::{LOGIN, ME, PASSWORD};

/// The amount of a class in the document.
fn amount(path: &str, method: &str, class: &str) -> usize {
    limit(path, method, class, "amount")
}

fn limit(path: &str, method: &str, class: &str, member: &str) -> usize {
    let document: Value = serde_json::from_str(tasks::DOCUMENT).expect("the document");
    let limits = &document["paths"][path][method]["x-rate-limit"];
    let limits = limits.as_array().cloned().unwrap_or_else(|| vec![limits.clone()]);
    let limit = limits.iter().find(|limit| limit["class"] == class).expect("a limit of the class");
    limit[member].as_u64().expect("a number") as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_passwords_from_one_address_is_stopped_for_the_account_and_for_nobody_else() {
    let world = Limited::new(2).await;
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    let (allowed, window) = (amount(LOGIN, "post", "login"), limit(LOGIN, "post", "login", "window-seconds"));
    let answers = join_all((0..allowed + 20).map(|n| world.try_login(n, &ada, "wrong"))).await;
    assert_eq!((of(&answers, 400), of(&answers, 429)), (allowed, 20), "{answers:?}");
    let refused = answers.into_iter().find(|answer| answer.status.as_u16() == 429).expect("one");
    let wait = refused.header("retry-after").to_owned();
    // A count expires up to a twentieth of the window late.
    let longest = window + window.div_ceil(20);
    assert!((1..=longest).contains(&wait.parse().expect("a number of seconds")), "{wait}");
    assert_eq!(refused.header("ratelimit"), format!(r#""login";r=0;t={wait}"#));
    assert_eq!(refused.header("ratelimit-policy"), format!(r#""login";q={allowed};w={window}"#));
    refused.expect_problem(429, "rate_limited");
    // In any spelling, and with the right password as well: else the response would reveal it.
    world.try_login(0, "ADA@example.com", PASSWORD).await.expect_problem(429, "rate_limited");
    world.try_login(1, &bob, PASSWORD).await.expect(200);
}

/// Quotas of users rely on a limit of sign-ups.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_opens_only_so_many_accounts_whichever_replica_it_asks() {
    let world = Limited::with(2, &["--signups-per-hour", "5", "--signups-per-day", "7"]).await;
    // Rejected requests create no account.
    for n in 0..6 {
        world.sign_up_from("192.0.2.20", n, "user@example.com").await.expect_problem(409, "email_taken");
        world.sign_up_from("192.0.2.20", n, "no address").await.expect_problem(422, "validation_failed");
    }
    let sign_ups = (0..12).map(async |n| world.sign_up_from("192.0.2.20", n, &format!("many-{n}@example.com")).await);
    let answers = join_all(sign_ups).await;
    assert_eq!((of(&answers, 200), of(&answers, 429)), (5, 7), "{answers:?}");
    let refused = answers.into_iter().find(|answer| answer.status.as_u16() == 429).expect("one");
    let wait: u64 = refused.header("retry-after").parse().expect("a number of seconds");
    // An hour, of which the first account was created a moment ago; counts expire up to a twentieth late.
    assert!((3_000..=3_780).contains(&wait), "{wait}");
    refused.expect_problem(429, "too_many_signups");
    // The same address in another notation, and another one.
    world.sign_up_from("::ffff:192.0.2.20", 0, "mapped@example.com").await.expect_problem(429, "too_many_signups");
    for n in 0..5 {
        let address = format!("2001:db8:0:1::{n}");
        world.sign_up_from(&address, n, &format!("six-{n}@example.com")).await.expect(200);
    }
    world.sign_up_from("2001:db8:0:1:ffff::", 0, "six@example.com").await.expect_problem(429, "too_many_signups");
    world.sign_up_from("2001:db8:0:2::1", 1, "other@example.com").await.expect(200);
    // The hour is over, the day is not.
    world
        .database
        .execute("UPDATE attempts SET slice = slice - 21 WHERE slice > extract(epoch FROM now()) / 200")
        .await;
    for n in 0..2 {
        world.sign_up_from("192.0.2.20", n, &format!("later-{n}@example.com")).await.expect(200);
    }
    let refused = world.sign_up_from("192.0.2.20", 0, "later@example.com").await;
    let wait: u64 = refused.header("retry-after").parse().expect("a number of seconds");
    assert!((75_000..=90_720).contains(&wait), "{wait}");
    refused.expect_problem(429, "too_many_signups");
}

/// The finding: twenty wrong passwords a minute from any address locked the owner out everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_keep_an_owner_out() {
    let world = Limited::new(2).await;
    let (home, ada) = ("198.51.100.7", world.account("ada").await);
    world.login_from(home, 0, &ada, PASSWORD).await.expect(200);
    let (allowed, most) =
        (amount(LOGIN, "post", "login-account"), limit(LOGIN, "post", "login-account", "max-delay-seconds"));
    let answers = join_all((0..allowed + 30).map(|n| world.try_login_afresh(n, &ada, "wrong"))).await;
    assert_eq!((of(&answers, 400), of(&answers, 429)), (allowed, 30), "{answers:?}");
    // From where the account was used before, at once, and in any spelling; also after failures of the owner.
    world.login_from(home, 1, "ADA@example.com ", PASSWORD).await.expect(200);
    world.login_from(home, 1, &ada, "a slip").await.expect_problem(400, "invalid_grant");
    world.login_from(home, 0, &ada, PASSWORD).await.expect(200);
    // From elsewhere after the delay; and then that address is known, too.
    let away = "203.0.113.5";
    let refused = world.login_from(away, 0, &ada, PASSWORD).await;
    assert_eq!(refused.header("ratelimit-policy"), format!(r#""login-account";q={allowed};w=3600"#));
    let wait: u64 = refused.header("retry-after").parse().expect("a number of seconds");
    refused.expect_problem(429, "rate_limited");
    assert!(wait <= most as u64);
    sleep(Duration::from_secs(wait)).await;
    world.login_from(away, 1, &ada, PASSWORD).await.expect(200);
    world.login_from(away, 0, &ada, PASSWORD).await.expect(200);
    // A wrong current password counts as an attempt: it gives attackers no second hundred.
    let token = world.login_from(home, 0, &ada, PASSWORD).await.json["access_token"].as_str().expect("one").to_owned();
    let thief = world.client(0).with_token(token);
    let request = thief.request(Method::PATCH, ME).header("x-forwarded-for", "203.0.113.6");
    let guess = thief.send(request.json(&json!({"current_password": "wrong", "full_name": "A"}))).await;
    guess.expect_problem(429, "rate_limited");
}

/// `i` and `İ`: attempts are counted for the account that was found.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_has_attempts_of_its_own() {
    let world = Limited::new(2).await;
    let ada = world.account("ida").await;
    let hash: String = sqlx::query_scalar("SELECT hashed_password FROM users WHERE email = $1")
        .bind(&ada)
        .fetch_one(&mut world.database.connect().await)
        .await
        .expect("a hash");
    let odd = format!("INSERT INTO users (email, hashed_password) VALUES ('\u{130}da\u{e9}@example.com', '{hash}')");
    world.database.execute(&odd).await;
    let allowed = amount(LOGIN, "post", "login");
    for spellings in [
        ["ida@example.com", "IDA@EXAMPLE.COM", " ida@example.com", "\u{ff49}da@example.com"],
        [
            "\u{130}da\u{e9}@example.com",
            "i\u{307}dae\u{301}@example.com",
            "I\u{307}DA\u{c9}@example.com ",
            "i\u{307}da\u{e9}@EXAMPLE.com",
        ],
        [
            "nobody\u{e9}@example.com",
            "NOBODYE\u{301}@example.com",
            "nobody\u{e9}@example.com\u{a0}",
            "\u{ff2e}obody\u{c9}@example.com",
        ],
    ] {
        let guesses = (0..allowed + 12).map(|n| world.try_login(n, spellings[n % 4], "wrong"));
        let answers = join_all(guesses).await;
        assert_eq!((of(&answers, 400), of(&answers, 429)), (allowed, 12), "{spellings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_nobody_has_is_limited_like_one_that_somebody_has() {
    let world = Limited::new(1).await;
    let ada = world.account("ada").await;
    let mut kinds = Vec::new();
    for email in [ada.as_str(), "nobody@example.com"] {
        let mut answers = Vec::new();
        for n in 0..amount(LOGIN, "post", "login") + 3 {
            let answer = world.try_login(n, email, "wrong").await;
            let mut fields: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            fields.sort();
            answers.push((answer.status, answer.without_request_id(), fields));
        }
        kinds.push(answers);
    }
    assert_eq!(kinds[0], kinds[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_password_may_log_in_as_often_as_they_like() {
    let world = Limited::new(2).await;
    let ada = world.account("ada").await;
    let rightly = async |n: usize| {
        let answer = world.try_login(n, &ada, PASSWORD).await;
        answer.expect(200);
    };
    for n in 0..100 {
        rightly(n).await;
    }
    join_all((0..40).map(rightly)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_address_does_not_concern_another() {
    let world = Limited::new(2).await;
    let ada = world.account("ada").await;
    let from = async |address: &str, n: usize, email: &str, password: &str| {
        let client = world.client(n);
        let form = [("username", email), ("password", password)];
        client.send(client.request(Method::POST, LOGIN).header("x-forwarded-for", address).form(&form)).await
    };
    // An account each, so that only the limit of the address applies.
    let (allowed, mut answers) = (amount(LOGIN, "post", "login-address"), Vec::new());
    for wave in 0..=allowed / 40 {
        let wave = (wave * 40..(wave + 1) * 40).map(async |n: usize| {
            let forged = format!("10.9.8.{}, 192.0.2.1", n % 250);
            from(&forged, n, &format!("user-{n}@example.com"), "wrong").await
        });
        answers.extend(join_all(wave).await);
    }
    assert_eq!(of(&answers, 429), answers.len() - allowed);
    from("192.0.2.1", 0, &ada, PASSWORD).await.expect_problem(429, "rate_limited");
    from("192.0.2.2", 0, &ada, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_does_not_find_out_the_password() {
    let world = Limited::new(2).await;
    let (ada, bob) = (world.account("ada").await, world.account("bob").await);
    let token = world.client(0).login(LOGIN, &ada, PASSWORD).await.token().expect("a token").to_owned();
    let prove = async |n: usize, password: &str| {
        let client = world.client(n).with_token(&token);
        client.patch(ME, &json!({"current_password": password, "full_name": "Ada"})).await
    };
    let allowed = amount(ME, "patch", "password");
    for n in 0..allowed + 5 {
        prove(n, PASSWORD).await.expect(200);
    }
    for n in 0..allowed {
        prove(n, "wrong password").await.expect_problem(403, "wrong_password");
    }
    prove(0, PASSWORD).await.expect_problem(429, "rate_limited");
    // The other operation that takes the password shares the count; requests without one are not counted.
    let client = world.client(1).with_token(&token);
    client.put(ME, &json!({"current_password": PASSWORD})).await.expect_problem(429, "rate_limited");
    client.patch(ME, &json!({"full_name": "Ada L."})).await.expect(200);
    let bob = world.client(0).login(LOGIN, &bob, PASSWORD).await;
    bob.patch(ME, &json!({"current_password": PASSWORD, "full_name": "Bob"})).await.expect(200);
}
