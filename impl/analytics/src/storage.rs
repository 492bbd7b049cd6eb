//! Storing page views: many rows, their events, and what they add to the counts, in one statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use platform::{Database, Result};
use sqlx::PgConnection;
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

/// How often events are asked for that were known and then were not: somebody erases them meanwhile.
const ATTEMPTS: usize = 3;

/// Stores page views; where each is, in their order.
///
/// # Errors
/// Those of the database; nothing is stored then, unless the connection broke before it told so.
pub(crate) async fn insert(database: &Database, known: &Known, views: &Arc<Vec<View>>) -> Result<Vec<Stored>> {
    ensure_days(database, known, views).await?;
    let paths = path_ids(database, known, views).await?;
    let mut places = vec![None; views.len()];
    for _ in 0..ATTEMPTS {
        let batch = Arc::new(Batch::of(views, &paths, &places));
        let (ids, fresh) = insert_rows(database, &batch).await?;
        let found = match fresh.len() == ids.len() {
            true => HashMap::new(),
            false => stored_before(database, batch.events_without(&ids, &fresh)).await?,
        };
        batch.settle(&ids, &fresh, &found, &mut places);
        if let Some(stored) = places.iter().copied().collect() {
            return Ok(stored);
        }
    }
    Err(platform::Error::internal("an event is neither stored nor known"))
}

/// Where events are that were stored by somebody else; in a statement of its own, because one that was stored at the very
/// moment is not in the snapshot of the statement that met it.
async fn stored_before(database: &Database, events: Vec<Uuid>) -> Result<HashMap<Uuid, Stored>> {
    const SQL: &str = "SELECT event_id, id, created_at FROM page_view_events WHERE event_id = ANY($1)";
    let rows: Vec<(Uuid, i64, DateTime<Utc>)> = sqlx::query_as(SQL).bind(events).fetch_all(database.reads()).await?;
    let stored = |(event, id, created_at)| (event, Stored { id, created_at, duplicate: true });
    Ok(rows.into_iter().map(stored).collect())
}

/// Views as a statement takes them: without those of known place, each event once, in the order of events.
struct Batch {
    views: Arc<Vec<View>>,
    paths: Vec<i64>,
    /// Which views are stored, as places in `views` and `paths`.
    firsts: Vec<usize>,
    /// Views whose event comes before them in the batch, with the place of that one among the firsts.
    repeated: Vec<(usize, usize)>,
}

impl Batch {
    fn of(views: &Arc<Vec<View>>, paths: &[i64], places: &[Option<Stored>]) -> Self {
        let mut order: Vec<usize> = (0..views.len()).filter(|&place| places[place].is_none()).collect();
        // Stable: of an event that comes twice the first is stored.
        order.sort_by_key(|&place| views[place].event_id);
        let (mut firsts, mut repeated): (Vec<usize>, _) = (Vec::with_capacity(order.len()), Vec::new());
        for place in order {
            match firsts.last() {
                Some(&last) if views[last].event_id == views[place].event_id => {
                    repeated.push((place, firsts.len() - 1))
                }
                _ => firsts.push(place),
            }
        }
        Self { views: Arc::clone(views), paths: paths.to_vec(), firsts, repeated }
    }

    /// A column of the rows.
    fn column<'a, T>(&'a self, value: impl Fn(&'a View) -> T) -> Vec<T> {
        self.firsts.iter().map(|&place| value(&self.views[place])).collect()
    }

    /// Events whose row was not stored.
    fn events_without(&self, ids: &[i64], fresh: &[i64]) -> Vec<Uuid> {
        let known = self.firsts.iter().zip(ids).filter(|(_, id)| fresh.binary_search(id).is_err());
        known.map(|(&place, _)| self.views[place].event_id).collect()
    }

    /// Where the views are, now that the rows have ids of which the fresh ones are stored.
    fn settle(&self, ids: &[i64], fresh: &[i64], found: &HashMap<Uuid, Stored>, places: &mut [Option<Stored>]) {
        for (&place, id) in self.firsts.iter().zip(ids) {
            let View { created_at, event_id, .. } = self.views[place];
            places[place] = match fresh.binary_search(id) {
                Ok(_) => Some(Stored { id: *id, created_at, duplicate: false }),
                Err(_) => found.get(&event_id).copied(),
            };
        }
        for &(place, first) in &self.repeated {
            places[place] = places[self.firsts[first]].map(|first| Stored { duplicate: true, ..first });
        }
    }
}

/// The ids that were given to the rows, in their order, and those of them that are stored; ascending.
type Ids = (Vec<i64>, Vec<i64>);

async fn insert_rows(database: &Database, batch: &Arc<Batch>) -> Result<Ids> {
    // The statement alone needs neither BEGIN nor COMMIT. One that lost a deadlock has done nothing, and is done again.
    let alone = Arc::clone(batch);
    match database.write_once(move |mut tx| async move { insert_batch(&mut tx, &alone).await }).await {
        Err(error) if error.is_transient() => {
            let batch = Arc::clone(batch);
            database.write(move |mut tx| async move { insert_batch(&mut tx, &batch).await }).await
        }
        result => result,
    }
}

async fn insert_batch(db: &mut PgConnection, batch: &Batch) -> Result<Ids> {
    // Everybody who stores locks events, and nothing else, in the order of their ids.
    const SQL: &str = "WITH input AS MATERIALIZED ( \
             SELECT nextval('page_views_id_seq') AS id, i.* \
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::uuid[], $6::boolean[], \
                         $7::text[], $8::text[], $9::text[], $10::text[]) \
                 AS i (path_id, user_id, country, created_at, event_id, named, referrer, device, visitor, bot) \
         ), events AS ( \
             INSERT INTO page_view_events (event_id, id, created_at) \
             SELECT event_id, id, created_at FROM input WHERE named ORDER BY event_id \
             ON CONFLICT ON CONSTRAINT page_view_events_pkey DO NOTHING RETURNING id \
         ), fresh AS MATERIALIZED ( \
             SELECT * FROM input WHERE NOT named OR id IN (SELECT id FROM events) \
         ), stored AS ( \
             INSERT INTO page_views \
                 (id, path_id, user_id, country, created_at, event_id, referrer, device, visitor, bot) \
             SELECT id, path_id, user_id, country, created_at, event_id, referrer, device, visitor, bot FROM fresh \
         ), counted AS MATERIALIZED ( \
             SELECT add_to_rollups(array_agg(minute), array_agg(path_id), array_agg(views)) FROM ( \
                 SELECT date_bin('1 minute', created_at, 'epoch') AS minute, path_id, count(*) AS views FROM fresh \
                 WHERE bot IS NULL GROUP BY 1, 2) by_minute \
         ) SELECT ARRAY(SELECT id FROM input ORDER BY id), ARRAY(SELECT id FROM fresh ORDER BY id) FROM counted";
    let paths: Vec<i64> = batch.firsts.iter().map(|&place| batch.paths[place]).collect();
    Ok(sqlx::query_as(SQL)
        .bind(paths)
        .bind(batch.column(|view| view.user_id))
        .bind(batch.column(|view| view.country.as_deref()))
        .bind(batch.column(|view| view.created_at))
        .bind(batch.column(|view| view.event_id))
        .bind(batch.column(|view| view.named))
        .bind(batch.column(|view| view.referrer.as_deref()))
        .bind(batch.column(|view| view.device))
        .bind(batch.column(|view| view.visitor.as_deref()))
        .bind(batch.column(|view| view.bot))
        .fetch_one(db)
        .await?)
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
