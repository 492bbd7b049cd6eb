//! Sessions: refresh tokens, their reuse, and every way a session ends.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Client};
use tokio::time::sleep;

use crate::world::{LOGIN, ME, PASSWORD, World, serve};

const SESSIONS: &str = "/api/v1/auth/sessions";
const REVOKE: &str = "/api/v1/auth/revoke";
/// A session that is ended is rejected everywhere within this time.
const NOTICED: Duration = Duration::from_secs(1);

/// The tokens of a response.
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(answer: &Answer) -> Self {
        let text = |name: &str| answer.json[name].as_str().expect("a token").to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

async fn refresh(client: &Client, token: &str) -> Answer {
    client.form(LOGIN, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

impl World {
    async fn signed_in(&self, email: &str, password: &str) -> Tokens {
        Tokens::of(&self.try_login(email, password).await)
    }

    /// A new user and the tokens of a session.
    async fn session_of(&self, name: &str) -> (i64, String, Tokens) {
        let person = self.person(name).await;
        let tokens = self.signed_in(&person.email, PASSWORD).await;
        (person.id, person.email, tokens)
    }

    fn holder(&self, tokens: &Tokens) -> Client {
        self.nobody.with_token(&*tokens.access)
    }

    /// The session of these tokens is over.
    async fn is_over(&self, tokens: &Tokens, why: &str) {
        let access = self.holder(tokens).get(ME).await;
        assert_eq!((access.status.as_u16(), &access.json["code"]), (401, &json!("invalid_token")), "{why}");
        let refreshed = refresh(&self.nobody, &tokens.refresh).await;
        assert_eq!((refreshed.status.as_u16(), &refreshed.json["error"]), (400, &json!("invalid_grant")), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_continues_its_session_once() {
    let world = World::new().await;
    let (_, email, first) = world.session_of("ada").await;
    let answer = refresh(&world.nobody, &first.refresh).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut names: Vec<_> = answer.json.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "scope", "token_type"]);
    assert_eq!((&answer.json["expires_in"], &answer.json["refresh_expires_in"]), (&json!(1800), &json!(2_592_000)));
    let second = Tokens::of(&answer);
    assert_ne!(first.refresh, second.refresh);
    // Both access tokens are of the session, which is one of two.
    world.holder(&first).get(ME).await.expect(200);
    let sessions = world.holder(&second).get(SESSIONS).await.expect(200);
    let sessions = sessions.as_array().expect("a list");
    assert_eq!(sessions.len(), 2);
    let current = &sessions[0];
    assert_eq!((&current["is_current"], &current["address"]), (&json!(true), &json!("127.0.0.1")));
    assert_eq!(sessions[1]["is_current"], false);
    assert!(current["used_at"].as_str() > current["created_at"].as_str(), "{current}");
    let third = Tokens::of(&refresh(&world.nobody, &second.refresh).await);

    // Whoever has a used one has stolen it, or was stolen from.
    refresh(&world.nobody, &first.refresh).await.expect_problem(400, "invalid_grant");
    world.is_over(&second, "reuse").await;
    world.is_over(&third, "reuse").await;
    let events = world.admin().await.get("/api/v1/audit-events?action=session.token_reused").await.expect(200);
    assert_eq!(events[0]["object_id"], current["id"]);
    // The other session goes on.
    world.login(&email, PASSWORD).await.get(SESSIONS).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_uses_one_succeeds_at_most_and_the_session_ends_in_all_processes() {
    let world = World::new().await;
    let processes: Vec<_> = (0..4).map(|_| serve(&world.database, &[])).collect();
    let clients: Vec<Client> = processes.iter().map(testkit::TestServer::client).collect();
    for client in &clients {
        world.warm_up(&client.login(LOGIN, "admin@example.com", "admin").await).await;
    }
    for round in 0..3 {
        let (_, _, first) = world.session_of(&format!("ada{round}")).await;
        // Every process has cached the access token.
        for client in &clients {
            client.with_token(&*first.access).get(ME).await.expect(200);
        }
        let answers = join_all((0..100).map(|n| refresh(&clients[n % 4], &first.refresh))).await;
        let ended = Instant::now();
        let of = |status: u16| answers.iter().filter(move |answer| answer.status == status);
        assert!(of(200).count() <= 1 && of(200).count() + of(400).count() == 100, "{answers:?}");
        let successor = of(200).next().map(Tokens::of);
        let all = [Some(&first), successor.as_ref()];
        for tokens in all.into_iter().flatten() {
            for client in &clients {
                let client = client.with_token(&*tokens.access);
                while client.get(ME).await.status != 401 {
                    assert!(ended.elapsed() < NOTICED, "an ended session is accepted");
                    sleep(Duration::from_millis(20)).await;
                }
            }
            world.is_over(tokens, "reuse").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (id, email, kept) = world.session_of("ada").await;

    let logged_out = world.signed_in(&email, PASSWORD).await;
    world.holder(&logged_out).post_empty("/api/v1/auth/logout").await.expect(204);
    world.is_over(&logged_out, "logged out").await;

    // One by its id, of one's own only.
    let ended = world.signed_in(&email, PASSWORD).await;
    let sessions = world.holder(&ended).get(SESSIONS).await.expect(200);
    let path = format!("{SESSIONS}/{}", sessions[0]["id"].as_str().expect("an id"));
    admin.delete(&path).await.expect_problem(404, "session_not_found");
    world.holder(&kept).delete(&path).await.expect(204);
    world.is_over(&ended, "ended").await;
    world.holder(&kept).delete(&path).await.expect_problem(404, "session_not_found");

    // All others, and all.
    let (other, another) = (world.signed_in(&email, PASSWORD).await, world.signed_in(&email, PASSWORD).await);
    let version = world.holder(&kept).get(ME).await.header("etag").to_owned();
    world.holder(&kept).delete(&format!("{SESSIONS}?keep_current=true")).await.expect(204);
    world.is_over(&other, "all others").await;
    world.is_over(&another, "all others").await;
    assert_eq!(world.holder(&kept).get(SESSIONS).await.expect(200).as_array().map(Vec::len), Some(1));
    let other = world.signed_in(&email, PASSWORD).await;
    world.holder(&kept).delete(SESSIONS).await.expect(204);
    world.is_over(&kept, "all").await;
    world.is_over(&other, "all").await;
    let kept = world.signed_in(&email, PASSWORD).await;
    assert_eq!(world.holder(&kept).get(ME).await.header("etag"), version, "logging out is no change of the user");

    // With what they rest on.
    world
        .holder(&kept)
        .patch(ME, &json!({"password": "another horse", "current_password": PASSWORD}))
        .await
        .expect(200);
    world.is_over(&kept, "another password").await;
    let kept = world.signed_in(&email, "another horse").await;
    assert_eq!(world.holder(&kept).get(SESSIONS).await.expect(200).as_array().map(Vec::len), Some(1));
    let user = format!("/api/v1/users/{id}");
    admin.patch(&user, &json!({"is_active": false})).await.expect(200);
    world.is_over(&kept, "deactivated").await;
    admin.patch(&user, &json!({"is_active": true})).await.expect(200);
    world.is_over(&kept, "deactivated once").await;
    let kept = world.signed_in(&email, "another horse").await;
    admin.delete(&user).await.expect(200);
    world.is_over(&kept, "deleted").await;

    for (action, times) in [("session.ended", 1), ("sessions.ended", 2)] {
        let events = admin.get(&format!("/api/v1/audit-events?action={action}")).await.expect(200);
        assert_eq!(events.as_array().map(Vec::len), Some(times), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_expires_unused_and_in_the_end() {
    let world = World::new().await;
    let (_, _, unused) = world.session_of("ada").await;
    let mut db = world.database.connect().await;
    sqlx::query("UPDATE sessions SET expires_at = now()").execute(&mut db).await.expect("expired");
    refresh(&world.nobody, &unused.refresh).await.expect_problem(400, "invalid_grant");
    assert_eq!(world.holder(&unused).get(SESSIONS).await.expect(200), json!([]), "expired ones are not shown");

    let (_, _, long) = world.session_of("bob").await;
    sqlx::query("UPDATE sessions SET ends_at = now() + interval '1 hour'").execute(&mut db).await.expect("changed");
    let answer = refresh(&world.nobody, &long.refresh).await;
    let left = answer.json["refresh_expires_in"].as_i64().expect("a number");
    assert!((3_500..=3_600).contains(&left), "{left}");
    // What is expired is deleted by later logins.
    for n in 0..2 {
        world.session_of(&format!("c{n}")).await;
    }
    let expired = "SELECT count(*) FROM sessions WHERE expires_at < now()";
    assert_eq!(sqlx::query_scalar::<_, i64>(expired).fetch_one(&mut db).await.expect("a count"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_refresh_token_is_refused() {
    let world = World::new().await;
    let (_, email, tokens) = world.session_of("ada").await;
    let good = &tokens.refresh;
    let (cut, longer) = (&good[..good.len() - 1], format!("{good}A"));
    let other_kind = good.replacen("sfr_", "sfa_", 1);
    let invented = format!("sfr_{}", "0".repeat(36));
    for wrong in [cut, &longer, &other_kind, &invented, "x", "sfr_", "ä", &tokens.access, &"sfr_".repeat(200)] {
        let refused = refresh(&world.nobody, wrong).await.expect_problem(400, "invalid_grant");
        assert_eq!(refused.json["error"], "invalid_grant");
    }
    for fields in [
        &[("grant_type", "refresh_token")][..],
        &[("grant_type", "refresh_token"), ("username", &email), ("password", PASSWORD)],
        &[("grant_type", "refresh_token"), ("refresh_token", good), ("refresh_token", good)],
        &[("grant_type", "password"), ("refresh_token", good)],
        &[("refresh_token", good)],
    ] {
        let refused = world.nobody.form(LOGIN, fields).await.expect_problem(400, "invalid_request");
        assert_eq!(refused.json["error"], "invalid_request", "{fields:?}");
    }
    // A refresh token is not an access token.
    world.nobody.with_token(&**good).get(ME).await.expect_problem(401, "invalid_token");
    // None of this used it up.
    refresh(&world.nobody, good).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_those_of_now() {
    let world = World::new().await;
    let (id, _, tokens) = world.session_of("ada").await;
    let admin = world.admin().await;
    let user = format!("/api/v1/users/{id}");
    admin.patch(&user, &json!({"is_superuser": true})).await.expect(200);
    let answer = refresh(&world.nobody, &tokens.refresh).await;
    assert_eq!(answer.json["scope"], "user superuser");
    admin.patch(&user, &json!({"is_superuser": false})).await.expect(200);
    let answer = refresh(&world.nobody, &Tokens::of(&answer).refresh).await;
    assert_eq!(answer.json["scope"], "user");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_a_hundred_sessions() {
    let world = World::new().await;
    let (id, email, first) = world.session_of("ada").await;
    let mut db = world.database.connect().await;
    // As many as there may be, all used later.
    let more = "INSERT INTO sessions (id, user_id, epoch, expires_at, ends_at, used_at)
                SELECT gen_random_uuid(), $1, 0, now() + interval '1 day', now() + interval '1 day', now() + n * interval '1 ms'
                FROM generate_series(1, 98) n";
    sqlx::query(more).bind(id).execute(&mut db).await.expect("inserted");
    let last = world.signed_in(&email, PASSWORD).await;
    let listed = world.holder(&last).get(SESSIONS).await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(100));
    // The first login, then the one of `first`.
    refresh(&world.nobody, &first.refresh).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_token_may_revoke_it() {
    let world = World::new().await;
    let (_, email, by_refresh) = world.session_of("ada").await;
    let by_access = world.signed_in(&email, PASSWORD).await;
    for token in [&by_refresh.refresh, &by_access.access] {
        for _ in 0..2 {
            world.nobody.form(REVOKE, &[("token", token), ("token_type_hint", "nonsense")]).await.expect(200);
        }
    }
    world.is_over(&by_refresh, "revoked").await;
    world.is_over(&by_access, "revoked").await;
    let unused = world.signed_in(&email, PASSWORD).await;
    let next = Tokens::of(&refresh(&world.nobody, &unused.refresh).await);
    world.nobody.form(REVOKE, &[("token", &unused.refresh)]).await.expect(200);
    world.is_over(&next, "revoked by a used token").await;

    for unknown in ["x", "", "sfr_", "a.b.c"] {
        let status = world.nobody.form(REVOKE, &[("token", unknown)]).await.status.as_u16();
        assert_eq!(status, 200, "{unknown}");
    }
    let refused: Value = world.nobody.form(REVOKE, &[]).await.expect_problem(400, "invalid_request").json;
    assert_eq!(refused["error"], "invalid_request");
}
