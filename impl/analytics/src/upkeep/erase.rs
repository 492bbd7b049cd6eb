//! Erasing page views. Each batch is a transaction, in which the database takes away what they added to the counts (migration
//! V013): counts and rows agree at every instant, and what was erased stays erased when the rest has to wait.

use std::time::Duration;

use analytics_api::models::Erased;
use contract::Problem;
use platform::audit::{Entry, Written};
use platform::slices::Slice;
use platform::{Database, Error, Result, Transaction, first_failure, pair, sql};
use sqlx::postgres::PgConnection;

/// Rows erased by one transaction.
const BATCH: i64 = 5_000;
const SMALLEST_BATCH: i64 = 50;
/// No batch is begun later than this; shorter than a request may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// Erases the page views of a user.
///
/// # Errors
/// 503 `erasure_unfinished` when there are so many that it must be asked for again. Those of the database; batches that
/// were erased before stay erased.
pub(crate) async fn of_user(database: &Database, user: i64, entry: Entry) -> Result<Erased> {
    in_batches(database, Whose::User(user), Some(entry)).await.and_then(all)
}

/// Erases the page views of a visitor.
///
/// # Errors
/// As [`of_user`].
pub(crate) async fn of_visitor(database: &Database, visitor: String, entry: Entry) -> Result<Erased> {
    in_batches(database, Whose::Visitor(visitor), Some(entry)).await.and_then(all)
}

/// Erases the page views of users who are deleted, which is noted by the deletion itself; how many users.
///
/// # Errors
/// Those of the database; what was erased before stays erased, and the rest is done the next time.
pub(crate) async fn of_deleted_users(database: &Database) -> Result<usize> {
    const NEXT: &str = sql!("SELECT user_id FROM page_view_erasures ORDER BY asked_at, user_id LIMIT 10");
    let users: Vec<i64> = sqlx::query_scalar(NEXT).fetch_all(database.reads()).await?;
    let mut done = Vec::new();
    for user in users.iter().copied() {
        done.push(of_deleted_user(database, user).await);
    }
    first_failure(done).map(|()| users.len())
}

async fn of_deleted_user(database: &Database, user: i64) -> Result<()> {
    const DONE: &str = sql!("DELETE FROM page_view_erasures WHERE user_id = $1");
    let (_, is_finished) = in_batches(database, Whose::User(user), None).await?;
    if is_finished {
        let done = move |mut tx: Transaction| async move { Ok(sqlx::query(DONE).bind(user).execute(&mut *tx).await?) };
        database.write_once(done).await?;
        tracing::info!(enduser.id = user, "page views of deleted user erased");
    }
    Ok(())
}

#[derive(Clone)]
enum Whose {
    User(i64),
    Visitor(String),
}

fn all((erased, finished): (i64, bool)) -> Result<Erased> {
    if finished { Ok(Erased { erased }) } else { Err(unfinished(erased)) }
}

fn unfinished(erased: i64) -> Error {
    let detail = format!("{erased} page views are deleted, more remain: repeat the request.");
    Problem::unavailable("erasure_unfinished", detail, 1).into()
}

/// How many were erased, and whether these were all. On a busy machine the batches become smaller.
async fn in_batches(database: &Database, whose: Whose, mut entry: Option<Entry>) -> Result<(i64, bool)> {
    let (slice, mut erased) = (Slice::new(SMALLEST_BATCH, BATCH), 0);
    let mut run = slice.run().within(PATIENCE);
    while let Some(most) = run.next().await {
        // Told of once, with the first rows that go.
        let (whose, told) = (whose.clone(), entry.clone());
        let deleted = database
            .write(move |mut tx| async move {
                let written = match told {
                    Some(entry) => entry.write(&mut tx).await?,
                    None => Written::default(),
                };
                Ok((delete_rows(&mut tx, &whose, most).await?, written))
            })
            .await;
        let deleted = run.settle(deleted, |((_, chosen), _)| *chosen == most)?;
        if let Some(((rows, _), written)) = deleted {
            written.tell();
            entry = None;
            erased += rows;
        }
    }
    Ok((erased, run.is_finished()))
}

/// How many rows are gone, and how many were chosen: some of those may have been erased by somebody else meanwhile.
async fn delete_rows(db: &mut PgConnection, whose: &Whose, most: i64) -> Result<(i64, i64)> {
    if let Whose::Visitor(_) = whose {
        // Blocks the index leads past are not foreseen by the planner.
        sqlx::query(sql!("SET LOCAL enable_seqscan = off")).execute(&mut *db).await?;
    }
    // Rows that another erasure holds are waited for, and then they are not there any more.
    let query = match whose {
        Whose::User(user) => sqlx::query(sql!(
            "WITH chosen AS MATERIALIZED (
                 SELECT id, created_at FROM page_views WHERE user_id = $1 ORDER BY created_at, id LIMIT $2
             ), gone AS (
                 DELETE FROM page_views v USING chosen c WHERE v.id = c.id AND v.created_at = c.created_at RETURNING 1
             ) SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM chosen) AS chosen"
        ))
        .bind(*user),
        Whose::Visitor(visitor) => sqlx::query(sql!(
            "WITH chosen AS MATERIALIZED (
                 SELECT id, created_at FROM page_views WHERE visitor = $1 ORDER BY created_at, id LIMIT $2
             ), gone AS (
                 DELETE FROM page_views v USING chosen c WHERE v.id = c.id AND v.created_at = c.created_at RETURNING 1
             ) SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM chosen) AS chosen"
        ))
        .bind(visitor),
    };
    Ok(pair(&query.bind(most).fetch_one(db).await?, "gone", "chosen")?)
}
