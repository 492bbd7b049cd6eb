//! The SQL of made-up page views: rows are made by the database, some ten thousand a transaction, with their counts.

use analytics_api::models::{SeedJob, SeedJobState};
use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use platform::{Columns, Database, Error, Result, Transaction};
use sqlx::postgres::{PgConnection, PgExecutor, PgRow};

use crate::window::Window;

/// Rows of a transaction; its statement takes a fraction of the time statements have.
const CHUNK: i64 = 25_000;
const CHUNK_STEP: usize = CHUNK as usize;
/// Transactions at once.
const AT_ONCE: usize = 2;

/// What a job makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) job: i64,
    pub(crate) rows: i64,
    pub(crate) paths: i64,
    /// When the views happen: evenly, in the order of time, as they would have come in.
    pub(crate) window: Window,
}

/// The row of a new job.
pub(crate) async fn insert_job(db: &mut PgConnection, rows: i64, paths: i64) -> Result<SeedJob> {
    const SQL: &str = "INSERT INTO seed_jobs (rows, paths) VALUES ($1, $2) \
         RETURNING id, state, rows, inserted, created_at, updated_at";
    Ok(job(&sqlx::query(SQL).bind(rows).bind(paths).fetch_one(db).await?)?)
}

/// A job as it is; one that has been silent for a minute has died with its process.
pub(crate) async fn find_job(db: impl PgExecutor<'_>, id: i64) -> Result<Option<SeedJob>> {
    const SQL: &str = "SELECT id, CASE WHEN state = 'running' AND updated_at < now() - interval '1 minute' \
             THEN 'failed' ELSE state END, rows, inserted, created_at, updated_at FROM seed_jobs WHERE id = $1";
    let row = sqlx::query(SQL).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(job).transpose()?)
}

/// A job that cannot go on.
pub(crate) async fn fail_job(db: &mut PgConnection, id: i64) -> Result<()> {
    const SQL: &str = "UPDATE seed_jobs SET state = 'failed', updated_at = now() WHERE id = $1";
    sqlx::query(SQL).bind(id).execute(db).await?;
    Ok(())
}

fn job(row: &PgRow) -> sqlx::Result<SeedJob> {
    let mut columns = Columns::of(row);
    Ok(SeedJob {
        id: columns.take()?,
        state: match columns.take::<&str>()? {
            "running" => SeedJobState::Running,
            "done" => SeedJobState::Done,
            _ => SeedJobState::Failed,
        },
        rows: columns.take()?,
        inserted: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
    })
}

/// Makes all rows of a job; `changed` is called after each commit that others can see.
///
/// # Errors
/// Those of the database; chunks that were inserted before stay.
pub(crate) async fn insert_all(database: &Database, plan: Plan, changed: impl Fn()) -> Result<()> {
    for day in days_without_partition(database.reads(), plan.window).await? {
        database
            .write_once(move |mut tx| async move {
                sqlx::query("SELECT ensure_page_views_of($1)").bind(day).execute(&mut *tx).await?;
                Ok(())
            })
            .await?;
    }
    let paths = database.write(move |mut tx| async move { path_ids(&mut tx, plan.paths).await }).await?;
    let chunk = |first: i64| {
        let paths = paths.clone();
        let insert = move |mut tx: Transaction| async move {
            let end = (first + CHUNK).min(plan.rows);
            insert_chunk(&mut tx, plan, first, end, paths).await?;
            add_progress(&mut tx, plan.job, end - first).await
        };
        let (insert, changed) = (database.write(insert), &changed);
        async move {
            insert.await?;
            changed();
            Ok::<_, Error>(())
        }
    };
    stream::iter((0..plan.rows).step_by(CHUNK_STEP)).map(chunk).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    summarize(database, plan.window.start).await;
    Ok(())
}

async fn days_without_partition(db: impl PgExecutor<'_>, window: Window) -> Result<Vec<NaiveDate>> {
    const SQL: &str = "SELECT day::date FROM generate_series($1::date, $2::date, interval '1 day') day \
         WHERE to_regclass('page_views_' || to_char(day, 'YYYYMMDD')) IS NULL";
    let query = sqlx::query_scalar(SQL).bind(window.start.date_naive()).bind(window.end.date_naive());
    Ok(query.fetch_all(db).await?)
}

/// The numbers of the paths `/seed/page-1` and so on, in this order.
async fn path_ids(db: &mut PgConnection, paths: i64) -> Result<Vec<i64>> {
    const INSERT: &str = "INSERT INTO paths (path) SELECT '/seed/page-' || n FROM generate_series(1, $1) n \
         WHERE NOT EXISTS (SELECT FROM paths WHERE path = '/seed/page-' || n) ORDER BY 1 ON CONFLICT DO NOTHING";
    const SELECT: &str =
        "SELECT p.id FROM generate_series(1, $1) n JOIN paths p ON p.path = '/seed/page-' || n ORDER BY n";
    sqlx::query(INSERT).bind(paths).execute(&mut *db).await?;
    let ids = sqlx::query_scalar(SELECT).bind(paths).fetch_all(db).await?;
    if ids.is_empty() { Err(Error::internal("paths are missing")) } else { Ok(ids) }
}

/// Rows number `first` to `end` of a job and their counts. Some paths are viewed much more often than others, and most views
/// are by nobody who is known.
async fn insert_chunk(db: &mut PgConnection, plan: Plan, first: i64, end: i64, paths: Vec<i64>) -> Result<()> {
    const SQL: &str = "WITH made AS ( \
             INSERT INTO page_views (path_id, user_id, country, created_at, event_id, referrer, device, visitor) \
             SELECT ($4::bigint[])[1 + floor(cardinality($4) * random() ^ 2)::int], \
                 CASE WHEN random() < 0.2 THEN 1 + floor(random() * 1000) END, \
                 ('{US,DE,IN,GB,FR,BR,JP,NL,NULL,NULL}'::text[])[1 + floor(random() * 10)::int], \
                 happened, gen_random_uuid(), \
                 ('{example.com,search.example,news.example.org,NULL,NULL}'::text[])[1 + floor(random() * 5)::int], \
                 ('{desktop,desktop,mobile,mobile,mobile,tablet,other,NULL}'::text[])[1 + floor(random() * 8)::int], \
                 CASE WHEN random() < 0.9 THEN lpad(to_hex( \
                     (extract(epoch FROM happened)::bigint / 86400) * 65536 + floor(random() * 20000)::bigint), 16, '0') END \
             FROM (SELECT $5::timestamptz + ($6::timestamptz - $5) * ((n + random()) / $3) AS happened \
                   FROM generate_series($1, $2 - 1) n) moment \
             RETURNING path_id, created_at \
         ) SELECT add_to_rollups(array_agg(minute), array_agg(path_id), array_agg(views)) FROM ( \
             SELECT date_bin('1 minute', created_at, 'epoch') AS minute, path_id, count(*) AS views FROM made GROUP BY 1, 2 \
         ) by_minute";
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

/// At the end of a transaction: until it is over, the job's other one waits here.
async fn add_progress(db: &mut PgConnection, job: i64, rows: i64) -> Result<()> {
    const SQL: &str = "UPDATE seed_jobs SET inserted = inserted + $2, updated_at = now(), \
         state = CASE WHEN inserted + $2 = rows THEN 'done' ELSE state END WHERE id = $1";
    sqlx::query(SQL).bind(job).bind(rows).execute(db).await?;
    Ok(())
}

/// Has the index on time learn where the new rows are; else it would send readers through all of them until the next
/// vacuum. When this fails, as when somebody else is at one of the indexes, that vacuum will do it.
async fn summarize(database: &Database, since: DateTime<Utc>) {
    const SQL: &str = "SELECT brin_summarize_new_values(i.indexrelid) \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin' \
             JOIN pg_inherits h ON h.inhrelid = i.indrelid AND h.inhparent = 'page_views'::regclass \
             JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname >= 'page_views_' || to_char($1, 'YYYYMMDD')";
    let summarize = move |mut tx: Transaction| async move {
        sqlx::query(SQL).bind(since).execute(&mut *tx).await?;
        Ok(())
    };
    if let Err(error) = database.write_once(summarize).await {
        tracing::debug!(%error, "the index on time is not summarized");
    }
}
