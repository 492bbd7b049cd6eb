//! Storing page views: many rows, their events, and what they add to the counts, in one statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use platform::{Database, Result};
use uuid::Uuid;

/// Paths a process remembers the numbers of; some hundred bytes each.
const REMEMBERED: usize = 50_000;

/// A page view to be stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) path: String,
    pub(crate) user_id: Option<i64>,
    /// Two capital letters.
    pub(crate) country: Option<String>,
    /// When it happened.
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) event_id: Uuid,
    /// Whether the client has named the event, so that it may come again.
    pub(crate) named: bool,
    pub(crate) referrer: Option<String>,
    pub(crate) device: Option<&'static str>,
    pub(crate) visitor: Option<String>,
    /// Why it is not counted.
    pub(crate) bot: Option<&'static str>,
}

/// Where a page view is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) created_at: DateTime<Utc>,
    /// Whether its event had been stored before; then it is that row.
    pub(crate) duplicate: bool,
}

/// What a process knows of the tables, so that it need not ask each time.
#[derive(Debug, Default)]
pub(crate) struct Known {
    paths: Mutex<HashMap<String, i64>>,
    days: Mutex<Vec<NaiveDate>>,
}

/// Stores page views; where each is, in their order.
///
/// # Errors
/// Those of the database; nothing is stored then, unless the connection broke at the commit.
pub(crate) async fn insert(database: &Database, known: &Known, views: &[View]) -> Result<Vec<Stored>> {
    ensure_days(database, known, views).await?;
    let paths = path_ids(database, known, views).await?;
    let stored = insert_rows(database, columns(views, &paths)).await?;
    found_elsewhere(database, views, stored).await
}

/// An event that another transaction has stored at the very moment is not in the statement's snapshot; it is now.
async fn found_elsewhere(database: &Database, views: &[View], stored: Vec<Row>) -> Result<Vec<Stored>> {
    const SQL: &str = "SELECT event_id, id, created_at FROM page_view_events WHERE event_id = ANY($1)";
    let missing: Vec<Uuid> =
        views.iter().zip(&stored).filter(|(_, (id, ..))| id.is_none()).map(|(view, _)| view.event_id).collect();
    let mut found: HashMap<Uuid, (i64, DateTime<Utc>)> = HashMap::new();
    if !missing.is_empty() {
        let rows: Vec<(Uuid, i64, DateTime<Utc>)> =
            sqlx::query_as(SQL).bind(missing).fetch_all(database.reads()).await?;
        found.extend(rows.into_iter().map(|(event, id, created_at)| (event, (id, created_at))));
    }
    let place = |(view, row): (&View, Row)| match row {
        (Some(id), Some(created_at), duplicate) => Ok(Stored { id, created_at, duplicate }),
        _ => match found.get(&view.event_id) {
            Some((id, created_at)) => Ok(Stored { id: *id, created_at: *created_at, duplicate: true }),
            None => Err(platform::Error::internal("an event is neither stored nor known")),
        },
    };
    views.iter().zip(stored).map(place).collect()
}

/// Rows as the statement takes them.
#[derive(Debug, Clone, Default)]
struct Columns {
    paths: Vec<i64>,
    users: Vec<Option<i64>>,
    countries: Vec<Option<String>>,
    times: Vec<DateTime<Utc>>,
    events: Vec<Uuid>,
    named: Vec<bool>,
    referrers: Vec<Option<String>>,
    devices: Vec<Option<&'static str>>,
    visitors: Vec<Option<String>>,
    bots: Vec<Option<&'static str>>,
}

fn columns(views: &[View], paths: &[i64]) -> Arc<Columns> {
    let mut columns = Columns { paths: paths.to_vec(), ..Columns::default() };
    for view in views {
        columns.users.push(view.user_id);
        columns.countries.push(view.country.clone());
        columns.times.push(view.created_at);
        columns.events.push(view.event_id);
        columns.named.push(view.named);
        columns.referrers.push(view.referrer.clone());
        columns.devices.push(view.device);
        columns.visitors.push(view.visitor.clone());
        columns.bots.push(view.bot);
    }
    Arc::new(columns)
}

/// Id and time of a row, if the statement knows them, and whether it is a repetition.
type Row = (Option<i64>, Option<DateTime<Utc>>, bool);

async fn insert_rows(database: &Database, rows: Arc<Columns>) -> Result<Vec<Row>> {
    // Everybody who stores locks events, and nothing else, in the order of their ids. Of an event that comes twice in one batch
    // the first is stored.
    const SQL: &str = "WITH input AS ( \
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::uuid[], $6::boolean[], \
                                  $7::text[], $8::text[], $9::text[], $10::text[]) WITH ORDINALITY \
                 AS i (path_id, user_id, country, created_at, event_id, named, referrer, device, visitor, bot, place) \
         ), firsts AS MATERIALIZED ( \
             SELECT nextval('page_views_id_seq') AS id, f.* \
             FROM (SELECT DISTINCT ON (event_id) * FROM input ORDER BY event_id, place) f \
         ), events AS ( \
             INSERT INTO page_view_events (event_id, id, created_at) \
             SELECT event_id, id, created_at FROM firsts WHERE named ORDER BY event_id \
             ON CONFLICT ON CONSTRAINT page_view_events_pkey DO NOTHING RETURNING event_id \
         ), stored AS ( \
             INSERT INTO page_views \
                 (id, path_id, user_id, country, created_at, event_id, referrer, device, visitor, bot) \
             SELECT id, path_id, user_id, country, created_at, event_id, referrer, device, visitor, bot FROM firsts \
             WHERE NOT named OR event_id IN (SELECT event_id FROM events) ORDER BY id \
             RETURNING id, path_id, created_at, event_id, bot \
         ), counted AS MATERIALIZED ( \
             SELECT add_to_rollups(array_agg(minute), array_agg(path_id), array_agg(views)) FROM ( \
                 SELECT date_bin('1 minute', created_at, 'epoch') AS minute, path_id, count(*) AS views FROM stored \
                 WHERE bot IS NULL GROUP BY 1, 2) by_minute \
         ) SELECT coalesce(s.id, e.id), coalesce(s.created_at, e.created_at), s.id IS NULL OR f.place <> i.place \
         FROM counted CROSS JOIN input i JOIN firsts f USING (event_id) LEFT JOIN stored s USING (event_id) \
         LEFT JOIN page_view_events e ON s.id IS NULL AND e.event_id = i.event_id ORDER BY i.place";
    // A transaction, and not the statement alone, because one that loses a deadlock is then done again.
    database
        .write(move |mut tx| async move {
            Ok(sqlx::query_as(SQL)
                .bind(&rows.paths)
                .bind(&rows.users)
                .bind(&rows.countries)
                .bind(&rows.times)
                .bind(&rows.events)
                .bind(&rows.named)
                .bind(&rows.referrers)
                .bind(&rows.devices)
                .bind(&rows.visitors)
                .bind(&rows.bots)
                .fetch_all(&mut *tx)
                .await?)
        })
        .await
}

/// The numbers of the views' paths; new ones are put into the dictionary.
async fn path_ids(database: &Database, known: &Known, views: &[View]) -> Result<Vec<i64>> {
    // What another process inserts at this moment is waited for, and then found by the second statement.
    const INSERT: &str = "INSERT INTO paths (path) SELECT DISTINCT p FROM unnest($1::text[]) p \
         WHERE NOT EXISTS (SELECT FROM paths WHERE path = p) ORDER BY p ON CONFLICT DO NOTHING";
    const FIND: &str = "SELECT path, id FROM paths WHERE path = ANY($1)";
    let mut ids: Vec<Option<i64>> = {
        let paths = known.paths.lock().unwrap_or_else(PoisonError::into_inner);
        views.iter().map(|view| paths.get(&view.path).copied()).collect()
    };
    let mut unknown: Vec<String> =
        views.iter().zip(&ids).filter(|(_, id)| id.is_none()).map(|(view, _)| view.path.clone()).collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        unknown.dedup();
        let found: Vec<(String, i64)> = database
            .write(move |mut tx| async move {
                sqlx::query(INSERT).bind(&unknown).execute(&mut *tx).await?;
                Ok(sqlx::query_as(FIND).bind(&unknown).fetch_all(&mut *tx).await?)
            })
            .await?;
        let new: HashMap<String, i64> = found.into_iter().collect();
        for (id, view) in ids.iter_mut().zip(views).filter(|(id, _)| id.is_none()) {
            *id = new.get(&view.path).copied();
        }
        let mut paths = known.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if paths.len() + new.len() > REMEMBERED {
            paths.clear();
        }
        paths.extend(new);
    }
    let ids: Option<Vec<i64>> = ids.into_iter().collect();
    ids.ok_or_else(|| platform::Error::internal("a path has no number"))
}

/// Sees to it that the days of the views have partitions.
async fn ensure_days(database: &Database, known: &Known, views: &[View]) -> Result<()> {
    const SQL: &str = "SELECT ensure_page_views_of(day) FROM unnest($1::date[]) day";
    let mut days: Vec<NaiveDate> = {
        let known = known.days.lock().unwrap_or_else(PoisonError::into_inner);
        views.iter().map(|view| view.created_at.date_naive()).filter(|day| !known.contains(day)).collect()
    };
    if days.is_empty() {
        return Ok(());
    }
    days.sort_unstable();
    days.dedup();
    let wanted = days.clone();
    database
        .write_once(move |mut tx| async move {
            sqlx::query(SQL).bind(wanted).execute(&mut *tx).await?;
            Ok(())
        })
        .await?;
    known.days.lock().unwrap_or_else(PoisonError::into_inner).extend(days);
    Ok(())
}
