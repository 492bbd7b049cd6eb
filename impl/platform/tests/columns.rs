//! Rows are read by the names of their columns.

use kitchen_sink_api::models::{Choices, Color, Inner, Maps, RowError, Thing, ThingPatch};
use platform::read;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnection, PgRow};
use testkit::TestDatabase;

async fn row(db: &mut PgConnection, sql: &str) -> PgRow {
    sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(db).await.expect(sql)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_made_of_columns_in_any_order() {
    let test = TestDatabase::empty().await;
    let db = &mut test.connect().await;
    let thing = row(db, "SELECT 7::bigint AS id, NULL::text AS note, 'a lamp' AS name, 'not asked for' AS more").await;
    assert_eq!(read::<Thing>(&thing).expect("a thing"), Thing { id: Some(7), name: "a lamp".to_owned(), note: None });
    let choices = "SELECT ARRAY['red', 'blue'] AS palette, true AS flag, 'green' AS color, NULL::text AS odd";
    let choices: Choices = read(&row(db, choices).await).expect("choices");
    assert_eq!((choices.color, choices.palette), (Color::Green, Some(vec![Color::Red, Color::Blue])));
    let inner =
        row(db, r#"SELECT 1::bigint AS "thing.id", 'a lamp' AS "thing.name", NULL::text AS "thing.note""#).await;
    assert_eq!(read::<Inner>(&inner).expect("one").thing.name, "a lamp");
    let patch: ThingPatch =
        read(&row(db, "SELECT 'x' AS name, NULL::text AS note, NULL::text AS color").await).expect("a patch");
    assert_eq!(patch, ThingPatch { name: Some("x".to_owned()), note: Some(None), color: Some(None) });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_told_with_the_name_of_the_column() {
    let test = TestDatabase::empty().await;
    let db = &mut test.connect().await;
    let thing = row(db, "SELECT 7::bigint AS id, 'a lamp' AS name").await;
    assert_eq!(read::<Thing>(&thing).expect_err("no note").to_string(), "no column found for name: note");
    let inner = row(db, r#"SELECT 'a lamp' AS "other.name""#).await;
    assert_eq!(read::<Inner>(&inner).expect_err("nothing").to_string(), "no column found for name: thing.*");
    let inner = row(db, r#"SELECT NULL::bigint AS "thing.id", NULL AS "thing.name", NULL AS "thing.note""#).await;
    let missing = read::<Inner>(&inner).expect_err("it must be there").to_string();
    assert!(missing.contains("column thing: ") && missing.contains("not null"), "{missing}");
    let number = row(db, "SELECT 7::bigint AS id, 8 AS name, NULL::text AS note").await;
    assert!(read::<Thing>(&number).expect_err("no text").to_string().contains("column name: "));
    for palette in ["ARRAY['mauve']", "'red'"] {
        let sql = format!("SELECT true AS flag, 'green' AS color, NULL::text AS odd, {palette} AS palette");
        assert!(read::<Choices>(&row(db, &sql).await).expect_err(palette).to_string().contains("column palette: "));
    }
    // Lists of objects are rows of their own, and begin empty.
    let list: RowError = read(&row(db, "SELECT 1::bigint AS index").await).expect("no column is wanted");
    assert_eq!(list.errors, []);
    read::<RowError>(&row(db, "SELECT 1::bigint AS index, '{}'::text[] AS errors").await).expect_err("nor read");
    assert!(read::<Maps>(&row(db, "SELECT 1").await).expect("the same").counts.is_empty());
}
