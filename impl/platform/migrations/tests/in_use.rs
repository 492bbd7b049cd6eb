//! Migrations of a database that is being used.

use std::time::{Duration, Instant};

use platform_migrations::apply::apply;
use refinery::Migration;
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::TestDatabase;
use tokio::time::sleep;

async fn connect(test: &TestDatabase) -> PgConnection {
    PgConnection::connect(test.url()).await.expect("connects")
}

fn migrations(texts: &[(&str, &str)]) -> Vec<Migration> {
    texts.iter().map(|(name, sql)| Migration::unapplied(name, sql).expect("a name of a migration")).collect()
}

const TABLE: (&str, &str) = ("V1__notes", "CREATE TABLE notes (id bigint PRIMARY KEY); INSERT INTO notes VALUES (1)");
const COLUMN: (&str, &str) = ("V2__text", "ALTER TABLE notes ADD COLUMN text text");
const INDEX: (&str, &str) = (
    "V3__index",
    "-- squawk-disable-assume-in-transaction\n\
     -- A reason.\n\
     CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS notes_text ON notes (text);",
);
const LAST: (&str, &str) = ("V4__last", "CREATE TABLE last (id bigint)");

async fn number(client: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(client).await.expect("counts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_use_is_waited_for_and_nobody_waits_long_behind_it() {
    let test = TestDatabase::empty().await;
    let (mut client, mut user, mut reader) = (connect(&test).await, connect(&test).await, connect(&test).await);
    apply(&mut client, "", &migrations(&[TABLE])).await.expect("migrates");

    // A transaction that has read the table stays open for longer than a statement may wait.
    let mut transaction = user.begin().await.expect("begins");
    transaction.execute("SELECT FROM notes").await.expect("reads");
    let migrating = tokio::spawn(async move {
        let applied = apply(&mut client, "", &migrations(&[TABLE, COLUMN, LAST])).await.expect("migrates");
        (applied, client)
    });
    let (mut slowest, begun) = (Duration::ZERO, Instant::now());
    while begun.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        reader.execute("SELECT FROM notes").await.expect("reads");
        slowest = slowest.max(asked.elapsed());
        sleep(Duration::from_millis(5)).await;
    }
    assert!(!migrating.is_finished(), "the table was in use");
    assert!(slowest > Duration::from_millis(100), "nobody waited, so nothing was tried: {slowest:?}");
    assert!(slowest < Duration::from_millis(1500), "a reader waited {slowest:?} behind a migration");
    transaction.commit().await.expect("ends");
    let (applied, mut client) = migrating.await.expect("ends");
    assert_eq!(applied, ["V2__text", "V4__last"]);
    assert_eq!(number(&mut client, "SELECT count(text) FROM notes").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_outside_of_a_transaction_and_again_when_it_was_left_incomplete() {
    let test = TestDatabase::empty().await;
    let (mut client, mut user) = (connect(&test).await, connect(&test).await);
    apply(&mut client, "", &migrations(&[TABLE, COLUMN])).await.expect("migrates");
    client.execute("INSERT INTO notes VALUES (2, 'twice'), (3, 'twice')").await.expect("inserts");

    let all = migrations(&[TABLE, COLUMN, INDEX, LAST]);
    let error = apply(&mut client, "", &all).await.expect_err("it is not unique");
    assert!(format!("{error:?}").contains("23505"), "{error:?}");
    let incomplete = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(number(&mut client, incomplete).await, 1, "the failed one is left");
    assert_eq!(number(&mut client, "SELECT max(version)::bigint FROM refinery_schema_history").await, 2);

    client.execute("DELETE FROM notes WHERE id = 3").await.expect("deletes");
    // Building waits for older transactions for longer than a migration in a transaction waits for a lock; writes go on.
    let mut transaction = user.begin().await.expect("begins");
    transaction.execute("INSERT INTO notes VALUES (4, 'old')").await.expect("inserts");
    let mut builder = connect(&test).await;
    let building = tokio::spawn(async move { apply(&mut builder, "", &all).await.expect("migrates") });
    sleep(Duration::from_secs(1)).await;
    client.execute("INSERT INTO notes VALUES (5, 'meanwhile')").await.expect("writes go on");
    assert!(!building.is_finished());
    transaction.commit().await.expect("ends");
    assert_eq!(building.await.expect("ends"), ["V3__index", "V4__last"]);
    assert_eq!(number(&mut client, incomplete).await, 0);
    assert_eq!(number(&mut client, "SELECT count(*) FROM pg_indexes WHERE indexname = 'notes_text'").await, 1);
    let again = apply(&mut client, "", &migrations(&[TABLE, COLUMN, INDEX, LAST])).await.expect("nothing to do");
    assert!(again.is_empty(), "{again:?}");
}
