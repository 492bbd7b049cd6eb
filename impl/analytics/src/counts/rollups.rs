//! Blocks of counts. Storing adds small ones, so that nobody waits for anybody; here those of the same span become fewer, so that
//! a span is read as fast as it could be. Readers find the same sums before and after.
//!
//! A round takes so many blocks, with so many paths in them, however many wait. A large block is merged again only when what is
//! to be added has grown to a part of it: of a span there are a few blocks then, each much smaller than the next.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use platform::slices::Slice;
use platform::{Database, Job, Result, pair, sql};
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::counts::rollup_metrics::RollupMetrics;

/// Spans with many blocks are looked for at least this often.
const INTERVAL: Duration = Duration::from_millis(600);
/// It should have succeeded once in so long.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);
/// As many new blocks are many.
const MANY: i64 = 8;
/// Once in so many rounds, spans with any new block are merged.
const THOROUGH: u32 = 20;
/// Blocks merged by one transaction, and the paths in them for each block there may be.
const MOST: i64 = 2_048;
const PATHS_A_BLOCK: i64 = 128;
/// New blocks that are looked at in order to find the spans with many.
const LOOK: i64 = 20_000;
/// Blocks of so many paths are always merged: it costs nothing.
const SMALL: i64 = 1_000;
/// A block is merged with others as soon as they have so large a part of its paths.
const PART: i64 = 4;
/// Whoever merges holds this, and whoever takes a day away: else one could bring back what the other has deleted.
const LOCK: i64 = 7_305_423_198_540_024;

/// How many blocks a round takes.
pub(crate) fn slice() -> Slice {
    Slice::new(4, MOST)
}

/// Merges until it is told to stop; any number of processes may, and one at a time does.
pub(crate) async fn keep_merged(database: Database, job: Job, metrics: RollupMetrics, shutdown: CancellationToken) {
    let (database, slice, metrics) = (&database, &slice(), &metrics);
    // However much there is to do: it gets on.
    let goes_on = &|| {
        job.succeeded();
        !shutdown.is_cancelled()
    };
    let mut rounds = rand::random_range(0..THOROUGH);
    let next_round = || {
        rounds = (rounds + 1) % THOROUGH;
        let round = rounds;
        async move {
            let merged = merge(database, slice, if round == 0 { 1 } else { MANY }, goes_on).await;
            if round % 4 == 0 {
                metrics.show(waiting(database).await.ok());
            }
            merged
        }
    };
    job.clone().every(INTERVAL, shutdown.clone(), next_round).await;
}

/// How many new blocks wait, as far as one looks, and for how many seconds the oldest of these has.
async fn waiting(database: &Database) -> Result<(i64, f64)> {
    const SQL: &str = sql!(
        "SELECT count(*) AS blocks, coalesce(extract(epoch FROM now() - min(stored_at)), 0)::float8 AS seconds
         FROM (SELECT stored_at FROM view_rollups WHERE NOT merged LIMIT $1) waiting"
    );
    Ok(pair(&sqlx::query(SQL).bind(LOOK).fetch_one(database.reads()).await?, "blocks", "seconds")?)
}

/// Merges the blocks of each span that has at least so many new ones. After each slice it is asked whether to go on.
///
/// # Errors
/// Those of the database; what was merged before stays merged.
pub(crate) async fn merge(database: &Database, slice: &Slice, many: i64, goes_on: impl Fn() -> bool) -> Result<()> {
    let mut run = slice.run();
    while let Some(blocks) = run.next().await {
        let merged = database.write(move |mut tx| async move { merge_some(&mut tx, many, blocks).await }).await;
        run.settle(merged, |more| *more && goes_on())?;
    }
    Ok(())
}

/// A block, as far as one need know it to decide.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
struct Block {
    /// Where it is.
    place: String,
    minutes: i16,
    start: DateTime<Utc>,
    merged: bool,
    /// About how many paths it has.
    paths: i64,
}

/// Merges at most so many blocks; whether there are more. When somebody else is merging, there is nothing to do.
async fn merge_some(db: &mut PgConnection, many: i64, blocks: i64) -> Result<bool> {
    // The size tells how many paths there are without reading them. What was looked at in vain is merged as it is, so that what
    // comes after it is seen as well.
    const FIND: &str = sql!(
        "WITH looked AS MATERIALIZED (
             SELECT minutes, start FROM view_rollups WHERE NOT merged ORDER BY minutes, start LIMIT $2
         ), spans AS MATERIALIZED (
             SELECT minutes, start FROM looked GROUP BY 1, 2
             HAVING count(*) >= $1 OR (SELECT count(*) FROM looked) = $2 ORDER BY 1, 2 LIMIT $3
         ) SELECT b.place, s.minutes, s.start, b.merged, b.paths FROM spans s CROSS JOIN LATERAL (
             (SELECT ctid::text AS place, merged, (pg_column_size(paths) / 8)::bigint AS paths FROM view_rollups
              WHERE minutes = s.minutes AND start = s.start AND NOT merged LIMIT $3)
             UNION ALL SELECT ctid::text, merged, (pg_column_size(paths) / 8)::bigint FROM view_rollups
             WHERE minutes = s.minutes AND start = s.start AND merged
         ) b LIMIT 4 * $3"
    );
    const MERGE: &str = sql!(
        "WITH taken AS (
             DELETE FROM view_rollups WHERE ctid = ANY ($1::text[]::tid[]) RETURNING minutes, start, paths, counts
         ) INSERT INTO view_rollups (minutes, start, merged, views, paths, counts)
         SELECT minutes, start, true, sum(views), array_agg(path_id ORDER BY path_id), array_agg(views ORDER BY path_id)
         FROM (SELECT minutes, start, path_id, sum(views)::bigint AS views
               FROM (SELECT minutes, start, unnest(paths) AS path_id, unnest(counts) AS views FROM taken) v
               GROUP BY 1, 2, 3 HAVING sum(views) <> 0) path
         GROUP BY 1, 2"
    );
    let alone: bool =
        sqlx::query_scalar(sql!("SELECT pg_try_advisory_xact_lock($1)")).bind(LOCK).fetch_one(&mut *db).await?;
    if !alone {
        return Ok(false);
    }
    let found: Vec<Block> = sqlx::query_as(FIND).bind(many).bind(LOOK).bind(blocks).fetch_all(&mut *db).await?;
    let (chosen, more) = choose(&found, blocks, blocks * PATHS_A_BLOCK);
    if !chosen.is_empty() {
        let places: Vec<&str> = chosen.iter().map(|block| block.place.as_str()).collect();
        sqlx::query(MERGE).bind(places).execute(db).await?;
    }
    Ok(more)
}

/// Which of the blocks that were found are merged, at most so many with at most so many paths; whether others should be as well.
/// Blocks of a span stand together. There is always some progress: a new block is chosen, if there is one.
fn choose(found: &[Block], most: i64, most_paths: i64) -> (Vec<&Block>, bool) {
    let (mut chosen, mut paths): (Vec<&Block>, i64) = (Vec::new(), 0);
    for span in found.chunk_by(|one, other| (one.minutes, one.start) == (other.minutes, other.start)) {
        let (mut large, fresh): (Vec<&Block>, Vec<&Block>) = span.iter().partition(|block| block.merged);
        let mut together = 0;
        for block in fresh {
            let fits = (chosen.len() as i64) < most && paths + block.paths <= most_paths;
            if !fits && chosen.len() >= 2 {
                return (chosen, true);
            }
            chosen.push(block);
            (paths, together) = (paths + block.paths, together + block.paths);
        }
        large.sort_by_key(|block| block.paths);
        for block in large {
            let worth_it = together > 0 && block.paths <= SMALL.max(PART * together);
            if !worth_it || paths + block.paths > most_paths {
                break;
            }
            chosen.push(block);
            (paths, together) = (paths + block.paths, together + block.paths);
        }
    }
    // As many as were asked for: there may be more.
    let cut = found.len() as i64 >= most;
    (chosen, cut && !found.is_empty())
}

/// Deletes a day (UTC): its rows, its counts, and what it added to those of its week.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget_day(database: &Database, day: NaiveDate) -> Result<()> {
    const WEEK: &str = sql!(
        "INSERT INTO view_rollups (minutes, start, views, paths, counts)
         SELECT 10080, date_bin('7 days', start, 'epoch'), -views, paths, ARRAY(SELECT -n FROM unnest(counts) n)
         FROM view_rollups WHERE minutes = 1440 AND start = $1::timestamp AT TIME ZONE 'UTC'"
    );
    const COUNTS: &str = sql!(
        "DELETE FROM view_rollups WHERE start >= $1::timestamp AT TIME ZONE 'UTC'
         AND start < ($1::date + 1)::timestamp AT TIME ZONE 'UTC' AND minutes IN (1, 5, 15, 60, 240, 1440)"
    );
    database
        .write(move |mut tx| async move {
            sqlx::query(sql!("SELECT pg_advisory_xact_lock($1)")).bind(LOCK).execute(&mut *tx).await?;
            for sql in [sql!("SELECT drop_page_views_of($1)"), WEEK, COUNTS] {
                sqlx::query(sql).bind(day).execute(&mut *tx).await?;
            }
            Ok(())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(minutes: i16, merged: bool, paths: i64) -> Block {
        Block { place: String::new(), minutes, start: DateTime::UNIX_EPOCH, merged, paths }
    }

    fn sizes(found: &[Block], most: i64, most_paths: i64) -> (Vec<i64>, bool) {
        let (chosen, more) = choose(found, most, most_paths);
        (chosen.iter().map(|block| block.paths).collect(), more)
    }

    #[test]
    fn a_large_block_is_left_alone_until_it_is_worth_it() {
        let small = [block(1, false, 10), block(1, true, 900)];
        assert_eq!(sizes(&small, 100, 10_000), (vec![10, 900], false));
        let found = [block(1, false, 300), block(1, true, 900_000), block(1, true, 1_100), block(1, false, 10)];
        assert_eq!(sizes(&found, 100, 1_000_000), (vec![300, 10, 1_100], false));
        let found = [block(1, false, 300_000), block(1, true, 900_000)];
        assert_eq!(sizes(&found, 100, 2_000_000), (vec![300_000, 900_000], false));
        // Merged already.
        assert_eq!(sizes(&[block(1, true, 5), block(5, true, 5)], 100, 1_000), (vec![], false));
    }

    #[test]
    fn there_is_progress_however_little_may_be_taken() {
        let found: Vec<Block> = (0..50).map(|n| block(1 + n / 25, false, 100_000)).collect();
        assert_eq!(sizes(&found, 4, 512), (vec![100_000; 2], true));
        assert_eq!(sizes(&found, 4, 350_000), (vec![100_000; 3], true));
        assert_eq!(sizes(&found, 4, 1 << 40).0.len(), 4);
        assert_eq!(sizes(&found[..1], 4, 512), (vec![100_000], false));
    }
}
