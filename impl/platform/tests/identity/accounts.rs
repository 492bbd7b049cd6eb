//! Accounts: sign-up, and valid e-mail addresses.

use contract::{Caller as _, Problem};
use platform::identity::{Claims, UserChange, users};
use platform::{Error, Guard, Signups};

use crate::fixture::*;

#[tokio::test]
async fn signing_up_and_in() {
    let fixture = Fixture::new().await;
    let id = fixture.sign_up("Ann@Example.com", "secret1").await;
    for email in ["Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM"] {
        let principal = fixture.accounts.authenticate(&fixture.token(email, "secret1").await).await.expect("good");
        assert_eq!(principal.user_id(), id);
        assert!(principal.has_scope("user") && !principal.has_scope("superuser") && !principal.has_scope("other"));
    }
    let user = fixture.accounts.sign_up(Signups::none(), "ann@example.COM".into(), "secret1".into(), None).await;
    let taken = Problem::from(user.expect_err("only the case differs"));
    assert_eq!((taken.status().as_u16(), taken.code()), (409, "email_taken"));
    let short = Problem::from(
        fixture
            .accounts
            .sign_up(Signups::none(), "b@example.com".into(), "12345".into(), None)
            .await
            .expect_err("short"),
    );
    assert_eq!(short.status().as_u16(), 422);
}

#[tokio::test]
async fn sign_ups_at_the_same_time_make_one_account() {
    let fixture = Fixture::new().await;
    let spellings = ["race@example.com", "RACE@example.com", "Race@example.com", "race@EXAMPLE.com"];
    let mut asked = tokio::task::JoinSet::new();
    for email in spellings.into_iter().cycle().take(12) {
        let accounts = fixture.accounts.clone();
        asked.spawn(async move {
            accounts.sign_up(Signups::none(), email.into(), "secret1".into(), None).await.map_err(Problem::from)
        });
    }
    let answers = asked.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(|problem| problem.code() == "email_taken"));
}

#[tokio::test]
async fn the_exact_spelling_wins_where_accounts_differ_by_case() {
    let fixture = Fixture::new().await;
    let lower = fixture.sign_up("twin@example.com", "secret1").await;
    fixture.test.execute("INSERT INTO users (email, hashed_password) SELECT 'Twin@example.com', hashed_password FROM users WHERE email = 'twin@example.com'").await;
    let upper: i64 = sqlx::query_scalar("SELECT id FROM users WHERE email = 'Twin@example.com'")
        .fetch_one(fixture.db.reads())
        .await
        .expect("inserted");
    for (email, id) in [("twin@example.com", lower), ("Twin@example.com", upper)] {
        let principal = fixture.accounts.authenticate(&fixture.token(email, "secret1").await).await.expect("good");
        assert_eq!(principal.user_id(), id, "{email}");
    }
}

#[tokio::test]
async fn an_email_can_be_changed_to_a_free_one_only() {
    let fixture = Fixture::new().await;
    let ann = fixture.sign_up("ann@example.com", "secret1").await;
    fixture.sign_up("bob@example.com", "secret1").await;
    let rename = async |email: &str| {
        let change = UserChange { email: Some(email.into()), ..UserChange::default() };
        fixture.db.write(move |mut tx| async move { users::update(&mut tx, ann, &change).await }).await
    };
    rename("Ann@Example.com").await.expect("another spelling of one's own").expect("exists");
    let taken: Error = rename("BOB@example.com").await.expect_err("taken");
    assert_eq!(Problem::from(taken).code(), "email_taken");
    assert!(good_claims()["jti"].is_string() && serde_json::from_value::<Claims>(good_claims()).is_ok());
}

#[tokio::test]
async fn every_spelling_of_an_email_is_one_account() {
    let fixture = Fixture::new().await;
    // As provisioning scripts do it, which set no keys.
    let insert = async |email: &str| {
        let hash = fixture.accounts.hash_password("secret1".into(), &[]).await.expect("hashes");
        let sql = "INSERT INTO users (email, hashed_password) VALUES ($1, $2)
                   ON CONFLICT (email) DO UPDATE SET hashed_password = excluded.hashed_password RETURNING id";
        let mut connection = fixture.test.connect().await;
        sqlx::query_scalar::<_, i64>(sql).bind(email).bind(hash).fetch_one(&mut connection).await.expect("inserted")
    };
    let who = async |email: &str| {
        let token = fixture.accounts.login(Guard::none(), email, "secret1".into()).await.map_err(Problem::from);
        match token {
            Ok(token) => Ok(fixture.accounts.authenticate(&token.access_token).await.expect("good").user_id()),
            Err(problem) => Err(problem.code()),
        }
    };
    let ids = [
        ("Jose\u{301}@example.com", "JOS\u{c9}@EXAMPLE.com"),
        ("\u{130}da@example.com", "i\u{307}da@example.com"),
        ("kim@example.com", " \u{ff2b}IM@example.com\t"),
        ("straße@example.com", "STRA\u{1e9e}E@example.com"),
        ("trailing@example.com ", "Trailing@example.com"),
    ];
    for (stored, typed) in ids {
        let id = insert(stored).await;
        assert_eq!(insert(stored).await, id, "a script that runs twice");
        for spelt in [stored, typed] {
            assert_eq!(who(spelt).await, Ok(id), "{spelt:?}");
        }
    }
    for nobody in ["ida@example.com", "strasse@example.com", "jose@example.com"] {
        assert_eq!(who(nobody).await, Err("invalid_grant"), "{nobody}");
    }
    // A script that changes an e-mail does not set a key either.
    fixture.test.execute("UPDATE users SET email = 'kîm@example.com' WHERE email = 'kim@example.com'").await;
    assert_eq!(who("kim@example.com").await, Err("invalid_grant"));
    who("K\u{ce}M@example.com").await.expect("its new name");
    // Computing a key does not count as a change of the user.
    let touched: i64 =
        sqlx::query_scalar("SELECT count(*) FROM users WHERE email LIKE 'Jose%' AND updated_at IS NOT NULL")
            .fetch_one(fixture.db.reads())
            .await
            .expect("counts");
    // The second insertion changed the hash, which counts.
    assert_eq!(touched, 1);
    let taken = fixture.accounts.sign_up(Signups::none(), "TRAILING@example.com".into(), "secret1".into(), None).await;
    assert_eq!(Problem::from(taken.expect_err("the blank is nothing")).code(), "email_taken");
}
