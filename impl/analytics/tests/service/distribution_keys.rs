//! Page views may outgrow one Postgres: unique keys allow their tables to be partitioned by time and distributed over several servers,
//! as docs/scale.md says. Both need the column in each unique key, since each partition and each server checks only its own rows.

use testkit::TestDatabase;

/// The page, which an image is built without.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scale.md");
    std::fs::read_to_string(path).expect("the page")
}
const PRIVILEGES: &str = include_str!("../../../../migrations/privileges/analytics");

/// Tables that grow with each page view, and the columns by which they would be partitioned or distributed.
const COLUMNS: [(&str, &str); 6] = [
    ("page_views", "created_at"),
    ("page_views", "id"),
    ("page_views", "event_id"),
    ("page_view_events", "event_id"),
    ("page_view_events", "stored_at"),
    ("view_rollups", "start"),
];

/// Keys without such a column: key, column, why it has to be as it is, and what would have to change.
const EXCEPTIONS: [(&str, &str, &str); 2] = [
    (
        "page_views_pkey",
        "event_id",
        "rows are found by time and id; on the server of their events they would be only with the key (created_at, event_id)",
    ),
    (
        "page_view_events_pkey",
        "stored_at",
        "an event is recognized on whichever of seven days it is repeated; by time only with keys of generations, and a filter of closed ones",
    ),
];

/// Tables of a bounded size, which stay on one server or are copied to each.
const BOUNDED: [&str; 5] = ["page_view_erasures", "path_dictionary", "paths", "seed_jobs", "visitor_salts"];

/// Unique keys of a table and of its partitions that lack a column, exceptions left out.
async fn keys_without(database: &TestDatabase, (table, column): (&str, &str)) -> Vec<String> {
    // A key's columns are those that are compared: neither expressions nor what is only included. Keys of partitions that belong to a
    // key of the whole table are not listed again.
    const SQL: &str = "SELECT i.indexrelid::regclass::text
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE coalesce(pg_partition_root(i.indrelid)::oid, i.indrelid) = $1::regclass
           AND (i.indisunique OR i.indisexclusion) AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM unnest(i.indkey::smallint[]) WITH ORDINALITY k (number, place)
                           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
                           WHERE k.place <= i.indnkeyatts AND a.attname = $2)
         ORDER BY 1";
    let keys: Vec<String> = sqlx::query_scalar(SQL)
        .bind(table)
        .bind(column)
        .fetch_all(&mut database.connect().await)
        .await
        .expect("there is such a table");
    keys.into_iter().filter(|key| !EXCEPTIONS.iter().any(|(known, of, _)| key == known && *of == column)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn unique_keys_allow_page_views_to_be_partitioned_and_distributed() {
    let database = TestDatabase::new().await;
    for place in COLUMNS {
        assert_eq!(keys_without(&database, place).await, Vec::<String>::new(), "unique keys without {place:?}");
        let never_null: bool = sqlx::query_scalar(
            "SELECT attnotnull FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2 AND NOT attisdropped",
        )
        .bind(place.0)
        .bind(place.1)
        .fetch_one(&mut database.connect().await)
        .await
        .expect("there is such a column");
        assert!(never_null, "{place:?} decides where a row is");
        let (table, column) = (format!("| `{}` |", place.0), format!("`{}`", place.1));
        let said = page().lines().any(|line| line.starts_with(&table) && line.contains(&column));
        assert!(said, "docs/scale.md does not name {place:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exceptions_are_keys_that_lack_the_column() {
    let database = TestDatabase::new().await;
    for (key, column, reason) in EXCEPTIONS {
        let lacks: bool = sqlx::query_scalar(
            "SELECT NOT EXISTS (SELECT FROM unnest(conkey) n JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = n
                                WHERE a.attname = $2)
             FROM pg_constraint WHERE conname = $1 AND contype IN ('p', 'u') AND conparentid = 0",
        )
        .bind(key)
        .bind(column)
        .fetch_one(&mut database.connect().await)
        .await
        .expect("there is such a key");
        assert!(lacks, "{key} has {column}: it is no exception any more ({reason})");
        let said =
            page().lines().any(|line| line.contains(&format!("`{key}`")) && line.contains(&format!("`{column}`")));
        assert!(said, "docs/scale.md does not name the exception {key} for {column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_table_of_analytics_is_bounded_or_can_be_distributed() {
    let database = TestDatabase::new().await;
    let granted: Vec<&str> =
        PRIVILEGES.lines().filter_map(|line| line.strip_prefix("table ")?.split_whitespace().next()).collect();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE oid = ANY ($1::text[]::regclass[]) AND relkind IN ('r', 'p') ORDER BY relname",
    )
    .bind(&granted)
    .fetch_all(&mut database.connect().await)
    .await
    .expect("there are such tables");
    let mut known: Vec<&str> = COLUMNS.iter().map(|(table, _)| *table).chain(BOUNDED).collect();
    known.sort_unstable();
    known.dedup();
    assert_eq!(tables, known, "a table that grows with page views belongs into COLUMNS, any other into BOUNDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_without_the_column_is_found() {
    let planted = [
        // Postgres rejects keys of all page views without `created_at`, not those without the column of distribution.
        ("CREATE UNIQUE INDEX planted ON page_views (created_at, event_id)", ("page_views", "id")),
        ("CREATE UNIQUE INDEX planted ON page_views_default (id, event_id)", ("page_views", "created_at")),
        ("ALTER TABLE page_view_events ADD CONSTRAINT planted UNIQUE (id)", ("page_view_events", "event_id")),
        ("CREATE UNIQUE INDEX planted ON view_rollups (minutes) INCLUDE (start)", ("view_rollups", "start")),
        (
            "CREATE UNIQUE INDEX planted ON view_rollups (minutes, (start AT TIME ZONE 'UTC'))",
            ("view_rollups", "start"),
        ),
        ("ALTER TABLE view_rollups ADD CONSTRAINT planted EXCLUDE (minutes WITH =)", ("view_rollups", "start")),
    ];
    let database = TestDatabase::new().await;
    for (fault, place) in planted {
        database.execute(fault).await;
        assert_eq!(keys_without(&database, place).await, ["planted"], "{fault}");
        let (table, _) = place;
        database
            .execute(&format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS planted; DROP INDEX IF EXISTS planted"))
            .await;
    }
}
