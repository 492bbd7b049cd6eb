//! The output of `server verify` for consistent data, and for data corrupted in every way that it detects.

mod scene;

use std::collections::BTreeSet;

use deadpool_redis::redis::cmd;
use platform::Cache;
use platform::settings::RedisSettings;
use shop::verify::{self, CHECKS, Finding, When};
use sqlx::{Connection as _, Executor as _};
use testkit::{TestDatabase, TestRedis};

use crate::scene::{SOUND, SPOILED, UNDECIDED};

#[tokio::test(flavor = "multi_thread")]
async fn sound_data_pass_every_check() {
    let database = TestDatabase::new().await;
    for (sql, at_rest) in [("SELECT", true), (SOUND, true), (UNDECIDED, false)] {
        database.execute(sql).await;
        let findings = verify::run(&database.settings(), None, at_rest).await.expect("the checks are made");
        for (check, finding) in &findings {
            assert_eq!(*finding, Finding::Holds, "{} {}", check.invariant, check.name);
        }
        let made = CHECKS.iter().filter(|check| at_rest || check.when == When::Always).count();
        assert_eq!(findings.len(), made);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_damage_is_found_and_shown() {
    let database = TestDatabase::new().await;
    database.execute(SOUND).await;
    database.execute(UNDECIDED).await;
    let mut db = database.connect().await;
    for (name, damage, example) in SPOILED {
        let mut tx = db.begin().await.expect("a transaction");
        tx.execute(*damage).await.unwrap_or_else(|error| panic!("{damage}: {error}"));
        let findings = verify::make(&mut tx, true).await.expect("the checks are made");
        let (_, finding) = findings.iter().find(|(check, _)| check.name == *name).expect("a check of this name");
        let expected = Finding::Violated { count: 1, examples: vec![(*example).to_owned()] };
        assert_eq!(*finding, expected, "{name}, after {damage}");
        tx.rollback().await.expect("the damage is undone");
    }
    let spoiled: BTreeSet<_> = SPOILED.iter().map(|(name, ..)| *name).collect();
    let all: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(spoiled, all, "every check has its damage");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_violations_all_are_counted_and_a_few_are_shown() {
    let database = TestDatabase::new().await;
    database
        .execute("INSERT INTO products (id, sku, name, price_cents, stock) SELECT n, n, n, 0, 1 FROM generate_series(5001, 5100) n")
        .await;
    let findings = verify::run(&database.settings(), None, false).await.expect("the checks are made");
    let Finding::Violated { count, examples } = &findings[0].1 else { panic!("{:?}", findings[0]) };
    assert_eq!((*count, examples.len()), (100, 5));
    assert_eq!(examples[0], "product 5001: stock 1, ledger 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_tables_has_nothing_to_check() {
    let database = TestDatabase::empty().await;
    let findings = verify::run(&database.settings(), None, true).await.expect("the checks are made");
    assert!(findings.iter().all(|(_, finding)| *finding == Finding::Nothing), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_rest_the_stream_is_empty_if_there_is_one() {
    let (database, redis) = (TestDatabase::new().await, TestRedis::new());
    let cache = redis.cache();
    let stream = async || {
        let findings = verify::run(&database.settings(), Some(&cache), true).await.expect("the checks are made");
        findings.into_iter().find(|(check, _)| check.name == "the stream is empty").expect("the check is made").1
    };
    assert_eq!(stream().await, Finding::Holds);
    let mut connection = redis.connect().await;
    let add = async |connection: &mut _| {
        cmd("XADD").arg(cache.key("orders")).arg("*").arg("message").arg(1).query_async::<()>(connection).await
    };
    add(&mut connection).await.expect("it is added");
    assert_eq!(stream().await, Finding::Violated { count: 1, examples: vec!["1 unread, 0 in progress".to_owned()] });
    let findings = verify::run(&database.settings(), Some(&cache), false).await.expect("the checks are made");
    assert!(findings.iter().all(|(check, _)| check.when == When::Always), "not at rest, nothing is asked of it");

    let nobody: RedisSettings = testkit::settings(&["--redis-url", "redis://127.0.0.1:1"]);
    let away = Cache::new(&nobody, "").expect("a URL").expect("a pool");
    let findings = verify::run(&database.settings(), Some(&away), true).await.expect("the checks are made");
    assert_eq!(findings.last().map(|(_, finding)| finding), Some(&Finding::Nothing));
}
