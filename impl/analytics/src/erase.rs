//! Erasing page views. Each batch is a transaction, in which the database takes away what they added to the counts (migration
//! V013): counts and rows agree at every instant, and what was erased stays erased when the rest has to wait.

use std::time::{Duration, Instant};

use analytics_api::models::Erased;
use contract::Problem;
use platform::{Database, Result};
use sqlx::postgres::PgConnection;

/// Rows erased by one transaction.
const BATCH: i64 = 5_000;
/// No batch is begun later than this; shorter than a request may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// Erases the page views of a user.
///
/// # Errors
/// 503 `erasure_unfinished` when there are so many that it must be asked for again. Those of the database; batches that
/// were erased before stay erased.
pub(crate) async fn of_user(database: &Database, user: i64) -> Result<Erased> {
    in_batches(database, Whose::User(user)).await
}

/// Erases the page views of a visitor.
///
/// # Errors
/// As [`of_user`].
pub(crate) async fn of_visitor(database: &Database, visitor: String) -> Result<Erased> {
    in_batches(database, Whose::Visitor(visitor)).await
}

#[derive(Clone)]
enum Whose {
    User(i64),
    Visitor(String),
}

async fn in_batches(database: &Database, whose: Whose) -> Result<Erased> {
    let (begun, mut erased) = (Instant::now(), 0);
    loop {
        let whose = whose.clone();
        let (rows, chosen) = database.write(move |mut tx| async move { delete_rows(&mut tx, &whose).await }).await?;
        erased += rows;
        if chosen < BATCH {
            return Ok(Erased { erased });
        }
        if begun.elapsed() > PATIENCE {
            let detail = format!("{erased} page views are erased and there are more: ask again.");
            return Err(Problem::unavailable("erasure_unfinished", detail, 1).into());
        }
    }
}

/// How many rows are gone, and how many were chosen: some of those may have been erased by somebody else meanwhile.
async fn delete_rows(db: &mut PgConnection, whose: &Whose) -> Result<(i64, i64)> {
    // Rows that another erasure holds are waited for, and then they are not there any more.
    macro_rules! delete {
        ($whose:literal) => {
            concat!(
                "WITH chosen AS MATERIALIZED (SELECT id, created_at FROM page_views WHERE ",
                $whose,
                " ORDER BY created_at, id LIMIT $2), \
                 gone AS (DELETE FROM page_views v USING chosen c \
                     WHERE v.id = c.id AND v.created_at = c.created_at RETURNING 1) \
                 SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM chosen)"
            )
        };
    }
    if let Whose::Visitor(_) = whose {
        // Blocks the index leads past are not foreseen by the planner.
        sqlx::query("SET LOCAL enable_seqscan = off").execute(&mut *db).await?;
    }
    let query = match whose {
        Whose::User(user) => sqlx::query_as(delete!("user_id = $1")).bind(*user),
        Whose::Visitor(visitor) => sqlx::query_as(delete!("visitor = $1")).bind(visitor),
    };
    Ok(query.bind(BATCH).fetch_one(db).await?)
}
