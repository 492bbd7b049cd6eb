//! Accounts with one-time codes, where a request has no place for a code.

use platform::{Access, Limiter};

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_password_alone_authenticates_no_request_of_an_account_with_codes() {
    let fixture = Fixture::new().await;
    let ann = fixture.sign_up("ann@example.com", "secret1").await;
    let access = Access { accounts: fixture.accounts.clone(), limiter: Limiter::off() };
    assert_eq!(access.by_password("ann@example.com", "secret1").await.expect("she may").user_id(), ann);
    let confirm =
        "INSERT INTO totp_secrets (user_id, id, secret, confirmed_at) VALUES ($1, gen_random_uuid(), '', now())";
    sqlx::query(confirm).bind(ann).execute(&mut fixture.test.connect().await).await.expect("enabled");
    let refused = async |password: &str| {
        let refused = access.by_password("ann@example.com", password).await.expect_err("she may not");
        contract::Problem::from(refused)
    };
    let (right, wrong) = (refused("secret1").await, refused("secret2").await);
    assert_eq!((right.status(), right.code()), (http::StatusCode::UNAUTHORIZED, "invalid_credentials"));
    assert_eq!((right.status(), right.code()), (wrong.status(), wrong.code()));
}
