//! The SQL of made-up page views: rows are made by the database, some ten thousand a transaction, with their counts.

use analytics_api::models::{SeedJob, SeedJobState};
use chrono::{DateTime, TimeDelta, Utc};
use platform::{Columns, Database, Error, Result};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgExecutor, PgRow};

use crate::window::Window;

/// Rows of a transaction; its statement takes a fraction of the time statements have.
const CHUNK: i64 = 25_000;

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
    let days = (plan.window.end.date_naive() - plan.window.start.date_naive()).num_days();
    for day in 0..=days {
        let day = plan.window.start.date_naive() + TimeDelta::days(day);
        database
            .write_once(move |mut tx| async move {
                sqlx::query("SELECT ensure_page_views_of($1)").bind(day).execute(&mut *tx).await?;
                Ok(())
            })
            .await?;
    }
    let paths = database.write(move |mut tx| async move { path_ids(&mut tx, plan.paths).await }).await?;
    let mut first = 0;
    while first < plan.rows {
        let (end, paths) = ((first + CHUNK).min(plan.rows), paths.clone());
        database.write(move |mut tx| async move { insert_chunk(&mut tx, plan, first, end, paths).await }).await?;
        changed();
        first = end;
    }
    summarize(database, plan.window.start).await
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

/// Rows number `first` to `end` of a job, their counts, and the job's progress. Some paths are viewed much more often than
/// others, and most views are by nobody who is known.
async fn insert_chunk(db: &mut PgConnection, plan: Plan, first: i64, end: i64, paths: Vec<i64>) -> Result<()> {
    const SQL: &str = "WITH made AS ( \
             INSERT INTO page_views (path_id, user_id, country, created_at, event_id, referrer, device, visitor) \
             SELECT ($5::bigint[])[1 + floor(cardinality($5) * random() ^ 2)::int], \
                 CASE WHEN random() < 0.2 THEN 1 + floor(random() * 1000) END, \
                 ('{US,DE,IN,GB,FR,BR,JP,NL,NULL,NULL}'::text[])[1 + floor(random() * 10)::int], \
                 happened, gen_random_uuid(), \
                 ('{example.com,search.example,news.example.org,NULL,NULL}'::text[])[1 + floor(random() * 5)::int], \
                 ('{desktop,desktop,mobile,mobile,mobile,tablet,other,NULL}'::text[])[1 + floor(random() * 8)::int], \
                 CASE WHEN random() < 0.9 THEN lpad(to_hex( \
                     (extract(epoch FROM happened)::bigint / 86400) * 65536 + floor(random() * 20000)::bigint), 16, '0') END \
             FROM (SELECT $6::timestamptz + ($7::timestamptz - $6) * ((n + random()) / $4) AS happened \
                   FROM generate_series($2, $3 - 1) n) moment \
             RETURNING path_id, created_at \
         ), counted AS ( \
             INSERT INTO path_counts AS c (minutes, start, path_id, views) \
             SELECT w.minutes, date_bin(w.minutes * interval '1 minute', m.created_at, 'epoch'), m.path_id, count(*) \
             FROM made m CROSS JOIN (VALUES (1::smallint), (60::smallint), (1440::smallint)) AS w (minutes) \
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 \
             ON CONFLICT ON CONSTRAINT path_counts_pkey DO UPDATE SET views = c.views + excluded.views \
         ) UPDATE seed_jobs SET inserted = $3, updated_at = now(), state = CASE WHEN $3 = rows THEN 'done' ELSE state END \
         WHERE id = $1";
    sqlx::query(SQL)
        .bind(plan.job)
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

/// Has the index on time learn where the new rows are; else it would send readers through all of them until the next
/// vacuum. Whoever else is at a partition's index does as much, so that nothing is waited for.
async fn summarize(database: &Database, since: DateTime<Utc>) -> Result<()> {
    const INDEXES: &str = "SELECT i.indexrelid::bigint FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin' \
             JOIN pg_inherits h ON h.inhrelid = i.indrelid AND h.inhparent = 'page_views'::regclass \
             JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname >= 'page_views_' || to_char($1, 'YYYYMMDD')";
    let indexes = sqlx::query(INDEXES).bind(since).fetch_all(database.reads()).await?;
    for row in indexes {
        let index: i64 = row.try_get(0)?;
        let summarized = database
            .write_once(move |mut tx| async move {
                sqlx::query("SELECT brin_summarize_new_values($1::oid::regclass)")
                    .bind(index)
                    .execute(&mut *tx)
                    .await?;
                Ok(())
            })
            .await;
        if let Err(error) = summarized {
            tracing::debug!(%error, "an index is summarized by somebody else");
        }
    }
    Ok(())
}
