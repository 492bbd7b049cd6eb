//! Receivers that are slow or dead delay no others.

use platform::Transaction;
use platform::sql::{STATEMENTS, Text};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use crate::fixture::{World, request, until};
use crate::receiver::{OK, Reaction, Receiver};

/// Ten recipients with so much each, all of it due, at one host.
const MANY: &str = "INSERT INTO webhook_deliveries (id, service, recipient, operation, host, method, url, headers, body, due_at)
    SELECT gen_random_uuid(), 'tasks', r, 'taskDone', 'HOST', 'POST', 'http://HOST/', '{}', '', now() - interval '1 hour'
    FROM generate_series(1, 10) r, generate_series(1, 10000)";
/// Blocks of 8 KiB that a statement may look at: some for each lane and each claimed row, however many wait.
const MAX_BLOCKS: i64 = 600;

/// The statement of the crate with these words.
fn statement(words: &str) -> &'static str {
    let text = |text: &Text| match text {
        Text::Fixed(text) => Some(*text),
        Text::Shapes(_) => None,
    };
    let own = STATEMENTS.iter().filter(|it| it.file.starts_with("impl/platform/webhooks/"));
    let found: Vec<&str> = own.filter_map(|it| text(&it.text)).filter(|text| text.contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}");
    found[0]
}

/// How many blocks of tables and indexes a statement looks at, which is executed.
async fn blocks(db: &mut PgConnection, words: &str, values: &str) -> i64 {
    let prepare = format!("PREPARE statement AS {}", statement(words));
    db.execute(AssertSqlSafe(prepare)).await.expect("it can be prepared");
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE statement({values})");
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *db).await.expect("it runs");
    db.execute("DEALLOCATE statement").await.expect("it was there");
    let of = |name: &str| plan[0]["Plan"][name].as_i64().expect("a number");
    assert!(of("Actual Rows") > 0 || words.contains("UPDATE"), "{plan}");
    of("Shared Hit Blocks") + of("Shared Read Blocks")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_for_a_dead_host_cost_others_nothing() {
    let world = World::new().await;
    let (dead, alive) = (Receiver::new([Reaction::Silence]).await, Receiver::new([OK]).await);
    world.database.execute(&MANY.replace("HOST", &dead.address.to_string())).await;
    let webhooks = world.webhooks();
    world.put(&webhooks, 11, &alive.url("/")).await.expect("it is put");
    let host = dead.address.to_string();
    let mut db = world.database.connect().await;
    // As Postgres finds them, and with all it can know of them.
    for statistics in ["SELECT 1", "ANALYZE webhook_deliveries"] {
        db.execute(statistics).await.expect("it runs");
        let lanes = blocks(&mut db, "RECURSIVE lanes", &format!("'tasks', {}, '', 200, '{{}}'", i64::MIN)).await;
        assert!(lanes < MAX_BLOCKS, "{lanes} blocks to see who waits");
        let shares = format!("'tasks', ARRAY[3, 4]::bigint[], ARRAY['{host}', '{host}'], ARRAY[2, 2]::bigint[], 0");
        db.execute("BEGIN").await.expect("it runs");
        let claim = blocks(&mut db, "UPDATE webhook_deliveries AS claimed", &shares).await;
        db.execute("ROLLBACK").await.expect("it runs");
        assert!(claim < MAX_BLOCKS, "{claim} blocks to claim four");
    }
    let process = world.start(&webhooks);
    until("the other one is delivered", async || alive.count() == 1).await;
    assert_eq!(dead.most_at_once(), 4);
    until("and written down", async || world.rows().await == 100_000).await;
    process.tell();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_claims_no_other_claims() {
    let world = World::new().await;
    let webhooks = world.webhooks();
    for _ in 0..3 {
        world.put(&webhooks, 7, "http://example.com/").await.expect("it is put");
    }
    let (mut one, mut other) = (world.database.connect().await, world.database.connect().await);
    let prepare =
        format!("SET lock_timeout = '1s'; PREPARE claim AS {}", statement("UPDATE webhook_deliveries AS claimed"));
    let claim = async |db: &mut PgConnection, room: i64| {
        let execute =
            format!("EXECUTE claim('tasks', ARRAY[7]::bigint[], ARRAY['example.com:80'], ARRAY[{room}]::bigint[], 60)");
        db.fetch_all(AssertSqlSafe(execute)).await.expect("nobody waits").len()
    };
    for db in [&mut one, &mut other] {
        db.execute(AssertSqlSafe(prepare.clone())).await.expect("it can be prepared");
    }
    one.execute("BEGIN").await.expect("it begins");
    assert_eq!(claim(&mut one, 2).await, 2);
    assert_eq!(claim(&mut other, 4).await, 1, "while the first is not committed");
    one.execute("COMMIT").await.expect("it ends");
    assert_eq!(claim(&mut other, 4).await, 0, "nor afterwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_host_delays_no_other_and_is_sent_four_at_a_time() {
    let world = World::new().await;
    let (slow, quick) = (Receiver::new([Reaction::Silence]).await, Receiver::new([OK]).await);
    let webhooks = world.webhooks();
    for number in 0..40 {
        world.put(&webhooks, 0, &slow.url(&format!("/{number}"))).await.expect("it is put");
    }
    let process = world.start(&webhooks);
    until("the slow one is busy", async || slow.count() == 4).await;
    for number in 0..20 {
        world.put(&webhooks, 0, &quick.url(&format!("/{number}"))).await.expect("it is put");
    }
    until("the quick one has all", async || quick.count() == 20).await;
    assert_eq!(slow.most_at_once(), 4);
    process.tell();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_many_slow_hosts_delays_no_other() {
    let world = World::new().await;
    let webhooks = world.webhooks();
    let mut slow = Vec::new();
    for _ in 0..12 {
        slow.push(Receiver::new([Reaction::Silence]).await);
    }
    // Lanes that nothing can be claimed of while the account has its share.
    let more = "INSERT INTO webhook_deliveries (id, service, recipient, operation, host, method, url, headers, body)
        SELECT gen_random_uuid(), 'tasks', 5, 'taskDone', '~' || h || '.example:80', 'POST', 'http://127.0.0.1/', '{}', ''
        FROM generate_series(1, 3000) h";
    world.database.execute(more).await;
    let urls: Vec<String> = slow.iter().flat_map(|it| (0..4).map(|number| it.url(&format!("/{number}")))).collect();
    let sending = webhooks.clone();
    let put = move |mut tx: Transaction| async move {
        for url in &urls {
            sending.put(&mut tx, 5, request(url)).await?;
        }
        Ok(())
    };
    world.db.write(put).await.expect("they are put");
    let process = world.start(&webhooks);
    let open = || slow.iter().map(Receiver::count).sum::<usize>();
    until("the account has its share", async || open() == 8).await;
    let quick = Receiver::new([OK]).await;
    for recipient in [0, 6] {
        world.put(&webhooks, recipient, &quick.url("/")).await.expect("it is put");
    }
    until("others are delivered", async || quick.count() == 2).await;
    assert_eq!(open(), 8);
    process.tell();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_hosts_than_one_statement_sees_have_their_turn() {
    let world = World::new().await;
    let receiver = Receiver::new([OK]).await;
    // Lanes of hosts that wait for their next attempt, before and after the one that is due.
    let waiting = "INSERT INTO webhook_deliveries (id, service, recipient, operation, host, method, url, headers, body, due_at)
        SELECT gen_random_uuid(), 'tasks', r, 'taskDone', h || '.example:443', 'POST', 'https://example.com/', '{}', '', now() + interval '1 day'
        FROM generate_series(1, 3) r, generate_series(1, 2000) h";
    world.database.execute(waiting).await;
    let webhooks = world.webhooks();
    world.put(&webhooks, 2, &receiver.url("/")).await.expect("it is put");
    let process = world.start(&webhooks);
    until("it is delivered", async || world.rows().await == 6_000).await;
    process.stop().await;
    assert_eq!(receiver.count(), 1);
}
