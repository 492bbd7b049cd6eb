//! What is stored about users: all of it is registered, and what is left of somebody who is gone is found.

use std::collections::BTreeSet;

use testkit::Client;

use crate::own_data::{EXPORT, expect_nothing_left, number};
use crate::world::World;

/// Every column that refers to a user, or is named as if it did, is registered with what becomes of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_column_about_users_is_exported_and_erased_or_has_a_reason() {
    const NAMES: &str = "(^|_)(users?|owner|actor|assignee|account|recipient|author|creator|reporter|visitor|subject|person|customer|\
        member|address|email|phone|ip)(_|$)";
    const COLUMNS: &str =
        "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND NOT a.attisdropped";
    const REFERS: &str = "EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'
             AND k.confrelid = 'users'::regclass AND a.attnum = ANY (k.conkey))";
    // Tables that the view reads.
    const EXPORTED: &str = "SELECT p.relation || '.' || p.column_name FROM personal_data_columns p WHERE p.exported_by IS NOT NULL
         AND NOT EXISTS (SELECT FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
             WHERE r.ev_class = to_regclass(p.exported_by) AND d.refobjid = to_regclass(p.relation))";
    let world = World::new().await;
    let mut db = world.database.connect().await;
    let mut list = async |sql: String| -> BTreeSet<String> {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut db).await.expect("names");
        rows.into_iter().collect()
    };
    let registered = list("SELECT relation || '.' || column_name FROM personal_data_columns".to_owned()).await;
    let all = list(COLUMNS.to_owned()).await;
    let personal = list(format!("{COLUMNS} AND ({REFERS} OR a.attname ~ '{NAMES}')")).await;
    let missing: Vec<_> = personal.difference(&registered).collect();
    assert_eq!(missing, [""; 0], "add them to personal_data_columns in a migration");
    assert_eq!(registered.difference(&all).collect::<Vec<_>>(), [""; 0], "there are no such columns");
    assert_eq!(
        list(EXPORTED.to_owned()).await.into_iter().collect::<Vec<_>>(),
        [""; 0],
        "their view does not read them"
    );
    // What names an account is found when it stays, and what has no foreign key is erased by a function.
    let unchecked = "SELECT relation FROM personal_data_columns WHERE on_erasure <> 'kept' AND erased_rows IS NULL
        AND (column_name ~ '_id$' OR (relation, column_name) = ('webhook_deliveries', 'recipient'))";
    assert_eq!(list(unchecked.to_owned()).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_an_erased_account_is_found() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.database.execute(&format!("DELETE FROM users WHERE id = {}", ada.id)).await;
    expect_nothing_left(&world).await;
    let view = format!(
        "DELETE FROM page_view_erasures; INSERT INTO paths (path) VALUES ('/x') ON CONFLICT DO NOTHING;
         INSERT INTO page_views (path_id, user_id, created_at, event_id, user_claimed)
         SELECT id, {0}, now(), gen_random_uuid(), claimed FROM paths, unnest(ARRAY[true, false]) claimed WHERE path = '/x'",
        ada.id
    );
    world.database.execute(&view).await;
    let left: Vec<String> = sqlx::query_scalar("SELECT leftovers_of_erased_accounts()")
        .fetch_all(&mut world.database.connect().await)
        .await
        .expect("lines");
    assert_eq!(left, [format!("page_views.user_id: user {} is erased, and in 1 rows", ada.id)]);
}

#[test]
fn what_stays_allowed_is_in_the_document() {
    let ids: BTreeSet<&str> = tasks::OPERATIONS.iter().map(|operation| operation.id).collect();
    let unknown: Vec<_> = platform::identity::WHILE_LEAVING.iter().filter(|id| !ids.contains(**id)).collect();
    assert_eq!(unknown, [&""; 0]);
}

/// The archive itself is compared with the data in impl/server/tests/own_data.rs.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_no_connection_while_it_is_sent() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Much").await;
    // Random, so that it is not compressed much.
    let sql = format!(
        "INSERT INTO tasks (title, project_id, description)
         SELECT 'Task ' || n, {}, (SELECT string_agg(md5(random()::text || i || n), '') FROM generate_series(1, 300) i) FROM generate_series(1, 500) n",
        project["id"]
    );
    world.database.execute(&sql).await;
    let slow = async |client: &Client| {
        let response = client.request(http::Method::GET, EXPORT).send().await.expect("it answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"personal-data.zip\"");
        response
    };
    let unread = slow(&ada.client).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(number(&world, waiting).await, 0);
    let archive = unread.bytes().await.expect("complete");
    assert!(archive.starts_with(b"PK") && archive.len() > 2 << 20, "{}", archive.len());
}
