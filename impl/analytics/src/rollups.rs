//! Blocks of counts. Storing adds small ones, so that nobody waits for anybody; here those of the same span become one, so that
//! a span is read as fast as it could be. Readers find the same sums before and after.

use std::time::Duration;

use chrono::NaiveDate;
use platform::{Database, Result};
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

/// How often spans with many blocks are looked for.
const INTERVAL: Duration = Duration::from_millis(500);
/// As many new blocks are many.
const MANY: i64 = 8;
/// Once in so many rounds, spans with any new block are merged.
const THOROUGH: u32 = 20;
/// Spans merged by one transaction.
const SPANS: i64 = 1_000;
/// Whoever merges holds this, and whoever takes a day away: else one could bring back what the other has deleted.
const LOCK: i64 = 7_305_423_198_540_024;

/// Merges until it is told to stop; any number of processes may, and one at a time does.
pub(crate) async fn keep_merged(database: Database, shutdown: CancellationToken) {
    let mut round = rand::random_range(0..THOROUGH);
    loop {
        let pause = INTERVAL.mul_f64(rand::random_range(0.8..1.2));
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        round = (round + 1) % THOROUGH;
        if let Err(error) = merge(&database, if round == 0 { 1 } else { MANY }).await {
            tracing::debug!(%error, "counts are not merged");
        }
    }
}

/// Merges the blocks of each span that has at least so many new ones.
///
/// # Errors
/// Those of the database; what was merged before stays merged.
pub(crate) async fn merge(database: &Database, many: i64) -> Result<()> {
    loop {
        let merged = database.write(move |mut tx| async move { merge_some(&mut tx, many).await }).await?;
        if merged < SPANS.unsigned_abs() {
            return Ok(());
        }
    }
}

/// How many spans were merged: none when somebody else is merging.
async fn merge_some(db: &mut PgConnection, many: i64) -> Result<u64> {
    const SQL: &str = "WITH spans AS MATERIALIZED ( \
             SELECT minutes, start FROM view_rollups WHERE NOT merged \
             GROUP BY 1, 2 HAVING count(*) >= $1 LIMIT $2 \
         ), taken AS (DELETE FROM view_rollups r USING spans s WHERE r.minutes = s.minutes AND r.start = s.start \
             RETURNING r.minutes, r.start, r.paths, r.counts \
         ) INSERT INTO view_rollups (minutes, start, merged, views, paths, counts) \
         SELECT minutes, start, true, sum(views), array_agg(path_id ORDER BY path_id), array_agg(views ORDER BY path_id) \
         FROM (SELECT minutes, start, path_id, sum(views)::bigint AS views \
               FROM (SELECT minutes, start, unnest(paths) AS path_id, unnest(counts) AS views FROM taken) v \
               GROUP BY 1, 2, 3 HAVING sum(views) <> 0) path \
         GROUP BY 1, 2";
    let alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *db).await?;
    if !alone {
        return Ok(0);
    }
    Ok(sqlx::query(SQL).bind(many).bind(SPANS).execute(db).await?.rows_affected())
}

/// Deletes a day (UTC): its rows, its counts, and what it added to those of its week.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget_day(database: &Database, day: NaiveDate) -> Result<()> {
    const WEEK: &str = "INSERT INTO view_rollups (minutes, start, views, paths, counts) \
         SELECT 10080, date_bin('7 days', start, 'epoch'), -views, paths, ARRAY(SELECT -n FROM unnest(counts) n) \
         FROM view_rollups WHERE minutes = 1440 AND start = $1::timestamp AT TIME ZONE 'UTC'";
    const COUNTS: &str = "DELETE FROM view_rollups WHERE start >= $1::timestamp AT TIME ZONE 'UTC' \
         AND start < ($1 + 1)::timestamp AT TIME ZONE 'UTC' AND minutes IN (1, 5, 15, 60, 240, 1440)";
    database
        .write(move |mut tx| async move {
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
            for sql in ["SELECT drop_page_views_of($1)", WEEK, COUNTS] {
                sqlx::query(sql).bind(day).execute(&mut *tx).await?;
            }
            Ok(())
        })
        .await
}
