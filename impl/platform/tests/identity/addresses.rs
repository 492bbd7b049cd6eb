//! Addresses from which an account was used.

use platform::identity::UserChange;

use crate::fixture::*;

/// The stored addresses of an account.
async fn known(fixture: &Fixture, user: i64) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM known_addresses WHERE user_id = $1")
        .bind(user)
        .fetch_one(fixture.db.reads())
        .await
        .expect("counts")
}

#[tokio::test]
async fn addresses_are_remembered_in_bounds_and_forgotten() {
    let fixture = Fixture::new().await;
    let ann = fixture.sign_up("ann@example.com", "secret1").await;
    assert_eq!(known(&fixture, ann).await, 1, "who signs up knows the password");
    fixture.token("ann@example.com", "secret1").await;
    assert_eq!(known(&fixture, ann).await, 1);
    fixture
        .test
        .execute(
            "INSERT INTO known_addresses (user_id, address, seen_at)
             SELECT id, decode(lpad(to_hex(n), 32, '0'), 'hex'), now() - n * interval '2 days'
             FROM users, generate_series(1, 60) AS n WHERE email = 'ann@example.com';
             UPDATE known_addresses SET seen_at = now() - interval '91 days' WHERE seen_at > now() - interval '1 hour'",
        )
        .await;
    assert_eq!(known(&fixture, ann).await, 61);
    fixture.token("ann@example.com", "secret1").await;
    assert_eq!(known(&fixture, ann).await, 20, "the last ones stay");
    fixture.test.execute("UPDATE known_addresses SET seen_at = now() - interval '91 days'").await;
    assert_eq!(platform::identity::forget_old_addresses(&fixture.db).await.expect("deletes"), 20);
    fixture.token("ann@example.com", "secret1").await;
    let hash = fixture.accounts.hash_password("another1".into(), &[]).await.expect("hashes");
    fixture.change(ann, UserChange { hashed_password: Some(hash), ..UserChange::default() }).await;
    assert_eq!(known(&fixture, ann).await, 0, "whoever knew the password is a stranger");
}
