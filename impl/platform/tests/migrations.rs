//! Any number of processes may migrate at once; demo data is for development.

use platform::Guard;
use platform::identity::Accounts;
use platform::settings::Environment::{Development, Production};
use platform::{Database, migrate};
use testkit::TestDatabase;
use tokio::task::JoinSet;

async fn count(test: &TestDatabase, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&mut test.connect().await).await.expect("counts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_migrate_an_empty_database_once() {
    let test = TestDatabase::empty().await;
    let db = Database::new(&test.settings(), "test").expect("settings");
    assert!(!migrate::is_current(&db).await.expect("answers"), "nothing is applied yet");
    let mut runs = JoinSet::new();
    for _ in 0..8 {
        let settings = test.settings();
        runs.spawn(async move { migrate::run(&settings, Development).await.expect("migrates") });
    }
    let runs = runs.join_all().await;
    let applied: usize = runs.iter().map(|run| run.applied.len()).sum();
    assert_eq!(
        i64::try_from(applied).expect("few"),
        count(&test, "SELECT count(*) FROM refinery_schema_history").await
    );
    assert_eq!(runs.iter().filter(|run| !run.applied.is_empty()).count(), 1, "one did it all");
    assert_eq!(runs.iter().filter(|run| run.demo).count(), 1);
    assert!(migrate::is_current(&db).await.expect("answers"));
    assert_eq!(count(&test, "SELECT count(*) FROM users").await, 2);
    const STOCKED: &str = "SELECT count(*) FROM products p
        WHERE stock = (SELECT sum(quantity) FROM stock_entries WHERE product_id = p.id)";
    assert_eq!(count(&test, STOCKED).await, 3, "what is in stock was received");
    // Explicit ids do not collide with the sequence later.
    test.execute("INSERT INTO users (email, hashed_password) VALUES ('third@example.com', '!')").await;
    test.execute("INSERT INTO products (sku, name, price_cents) VALUES ('fourth', 'Fourth', 1)").await;
}

#[tokio::test]
async fn a_database_ahead_of_the_program_is_fine() {
    let test = TestDatabase::new().await;
    test.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         VALUES (9999, 'from_the_future', '2030-01-01T00:00:00Z', '1')",
    )
    .await;
    let run = migrate::run(&test.settings(), Development).await.expect("nothing to do");
    assert!(run.applied.is_empty() && !run.demo);
    let db = Database::new(&test.settings(), "test").expect("settings");
    assert!(migrate::is_current(&db).await.expect("answers"));
}

#[tokio::test]
async fn production_has_no_demo_accounts() {
    let test = TestDatabase::empty().await;
    let run = migrate::run(&test.settings(), Production).await.expect("migrates");
    assert!(!run.demo);
    assert_eq!(count(&test, "SELECT count(*) FROM users").await, 0);

    // A development database that becomes a production one; the admin's account has a password of its own.
    let test = TestDatabase::new().await;
    let db = Database::new(&test.settings(), "test").expect("settings");
    let flags = ["--secret-key", "a key of the tests, long enough for HS256"];
    let accounts = Accounts::start(db, &test.settings(), &testkit::settings(&flags), "test").expect("settings");
    let token = accounts.login(Guard::none(), "user@example.com", "user".into()).await.expect("logs in").access_token;
    // Until the migration, services reject the published passwords.
    let closed = accounts.clone().for_production(&testkit::settings(&flags));
    for (email, password) in [("admin@example.com", "admin"), ("User@Example.com", "user")] {
        closed.login(Guard::none(), email, password.into()).await.expect_err("a published password");
    }
    let own = accounts.hash_password("a password of one's own".into(), &[]).await.expect("hashes");
    let own = own.expose();
    test.execute(&format!("UPDATE users SET hashed_password = '{own}' WHERE email = 'admin@example.com'")).await;
    assert_eq!(migrate::run(&test.settings(), Production).await.expect("migrates").closed, 1);
    assert!(accounts.login(Guard::none(), "user@example.com", "user".into()).await.is_err());
    assert!(accounts.authenticate(&token).await.is_err(), "its sessions end, too");
    accounts
        .login(Guard::none(), "admin@example.com", "a password of one's own".into())
        .await
        .expect("nobody's demo account");
    assert_eq!(migrate::run(&test.settings(), Production).await.expect("migrates").closed, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_said_without_it() {
    for url in ["postgresql://user:topsecret@127.0.0.1:1/none", "postgresql://user:topsecret@host:port/none"] {
        let settings = testkit::settings(&["--database-url", url]);
        let error = migrate::run(&settings, Development).await.expect_err("no server there");
        assert!(!format!("{error:?} {error}").contains("topsecret"), "{error:?}");
    }
}
