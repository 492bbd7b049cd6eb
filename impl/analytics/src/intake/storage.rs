//! Storing page views: many rows, their events, and what they add to the counts, in one statement.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use platform::{Columns, Database, Result, Transaction, pair, sql};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::intake::dictionary::Dictionary;
use crate::intake::page_view::View;

/// Where a page view is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) created_at: DateTime<Utc>,
    /// Whether its event had been stored before; then it is that row.
    pub(crate) duplicate: bool,
    /// Whether it counts under the path of those that have none of their own.
    pub(crate) other: bool,
    /// Whether it was the same reporter who has it stored.
    pub(crate) own: bool,
}

/// How often events are asked for that were known and then were not (somebody erases them meanwhile), and paths that got other numbers.
const ATTEMPTS: usize = 3;

/// Stores page views; where each is, in their order.
///
/// # Errors
/// Those of the database; nothing is stored then, unless the connection broke before it told so.
pub(crate) async fn insert(
    database: &Database,
    dictionary: &Dictionary,
    views: &Arc<Vec<View>>,
) -> Result<Vec<Stored>> {
    let mut numbered = dictionary.numbers(database, views).await?;
    let mut places = vec![None; views.len()];
    for _ in 0..ATTEMPTS {
        let batch = Arc::new(Batch::of(views, &numbered.paths, &places));
        let (ids, fresh) = match insert_rows(database, &batch, numbered.history).await? {
            Ok(ids) => ids,
            // After a failover or a restore the numbers may be those of other paths.
            Err(history) => {
                dictionary.enter(history);
                numbered = dictionary.numbers(database, views).await?;
                continue;
            }
        };
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
async fn stored_before(database: &Database, events: Vec<Uuid>) -> Result<HashMap<Uuid, Known>> {
    const SQL: &str = sql!("SELECT event_id, id, created_at, reporter FROM page_view_events WHERE event_id = ANY($1)");
    let rows = sqlx::query(SQL).bind(events).fetch_all(database.reads()).await?;
    let known = |row| {
        let mut columns = Columns::of(row);
        let event = columns.get("event_id")?;
        let (id, created_at) = (columns.get("id")?, columns.get("created_at")?);
        Ok((event, Known { id, created_at, reporter: columns.get("reporter")? }))
    };
    Ok(rows.iter().map(known).collect::<sqlx::Result<_>>()?)
}

/// An event that had been stored before.
struct Known {
    id: i64,
    created_at: DateTime<Utc>,
    reporter: Option<String>,
}

/// Views as a statement takes them: without those of known place, each event once, in the order of events.
struct Batch {
    views: Arc<Vec<View>>,
    paths: Vec<(i64, bool)>,
    /// Which views are stored, as places in `views` and `paths`.
    firsts: Vec<usize>,
    /// Views whose event comes before them in the batch, with the place of that one among the firsts.
    repeated: Vec<(usize, usize)>,
}

impl Batch {
    fn of(views: &Arc<Vec<View>>, paths: &[(i64, bool)], places: &[Option<Stored>]) -> Self {
        let mut order: Vec<usize> = (0..views.len()).filter(|&place| places[place].is_none()).collect();
        // Stable: of an event that comes twice the first is stored.
        order.sort_by_key(|&place| views[place].event_id);
        let (mut firsts, mut repeated): (Vec<usize>, _) = (Vec::with_capacity(order.len()), Vec::new());
        for place in order {
            match firsts.last() {
                Some(&last) if views[last].event_id == views[place].event_id => {
                    repeated.push((place, firsts.len() - 1));
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
    fn settle(&self, ids: &[i64], fresh: &[i64], found: &HashMap<Uuid, Known>, places: &mut [Option<Stored>]) {
        for (&place, id) in self.firsts.iter().zip(ids) {
            let View { created_at, event_id, ref signatures, .. } = self.views[place];
            places[place] = match fresh.binary_search(id) {
                Ok(_) => {
                    let other = !self.paths[place].1;
                    Some(Stored { id: *id, created_at, duplicate: false, other, own: true })
                }
                Err(_) => found.get(&event_id).map(|known| {
                    let own = known.reporter.as_ref().is_some_and(|reporter| signatures.contains(reporter));
                    Stored { id: known.id, created_at: known.created_at, duplicate: true, other: false, own }
                }),
            };
        }
        for &(place, first) in &self.repeated {
            let first = self.firsts[first];
            let own = self.views[place].signatures == self.views[first].signatures;
            places[place] = places[first].map(|stored| Stored { duplicate: true, own: own && stored.own, ..stored });
        }
    }
}

/// The ids that were given to the rows, in their order, and those of them that are stored; ascending.
type Ids = (Vec<i64>, Vec<i64>);

/// Stores the rows in the database of this history; in any other nothing, but yields its history.
async fn insert_rows(database: &Database, batch: &Arc<Batch>, history: u64) -> Result<Result<Ids, u64>> {
    let insert = |batch: Arc<Batch>| {
        move |mut tx: Transaction| async move {
            match tx.history() {
                same if same == history => Ok(Ok(insert_batch(&mut tx, &batch).await?)),
                other => Ok(Err(other)),
            }
        }
    };
    // The statement alone needs neither BEGIN nor COMMIT. One that lost a deadlock has done nothing, and is done again.
    match database.write_once(insert(Arc::clone(batch))).await {
        Err(error) if error.is_transient() => database.write(insert(Arc::clone(batch))).await,
        result => result,
    }
}

async fn insert_batch(db: &mut PgConnection, batch: &Batch) -> Result<Ids> {
    // Everybody who stores locks events, and nothing else, in the order of their ids.
    const SQL: &str = sql!("WITH input AS MATERIALIZED (
             SELECT nextval('page_views_id_seq') AS id, i.*
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::uuid[], $6::boolean[],
                         $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[], $12::text[])
                 AS i (path_id, user_id, country, created_at, event_id, named, referrer, device, visitor, bot,
                       user_claimed, reporter)
         ), events AS (
             INSERT INTO page_view_events (event_id, id, created_at, reporter)
             SELECT event_id, id, created_at, reporter FROM input WHERE named ORDER BY event_id
             ON CONFLICT ON CONSTRAINT page_view_events_pkey DO NOTHING RETURNING id
         ), fresh AS MATERIALIZED (
             SELECT * FROM input WHERE NOT named OR id IN (SELECT id FROM events)
         ), stored AS (
             INSERT INTO page_views
                 (id, path_id, user_id, country, created_at, event_id, named, referrer, device, visitor, bot, user_claimed)
             SELECT id, path_id, user_id, country, created_at, event_id, named, referrer, device, visitor, bot, user_claimed
             FROM fresh
         ), counted AS MATERIALIZED (
             SELECT add_to_rollups(array_agg(minute), array_agg(path_id), array_agg(views)) FROM (
                 SELECT date_bin('1 minute', created_at, 'epoch') AS minute, path_id, count(*) AS views FROM fresh
                 WHERE bot IS NULL GROUP BY 1, 2) by_minute
         ) SELECT ARRAY(SELECT id FROM input ORDER BY id) AS input, ARRAY(SELECT id FROM fresh ORDER BY id) AS fresh FROM counted");
    let paths: Vec<i64> = batch.firsts.iter().map(|&place| batch.paths[place].0).collect();
    let row = sqlx::query(SQL)
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
        .bind(batch.column(|view| view.user_claimed))
        .bind(batch.column(|view| view.signatures.first().map(String::as_str)))
        .fetch_one(db)
        .await?;
    Ok(pair(&row, "input", "fresh")?)
}
