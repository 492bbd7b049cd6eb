//! `server verify`, as a shell sees it.

use std::process::{Command, Output};

use testkit::TestDatabase;
use testkit::documents::is_served;

async fn verify(database: &TestDatabase, arguments: &[&str]) -> (bool, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_server"));
    let output =
        command.arg("verify").args(arguments).env("DATABASE_URL", database.url()).env_remove("REDIS_URL").output();
    let output = output.await.expect("it runs");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_it_checked_and_fails_on_a_violation() {
    if !is_served("shop") {
        return;
    }
    let database = TestDatabase::new().await;
    let (sound, text) = verify(&database, &["--quiescent"]).await;
    assert!(sound, "{text}");
    assert!(text.lines().all(|line| line.starts_with(['A', 'O', 'P']) && line[2..].starts_with(" ok ")), "{text}");
    assert!(text.contains("\nO7 ok        the outbox is empty\n"), "{text}");

    let message = "INSERT INTO outbox (topic, payload) SELECT 'none', n FROM generate_series(1, 7) n";
    database.execute(message).await;
    let (sound, text) = verify(&database, &[]).await;
    assert!(sound && !text.contains("outbox is empty"), "{text}");
    let (sound, text) = verify(&database, &["--quiescent"]).await;
    assert!(!sound, "{text}");
    let line = text.lines().find(|line| line.contains("the outbox is empty")).expect("a line");
    assert!(line.starts_with("O7 VIOLATED  the outbox is empty: 7: message 1: none, about ?, 0 attempts; "), "{line}");
    assert!(line.ends_with("; ..."), "{line}");
}

#[test]
fn a_database_that_is_away_is_an_error_and_no_verdict() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.arg("verify").env("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none").env_remove("REDIS_URL");
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    assert!(!status.success() && stdout.is_empty());
    assert!(String::from_utf8_lossy(&stderr).contains("cannot check the database"));
}
