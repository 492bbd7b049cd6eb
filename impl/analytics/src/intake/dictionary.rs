//! The dictionary of paths: numbers for paths, for whoever stores views. What is new is bounded, because everything that is
//! counted is counted by path: so many new ones a minute for one reporter, so many a day and in all. Views of the others are
//! stored and counted under one path whose name says so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{NaiveDate, Utc};
use contract::Problem;
use platform::slices::remove_in_slices;
use platform::{Database, Result, Transaction, pair, sql};
use prometheus_client::metrics::counter::Counter;
use sqlx::postgres::PgRow;

use crate::intake::page_view::{Reporter, View};
use crate::intake::path_limits::{PathLimits, Taken};

/// The path of views whose own path is not in the dictionary, and may not become part of it now.
pub(crate) const OTHER: &str = "(other)";
/// Paths a process remembers the numbers of; some hundred bytes each.
const REMEMBERED: usize = 50_000;
/// How often numbers are asked for while the database becomes another.
const ATTEMPTS: usize = 3;

/// What a process knows of the dictionary.
#[derive(Debug)]
pub(crate) struct Dictionary {
    limits: PathLimits,
    known: Mutex<Known>,
    taken: Mutex<Taken>,
    pub(crate) others: Counter,
}

/// What is remembered of the dictionary: in one history of the database, as others may have other numbers.
#[derive(Debug, Default)]
struct Known {
    history: u64,
    /// Numbers, and the day on which it was noted that the path is viewed: known for that day only.
    numbers: HashMap<String, (i64, NaiveDate)>,
}

/// Numbers of paths.
#[derive(Debug)]
pub(crate) struct Numbered {
    /// The history of the database in which they hold.
    pub(crate) history: u64,
    /// Of each view its number, and whether that is the path's own.
    pub(crate) paths: Vec<(i64, bool)>,
}

impl Dictionary {
    pub(crate) fn new(limits: PathLimits) -> Self {
        Self { limits, known: Mutex::default(), taken: Mutex::default(), others: Counter::default() }
    }

    /// The numbers of the views' paths.
    ///
    /// # Errors
    /// Those of the database; 503 while it changes.
    pub(crate) async fn numbers(&self, database: &Database, views: &[View]) -> Result<Numbered> {
        for _ in 0..ATTEMPTS {
            if let Some(numbered) = self.in_one_history(database, views).await? {
                return Ok(numbered);
            }
        }
        Err(Problem::unavailable("database_unavailable", "The database is unavailable; try again.", 2).into())
    }

    /// The database of this history is written to now: what is remembered of another is forgotten.
    pub(crate) fn enter(&self, history: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.history != history {
            *known = Known { history, numbers: HashMap::new() };
        }
    }

    /// Nothing when the database became another meanwhile.
    async fn in_one_history(&self, database: &Database, views: &[View]) -> Result<Option<Numbered>> {
        let today = Utc::now().date_naive();
        let mut numbers: HashMap<&str, i64> = HashMap::new();
        let mut unknown: Vec<(&str, Reporter)> = Vec::new();
        let history = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for view in views {
                match known.numbers.get(&view.path) {
                    Some((id, day)) if *day == today => drop(numbers.insert(&view.path, *id)),
                    _ => unknown.push((&view.path, view.reporter)),
                }
            }
            known.history
        };
        // Each once, with who came first.
        unknown.sort_by_key(|(path, _)| *path);
        unknown.dedup_by_key(|(path, _)| *path);
        if !unknown.is_empty() {
            let paths: Vec<String> = unknown.iter().map(|(path, _)| (*path).to_owned()).collect();
            let found = database.write(move |mut tx| async move { seen(&mut tx, paths, today).await }).await?;
            let Some(found) = self.of(history, found) else { return Ok(None) };
            let mut found: HashMap<String, i64> = found.into_iter().collect();
            let missing: Vec<_> = unknown.into_iter().filter(|(path, _)| !found.contains_key(*path)).collect();
            for made in self.make(database, missing, today).await? {
                let Some(made) = self.of(history, made) else { return Ok(None) };
                found.extend(made);
            }
            self.remember(&found, today, history);
            for view in views {
                if let Some(id) = found.get(&view.path) {
                    numbers.insert(&view.path, *id);
                }
            }
        }
        let others = views.iter().filter(|view| !numbers.contains_key(view.path.as_str())).count();
        let mut other = 0;
        if others > 0 {
            let found = self.other(database, today, history).await?;
            let Some(found) = self.of(history, found) else { return Ok(None) };
            other = found;
        }
        self.others.inc_by(others as u64);
        let number = |view: &View| numbers.get(view.path.as_str()).map_or((other, false), |id| (*id, true));
        Ok(Some(Numbered { history, paths: views.iter().map(number).collect() }))
    }

    /// What was found, if it was in this history.
    fn of<T>(&self, history: u64, (found, its_history): (T, u64)) -> Option<T> {
        self.enter(its_history);
        (its_history == history).then_some(found)
    }

    /// Puts those of the paths into the dictionary that their reporters may, while there is room.
    async fn make(
        &self,
        database: &Database,
        missing: Vec<(&str, Reporter)>,
        today: NaiveDate,
    ) -> Result<Vec<(Vec<(String, i64)>, u64)>> {
        const SQL: &str = sql!("SELECT path, id FROM make_paths($1, $2, $3, $4)");
        let PathLimits { a_day, in_all, .. } = self.limits;
        let (mut trusted, mut wanted) = (Vec::new(), Vec::new());
        {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            for (path, reporter) in missing {
                match reporter {
                    Reporter::Superuser => trusted.push(path.to_owned()),
                    _ if taken.take(reporter, self.limits) => wanted.push(path.to_owned()),
                    _ => {}
                }
            }
        }
        let mut made = Vec::new();
        for (paths, a_day) in [(trusted, i64::MAX), (wanted, a_day.into())] {
            if !paths.is_empty() {
                let make = move |mut tx: Transaction| async move {
                    let query = sqlx::query(SQL).bind(paths).bind(today).bind(a_day).bind(i64::from(in_all));
                    Ok((numbered(&query.fetch_all(&mut *tx).await?)?, tx.history()))
                };
                made.push(database.write(make).await?);
            }
        }
        Ok(made)
    }

    /// The number of the path that stands for all others, and the history in which that was found.
    async fn other(&self, database: &Database, today: NaiveDate, history: u64) -> Result<(i64, u64)> {
        const SQL: &str = sql!(
            "INSERT INTO paths AS p (path, seen_on) VALUES ($1, $2) ON CONFLICT (path)
             DO UPDATE SET seen_on = greatest(p.seen_on, excluded.seen_on) RETURNING id"
        );
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).numbers.get(OTHER).copied();
        if let Some((id, day)) = known
            && day == today
        {
            return Ok((id, history));
        }
        let (id, found_in) = database
            .write(move |mut tx| async move {
                let id = sqlx::query_scalar(SQL).bind(OTHER).bind(today).fetch_one(&mut *tx).await?;
                Ok((id, tx.history()))
            })
            .await?;
        self.remember(&HashMap::from([(OTHER.to_owned(), id)]), today, found_in);
        Ok((id, found_in))
    }

    /// Unless the database has become another since.
    fn remember(&self, found: &HashMap<String, i64>, today: NaiveDate, history: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.history != history {
            return;
        }
        if known.numbers.len() + found.len() > REMEMBERED {
            known.numbers.clear();
        }
        known.numbers.extend(found.iter().map(|(path, id)| (path.clone(), (*id, today))));
    }
}

/// Those of the paths that are in the dictionary, with it noted that they are viewed today; and the history of the database.
async fn seen(tx: &mut Transaction, paths: Vec<String>, today: NaiveDate) -> Result<(Vec<(String, i64)>, u64)> {
    // Who finds one that is being removed waits, and then does not find it.
    const NOTE: &str = sql!(
        "UPDATE paths SET seen_on = $2 WHERE id IN (
         SELECT id FROM paths WHERE path = ANY($1) AND seen_on < $2 ORDER BY id FOR UPDATE)"
    );
    const FIND: &str = sql!("SELECT path, id FROM paths WHERE path = ANY($1)");
    sqlx::query(NOTE).bind(&paths).bind(today).execute(&mut **tx).await?;
    Ok((numbered(&sqlx::query(FIND).bind(&paths).fetch_all(&mut **tx).await?)?, tx.history()))
}

fn numbered(rows: &[PgRow]) -> Result<Vec<(String, i64)>> {
    Ok(rows.iter().map(|row| pair(row, "path", "id")).collect::<sqlx::Result<_>>()?)
}

/// Removes some paths that nobody has viewed since a day; how many.
///
/// # Errors
/// Those of the database.
pub(crate) async fn forget(database: &Database, since: NaiveDate, most: i64) -> Result<u64> {
    const SQL: &str = sql!(
        "WITH gone AS (DELETE FROM paths WHERE id = ANY (ARRAY(
             SELECT id FROM paths WHERE seen_on < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1
         ), known AS (UPDATE path_dictionary SET total = total - (SELECT count(*) FROM gone))
         SELECT count(*) FROM gone"
    );
    remove_in_slices(database, most, move |mut tx, most| async move {
        let gone: i64 = sqlx::query_scalar(SQL).bind(since).bind(most).fetch_one(&mut *tx).await?;
        Ok(gone.cast_unsigned())
    })
    .await
}

/// How many paths there are; what was put there or removed past the services is counted, too.
///
/// # Errors
/// Those of the database.
pub(crate) async fn count(database: &Database) -> Result<i64> {
    const SQL: &str = sql!("UPDATE path_dictionary SET total = (SELECT count(*) FROM paths) RETURNING total");
    let total: Option<i64> = database
        .write_once(|mut tx| async move { Ok(sqlx::query_scalar(SQL).fetch_optional(&mut *tx).await?) })
        .await?;
    Ok(total.unwrap_or(0))
}
