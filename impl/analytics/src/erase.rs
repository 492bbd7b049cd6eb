//! Erasing page views, with what they added to the counts. Each batch is a transaction: counts and rows agree at every
//! instant, and what was erased stays erased when the rest has to wait.

use std::time::{Duration, Instant};

use analytics_api::models::Erased;
use chrono::{DateTime, Utc};
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
        let (rows, chosen) = database
            .write(move |mut tx| async move {
                let gone = delete_rows(&mut tx, &whose).await?;
                lower_counts(&mut tx, &gone).await?;
                Ok((gone.rows, gone.chosen))
            })
            .await?;
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

/// What is gone: rows, and how often each path was viewed in each minute, hour and day.
#[derive(Default)]
struct Gone {
    rows: i64,
    /// How many there were at first; some of them may have been erased by somebody else meanwhile.
    chosen: i64,
    minutes: Vec<i16>,
    starts: Vec<DateTime<Utc>>,
    paths: Vec<i64>,
    views: Vec<i64>,
}

async fn delete_rows(db: &mut PgConnection, whose: &Whose) -> Result<Gone> {
    // Rows that another erasure holds are waited for, and then they are not there any more. Two rows of the answer, of
    // width 0, are numbers of rows: gone, and chosen.
    macro_rules! delete {
        ($whose:literal) => {
            concat!(
                "WITH chosen AS MATERIALIZED (SELECT id, created_at FROM page_views WHERE ",
                $whose,
                " ORDER BY id LIMIT $2), \
                 gone AS (DELETE FROM page_views v USING chosen c \
                     WHERE v.id = c.id AND v.created_at = c.created_at \
                     RETURNING v.id, v.created_at, v.path_id, v.event_id, v.bot), \
                 forgotten AS (DELETE FROM page_view_events e USING gone g \
                     WHERE e.event_id = g.event_id AND e.id = g.id) \
                 SELECT 0::smallint, 'epoch'::timestamptz, 0::bigint, count(*) FROM gone \
                 UNION ALL SELECT 0::smallint, 'epoch', 1::bigint, count(*) FROM chosen \
                 UNION ALL (SELECT w.minutes, date_bin(w.minutes * interval '1 minute', g.created_at, 'epoch'), \
                     g.path_id, count(*) \
                 FROM gone g CROSS JOIN (VALUES (1::smallint), (60::smallint), (1440::smallint)) AS w (minutes) \
                 WHERE g.bot IS NULL GROUP BY 1, 2, 3)"
            )
        };
    }
    let query = match whose {
        Whose::User(user) => sqlx::query_as(delete!("user_id = $1")).bind(*user),
        Whose::Visitor(visitor) => sqlx::query_as(delete!("visitor = $1")).bind(visitor),
    };
    let rows: Vec<(i16, DateTime<Utc>, i64, i64)> = query.bind(BATCH).fetch_all(db).await?;
    let mut gone = Gone::default();
    for (minutes, start, path, views) in rows {
        match (minutes, path) {
            (0, 0) => gone.rows = views,
            (0, _) => gone.chosen = views,
            _ => {}
        }
        if minutes == 0 {
            continue;
        }
        gone.minutes.push(minutes);
        gone.starts.push(start);
        gone.paths.push(path);
        gone.views.push(views);
    }
    Ok(gone)
}

async fn lower_counts(db: &mut PgConnection, gone: &Gone) -> Result<()> {
    // In the order in which everybody who counts locks them.
    const LOCK: &str = "SELECT FROM path_counts c \
         JOIN unnest($1::smallint[], $2::timestamptz[], $3::bigint[]) AS g (minutes, start, path_id) \
             USING (minutes, start, path_id) ORDER BY minutes, start, path_id FOR UPDATE OF c";
    const LOWER: &str = "UPDATE path_counts c SET views = c.views - g.views \
         FROM unnest($1::smallint[], $2::timestamptz[], $3::bigint[], $4::bigint[]) AS g (minutes, start, path_id, views) \
         WHERE c.minutes = g.minutes AND c.start = g.start AND c.path_id = g.path_id";
    const REMOVE: &str = "DELETE FROM path_counts c \
         USING unnest($1::smallint[], $2::timestamptz[], $3::bigint[]) AS g (minutes, start, path_id) \
         WHERE c.minutes = g.minutes AND c.start = g.start AND c.path_id = g.path_id AND c.views = 0";
    if gone.views.is_empty() {
        return Ok(());
    }
    let Gone { minutes, starts, paths, views, .. } = gone;
    sqlx::query(LOCK).bind(minutes).bind(starts).bind(paths).execute(&mut *db).await?;
    sqlx::query(LOWER).bind(minutes).bind(starts).bind(paths).bind(views).execute(&mut *db).await?;
    sqlx::query(REMOVE).bind(minutes).bind(starts).bind(paths).execute(&mut *db).await?;
    Ok(())
}
