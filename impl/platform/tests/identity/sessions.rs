//! Sessions: when they end, and when other processes notice.

use std::time::{Duration, Instant};

use contract::{Caller as _, Problem};
use platform::identity::{Principal, UserChange, still_welcome};
use sqlx::Connection as _;

use crate::fixture::*;

#[tokio::test]
async fn sessions_end_with_what_they_rest_on() {
    let fixture = Fixture::new().await;
    let other = Fixture::another(&fixture.test, &fixture.db, &CHEAP);
    let id = fixture.sign_up("ann@example.com", "secret1").await;
    // Both cache the token before each change.
    let both = async |token: &str| {
        // Notifications are connected a moment after the start.
        for _ in 0..3 {
            fixture.accounts.authenticate(token).await.expect("good");
            other.authenticate(token).await.expect("good everywhere");
        }
        let caller = other.authenticate(token).await.expect("good");
        assert!(still_welcome(&fixture.db, &[caller]).await.expect("an answer").contains(&caller));
        caller
    };
    let neither = async |token: &str, caller: Principal, what: &str| {
        for accounts in [&fixture.accounts, &other] {
            until(what, async || accounts.authenticate(token).await.is_err()).await;
            let refused = Problem::from(accounts.authenticate(token).await.expect_err(what));
            assert_eq!((refused.status().as_u16(), refused.code()), (401, "invalid_token"), "{what}");
        }
        assert!(still_welcome(&fixture.db, &[caller]).await.expect("an answer").is_empty(), "{what}");
    };
    tokio::time::sleep(Duration::from_millis(500)).await;

    let (kept, ended) =
        (fixture.token("ann@example.com", "secret1").await, fixture.token("ann@example.com", "secret1").await);
    let principal = both(&ended).await;
    fixture.accounts.logout(&principal).await.expect("logs out");
    assert_eq!(fixture.refused(&ended).await.code(), "invalid_token", "at once where it happened");
    neither(&ended, principal, "logged out").await;
    let caller = both(&kept).await;
    fixture.accounts.logout(&principal).await.expect("twice is no error");

    let hash = fixture.accounts.hash_password("another1".into(), &[]).await.expect("hashes");
    fixture.change(id, UserChange { hashed_password: Some(hash), ..UserChange::default() }).await;
    neither(&kept, caller, "another password").await;

    let token = fixture.token("ann@example.com", "another1").await;
    let caller = both(&token).await;
    fixture.test.execute("UPDATE users SET is_superuser = true WHERE email = 'ann@example.com'").await;
    let rights = async || other.authenticate(&token).await.expect("good").has_scope("superuser");
    until("rights are those of now", rights).await;

    fixture.change(id, UserChange { is_active: Some(false), ..UserChange::default() }).await;
    neither(&token, caller, "deactivated").await;
    fixture.change(id, UserChange { is_active: Some(true), ..UserChange::default() }).await;
    neither(&token, caller, "an old session of a user who is back").await;

    let token = fixture.token("ann@example.com", "another1").await;
    let caller = both(&token).await;
    fixture.test.execute("DELETE FROM users WHERE email = 'ann@example.com'").await;
    neither(&token, caller, "deleted").await;
}

/// Without notifications, for instance behind a pooler that loses them, a second is the limit.
#[tokio::test]
async fn a_deaf_process_learns_within_a_second() {
    let fixture = Fixture::new().await;
    let id = fixture.sign_up("ann@example.com", "secret1").await;
    let token = fixture.token("ann@example.com", "secret1").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    fixture.accounts.authenticate(&token).await.expect("good");
    let mut silent = fixture.test.connect().await;
    let mut tx = silent.begin().await.expect("begins");
    sqlx::query("ALTER TABLE users DISABLE TRIGGER USER").execute(&mut *tx).await.expect("the owner may");
    sqlx::query("UPDATE users SET is_active = false WHERE id = $1").bind(id).execute(&mut *tx).await.expect("changes");
    tx.commit().await.expect("commits");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(fixture.refused(&token).await.code(), "invalid_token");
}

#[tokio::test]
async fn nothing_is_remembered_while_the_bell_is_out() {
    let fixture = Fixture::new().await;
    let id = fixture.sign_up("ann@example.com", "secret1").await;
    let token = fixture.token("ann@example.com", "secret1").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    fixture.accounts.authenticate(&token).await.expect("good");
    fixture
        .test
        .execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'test-sessions' AND datname = current_database()")
        .await;
    let mut silent = fixture.test.connect().await;
    sqlx::query("UPDATE users SET is_active = false WHERE id = $1")
        .bind(id)
        .execute(&mut silent)
        .await
        .expect("changes");
    until("nothing is remembered", async || fixture.accounts.authenticate(&token).await.is_err()).await;
    assert_eq!(fixture.refused(&token).await.code(), "invalid_token");
}

/// Before a cached session would expire.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_millis(700);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 700 ms: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
