//! The SQL of made-up page views: rows are made by the database, some ten thousand a transaction, with their counts.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use analytics_api::models::SeedJob;
use chrono::{DateTime, NaiveDate, Utc};
use contract::Problem;
use futures_util::future::try_join_all;
use platform::slices::{Slice, delete_in_slices};
use platform::{Columns, Database, Error, Result, Transaction, backoff, jittered, read, sql};
use sqlx::postgres::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::reports::window::Window;

/// Rows of a transaction: its statement takes a fraction of the time statements have. On a busy machine there are fewer.
const CHUNK: i64 = 25_000;
const SMALLEST_CHUNK: i64 = 200;
/// Transactions at once.
const AT_ONCE: usize = 2;
/// A worker updates the heartbeat of its job this often; after [`SILENCE`] without one, another worker takes over.
const SIGN: Duration = Duration::from_secs(10);
const SILENCE: &str = "1 minute";

/// Why a worker leaves its job to another one; never sent to a client.
pub(crate) const TAKEN_OVER: &str = "seed_job_taken_over";

/// What a job makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) job: i64,
    pub(crate) rows: i64,
    pub(crate) paths: i64,
    /// Who works on it.
    pub(crate) worker: Uuid,
    /// How many are there already.
    pub(crate) inserted: i64,
    /// When the views happen: evenly, in the order of time, as they would have come in.
    pub(crate) window: Window,
}

/// The row of a new job.
pub(crate) async fn insert_job(db: &mut PgConnection, rows: i64, paths: i64, worker: Uuid) -> Result<SeedJob> {
    const SQL: &str = sql!(
        "INSERT INTO seed_jobs (rows, paths, worker) VALUES ($1, $2, $3)
         RETURNING id, state, rows, inserted, created_at, updated_at"
    );
    Ok(read(&sqlx::query(SQL).bind(rows).bind(paths).bind(worker).fetch_one(db).await?)?)
}

/// A job as it is.
pub(crate) async fn find_job(db: impl PgExecutor<'_>, id: i64) -> Result<Option<SeedJob>> {
    const SQL: &str = sql!("SELECT id, state, rows, inserted, created_at, updated_at FROM seed_jobs WHERE id = $1");
    let row = sqlx::query(SQL).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// A job whose worker is not heard of any more, as when its process has died, for another one to go on with; with its paths.
pub(crate) async fn take_over(db: &mut PgConnection, worker: Uuid) -> Result<Option<(SeedJob, i64)>> {
    const SQL: &str = sql!(
        "UPDATE seed_jobs SET worker = $1, updated_at = now() WHERE id = (
             SELECT id FROM seed_jobs WHERE state = 'running' AND updated_at < now() - $2::text::interval
             ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, state, rows, inserted, created_at, updated_at, paths"
    );
    let row = sqlx::query(SQL).bind(worker).bind(SILENCE).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((read(&row)?, Columns::of(&row).get("paths")?)))
}

/// A job that cannot go on.
pub(crate) async fn fail_job(db: &mut PgConnection, id: i64, worker: Uuid) -> Result<()> {
    const SQL: &str = sql!("UPDATE seed_jobs SET state = 'failed', updated_at = now() WHERE id = $1 AND worker = $2");
    sqlx::query(SQL).bind(id).bind(worker).execute(db).await?;
    Ok(())
}

/// Forgets jobs that ended long ago, at most so many at once; how many.
pub(crate) async fn forget_jobs(database: &Database, most: i64) -> Result<u64> {
    const SQL: &str = sql!("DELETE FROM seed_jobs WHERE id = ANY (ARRAY(SELECT id FROM seed_jobs
         WHERE state <> 'running' AND updated_at < now() - interval '30 days' ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))");
    delete_in_slices(database, most, SQL).await
}

/// Makes the rows of a job that are not there yet; `changed` is called after each commit that others can see. What the database
/// rejects for the moment is done again, in smaller pieces when it took too long, for as long as it takes.
///
/// # Errors
/// What time does not cure; chunks that were inserted before stay.
pub(crate) async fn insert_all(database: &Database, plan: Plan, changed: impl Fn() + Sync) -> Result<()> {
    let signs = async {
        loop {
            tokio::time::sleep(jittered(SIGN)).await;
            let sign = move |mut tx: Transaction| async move { give_sign(&mut tx, plan).await };
            let _ = database.write_once(sign).await;
        }
    };
    tokio::select! {
        result = insert_rest(database, plan, &changed) => result,
        () = signs => Ok(()),
    }
}

async fn insert_rest(database: &Database, plan: Plan, changed: &(impl Fn() + Sync)) -> Result<()> {
    // One at a time. What has none goes where it is found as well.
    for day in days_without_partition(database.reads(), plan.window).await.unwrap_or_default() {
        let made = database
            .write_once(move |mut tx| async move {
                sqlx::query(sql!("SELECT ensure_page_views_of($1)")).bind(day).execute(&mut *tx).await?;
                Ok(())
            })
            .await;
        if let Err(error) = made {
            tracing::debug!(%error, %day, "creating partition failed");
        }
    }
    let paths = patiently(|| database.write(move |mut tx| async move { path_ids(&mut tx, plan.paths).await })).await?;
    let (next, slice) = (AtomicI64::new(plan.inserted), Slice::new(SMALLEST_CHUNK, CHUNK));
    try_join_all((0..AT_ONCE).map(|_| insert_ranges(database, plan, &next, &paths, &slice, changed))).await?;
    summarize(database, plan.window.start).await;
    Ok(())
}

/// Makes one range of rows after the other until there is none left.
async fn insert_ranges(
    database: &Database,
    plan: Plan,
    next: &AtomicI64,
    paths: &[i64],
    slice: &Slice,
    changed: &(impl Fn() + Sync),
) -> Result<()> {
    loop {
        let mut first = next.fetch_add(CHUNK, Ordering::Relaxed);
        let end = (first + CHUNK).min(plan.rows);
        if first >= end {
            return Ok(());
        }
        while first < end {
            // As many at once as goes.
            let insert = || {
                let (rows, paths) = (slice.get(), paths.to_vec());
                let until = (first + rows).min(end);
                let inserted = database.write(move |mut tx| async move {
                    insert_chunk(&mut tx, plan, first, until, paths).await?;
                    add_progress(&mut tx, plan, until - first).await
                });
                async move {
                    let inserted = inserted.await;
                    slice.settle(rows, &inserted);
                    inserted.map(|()| until)
                }
            };
            first = patiently(insert).await?;
            changed();
        }
    }
}

/// Does something until it is done or fails for a reason that stays.
async fn patiently<T, F: Future<Output = Result<T>>>(mut work: impl FnMut() -> F) -> Result<T> {
    let mut attempt = 0;
    loop {
        match work().await {
            Err(error) if passes(&error) => {
                attempt += 1;
                tracing::debug!(%error, attempt, "retrying batch of seed job");
                tokio::time::sleep(backoff(attempt)).await;
            }
            result => return result,
        }
    }
}

/// Whether it can succeed later, as it is or in smaller pieces.
fn passes(error: &Error) -> bool {
    error.is_unavailable() || lost_its_partition(error)
}

/// Whether a row was on its way into the partition for days nobody has foreseen when its day got one: a check without a name.
fn lost_its_partition(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    let failure = error.as_database_error();
    failure.is_some_and(|failure| failure.code().as_deref() == Some("23514") && failure.constraint().is_none())
}

async fn days_without_partition(db: impl PgExecutor<'_>, window: Window) -> Result<Vec<NaiveDate>> {
    const SQL: &str = sql!(
        "SELECT day::date FROM generate_series($1::date, $2::date, interval '1 day') day
         WHERE to_regclass('page_views_' || to_char(day, 'YYYYMMDD')) IS NULL"
    );
    let query = sqlx::query_scalar(SQL).bind(window.start.date_naive()).bind(window.end.date_naive());
    Ok(query.fetch_all(db).await?)
}

/// The numbers of the paths `/seed/page-1` and so on, in this order.
async fn path_ids(db: &mut PgConnection, paths: i64) -> Result<Vec<i64>> {
    const INSERT: &str = sql!(
        "INSERT INTO paths (path) SELECT '/seed/page-' || n FROM generate_series(1, $1) n
         WHERE NOT EXISTS (SELECT FROM paths WHERE path = '/seed/page-' || n) ORDER BY 1 ON CONFLICT DO NOTHING"
    );
    const SEEN: &str = sql!(
        "UPDATE paths SET seen_on = current_date WHERE id IN (SELECT p.id FROM generate_series(1, $1) n
         JOIN paths p ON p.path = '/seed/page-' || n WHERE p.seen_on < current_date ORDER BY p.id FOR UPDATE OF p)"
    );
    const SELECT: &str =
        sql!("SELECT p.id FROM generate_series(1, $1) n JOIN paths p ON p.path = '/seed/page-' || n ORDER BY n");
    for sql in [INSERT, SEEN] {
        sqlx::query(sql).bind(paths).execute(&mut *db).await?;
    }
    let ids = sqlx::query_scalar(SELECT).bind(paths).fetch_all(db).await?;
    if ids.is_empty() { Err(Error::internal("paths are missing")) } else { Ok(ids) }
}

/// Rows number `first` to `end` of a job and their counts. Some paths are viewed much more often than others, and most views
/// are by nobody who is known.
async fn insert_chunk(db: &mut PgConnection, plan: Plan, first: i64, end: i64, paths: Vec<i64>) -> Result<()> {
    const SQL: &str = sql!("WITH made AS (
             INSERT INTO page_views (path_id, user_id, country, created_at, event_id, referrer, device, visitor)
             SELECT ($4::bigint[])[1 + floor(cardinality($4) * random() ^ 2)::int],
                 CASE WHEN random() < 0.2 THEN 1 + floor(random() * 1000) END,
                 ('{US,DE,IN,GB,FR,BR,JP,NL,NULL,NULL}'::text[])[1 + floor(random() * 10)::int],
                 happened, gen_random_uuid(),
                 ('{example.com,search.example,news.example.org,NULL,NULL}'::text[])[1 + floor(random() * 5)::int],
                 ('{desktop,desktop,mobile,mobile,mobile,tablet,other,NULL}'::text[])[1 + floor(random() * 8)::int],
                 CASE WHEN random() < 0.9 THEN lpad(to_hex(
                     (extract(epoch FROM happened)::bigint / 86400) * 65536 + floor(random() * 20000)::bigint), 16, '0') END
             FROM (SELECT $5::timestamptz + ($6::timestamptz - $5) * ((n + random()) / $3) AS happened
                   FROM generate_series($1, $2 - 1) n) moment
             RETURNING path_id, created_at
         ) SELECT add_to_rollups(array_agg(minute), array_agg(path_id), array_agg(views)) FROM (
             SELECT date_bin('1 minute', created_at, 'epoch') AS minute, path_id, count(*) AS views FROM made GROUP BY 1, 2
         ) by_minute");
    sqlx::query(SQL)
        .bind(first)
        .bind(end)
        .bind(plan.rows)
        .bind(paths)
        .bind(plan.window.start)
        .bind(plan.window.end)
        .execute(db)
        .await?;
    Ok(())
}

/// At the end of a transaction: until it is over, the job's other one waits here. Whoever was given up has inserted nothing.
async fn add_progress(db: &mut PgConnection, plan: Plan, rows: i64) -> Result<()> {
    const SQL: &str = sql!(
        "UPDATE seed_jobs SET inserted = inserted + $2, updated_at = now(),
         state = CASE WHEN inserted + $2 = rows THEN 'done' ELSE state END
         WHERE id = $1 AND worker = $3 AND state = 'running' AND inserted + $2 <= rows"
    );
    let updated = sqlx::query(SQL).bind(plan.job).bind(rows).bind(plan.worker).execute(db).await?.rows_affected();
    if updated == 0 {
        Err(Problem::conflict(TAKEN_OVER, "The job was taken over by another process.").into())
    } else {
        Ok(())
    }
}

async fn give_sign(db: &mut PgConnection, plan: Plan) -> Result<()> {
    const SQL: &str =
        sql!("UPDATE seed_jobs SET updated_at = now() WHERE id = $1 AND worker = $2 AND state = 'running'");
    sqlx::query(SQL).bind(plan.job).bind(plan.worker).execute(db).await?;
    Ok(())
}

/// Has the index on time learn where the new rows are; else it would send readers through all of them until the next
/// vacuum. When this fails, as when somebody else is at one of the indexes, that vacuum will do it.
async fn summarize(database: &Database, since: DateTime<Utc>) {
    const SQL: &str = sql!(
        "SELECT brin_summarize_new_values(i.indexrelid)
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin'
             JOIN pg_inherits h ON h.inhrelid = i.indrelid AND h.inhparent = 'page_views'::regclass
             JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname >= 'page_views_' || to_char($1::timestamptz, 'YYYYMMDD')"
    );
    let summarize = move |mut tx: Transaction| async move {
        sqlx::query(SQL).bind(since).execute(&mut *tx).await?;
        Ok(())
    };
    if let Err(error) = database.write_once(summarize).await {
        tracing::debug!(%error, "summarizing BRIN index failed");
    }
}
