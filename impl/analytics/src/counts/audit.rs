//! Whether counts are what the rows add up to, looked at all the time and a little at a time: what came lately, what was wrong
//! before, and a page of all the rest. `server verify` looks at everything; this is cheap enough to go on for ever.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use platform::{Reads, Result, pair, sql};

use crate::counts::rollup_metrics::RollupMetrics;
use crate::reports::window::{DAY, floor};

/// How often a round is made.
pub(crate) const INTERVAL: Duration = Duration::from_secs(30);
/// Page views of a page, and of what came lately.
const ROWS: i64 = 100_000;
/// How long ago lately is.
const LATELY: TimeDelta = TimeDelta::minutes(15);
/// Minutes that were wrong before and are looked at again.
const AGAIN: usize = 20;

/// What is known from round to round. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Minutes, and days whose widths do not agree, that were found wrong.
    minutes: BTreeSet<DateTime<Utc>>,
    days: BTreeSet<DateTime<Utc>>,
    /// Where the next page begins.
    next: Option<DateTime<Utc>>,
}

impl Audit {
    /// One round: how many spans are known to be wrong.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn round(&self, db: &Reads, metrics: &RollupMetrics) -> Result<usize> {
        let now = Utc::now();
        let (next, again) =
            self.look(|known| (known.next, known.minutes.iter().take(AGAIN).copied().collect::<Vec<DateTime<Utc>>>()));
        let mut pages = vec![lately(db, now).await?];
        let from = match next {
            Some(next) => Some(next),
            None => first_day(db).await?,
        };
        let page = match from {
            Some(from) => Some(page(db, from).await?),
            None => None,
        };
        pages.extend(page.filter(|(from, _)| *from < now));
        pages.extend(again.into_iter().map(|minute| (minute, minute + TimeDelta::minutes(1))));
        for (from, until) in pages {
            let (rows, wrong) = wrong_minutes(db, from, until).await?;
            metrics.audited.inc_by(rows.unsigned_abs());
            self.look(|known| {
                known.minutes.retain(|minute| *minute < from || *minute >= until);
                known.minutes.extend(wrong);
            });
        }
        for day in [Some(now), page.map(|(from, _)| from)].into_iter().flatten().map(|time| floor(time, DAY)) {
            let agrees = widths_agree(db, day).await?;
            self.look(|known| if agrees { known.days.remove(&day) } else { known.days.insert(day) });
        }
        let wrong = self.look(|known| {
            // After the last page the first one follows.
            known.next = page.map(|(_, until)| until).filter(|until| *until < now);
            known.minutes.len() + known.days.len()
        });
        if wrong > 0 {
            tracing::error!(intervals = wrong, "page view rollups inconsistent with page views");
        }
        metrics.audits.inc();
        metrics.mismatched.set(i64::try_from(wrong).unwrap_or(i64::MAX));
        Ok(wrong)
    }

    fn look<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Range = (DateTime<Utc>, DateTime<Utc>);

/// The minutes that ended lately and the one that goes on, unless these are too many views: then fewer of them.
async fn lately(db: &Reads, now: DateTime<Utc>) -> Result<Range> {
    const SQL: &str = sql!(
        "SELECT min(start) FILTER (WHERE until_now <= $2) AS few, coalesce(max(until_now) > $2, false) AS too_many
         FROM (SELECT start, sum(sum(views)) OVER (ORDER BY start DESC) AS until_now
               FROM view_rollups WHERE minutes = 1 AND start >= $1 GROUP BY start) m"
    );
    let from = floor(now - LATELY, 1);
    let (few, too_many): (Option<DateTime<Utc>>, bool) =
        pair(&sqlx::query(SQL).bind(from).bind(ROWS).fetch_one(db).await?, "few", "too_many")?;
    let begins = match few {
        // Rows that nobody has counted have no block, either: all minutes, unless some are too many.
        _ if !too_many => from,
        Some(few) => few,
        None => floor(now, 1),
    };
    Ok((begins, now + TimeDelta::minutes(6)))
}

async fn first_day(db: &Reads) -> Result<Option<DateTime<Utc>>> {
    const SQL: &str = sql!("SELECT min(start) FROM view_rollups WHERE minutes = 1440");
    Ok(sqlx::query_scalar(SQL).fetch_one(db).await?)
}

/// From a time on as many minutes as have not too many views, at most those of a day; at least one.
async fn page(db: &Reads, from: DateTime<Utc>) -> Result<Range> {
    const SQL: &str = sql!(
        "SELECT min(start) FROM (SELECT start, sum(sum(views)) OVER (ORDER BY start) AS so_far
             FROM view_rollups WHERE minutes = 1 AND start >= $1 AND start < $2 GROUP BY start) m WHERE so_far > $3"
    );
    let end = floor(from, DAY) + TimeDelta::minutes(DAY);
    let too_many: Option<DateTime<Utc>> = sqlx::query_scalar(SQL).bind(from).bind(end).bind(ROWS).fetch_one(db).await?;
    Ok((from, too_many.map_or(end, |too_many| too_many.max(from + TimeDelta::minutes(1)))))
}

/// How many rows there are from one time to another, and the minutes that are counted otherwise. One statement sees one instant.
async fn wrong_minutes(db: &Reads, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<(i64, Vec<DateTime<Utc>>)> {
    const SQL: &str = sql!(
        "WITH stored AS MATERIALIZED (
             SELECT date_bin('1 minute', created_at, 'epoch') AS start, path_id, count(*) AS views FROM page_views
             WHERE bot IS NULL AND created_at >= $1 AND created_at < $2 GROUP BY 1, 2
         ), counted AS (
             SELECT start, path_id, sum(views) AS views FROM (
                 SELECT start, unnest(paths) AS path_id, unnest(counts) AS views FROM view_rollups
                 WHERE minutes = 1 AND start >= $1 AND start < $2) c GROUP BY 1, 2 HAVING sum(views) <> 0
         ) SELECT (SELECT coalesce(sum(views), 0) FROM stored)::bigint AS stored, ARRAY(
             SELECT DISTINCT start FROM counted c FULL JOIN stored r USING (start, path_id)
             WHERE c.views IS DISTINCT FROM r.views ORDER BY start LIMIT 1000) AS wrong"
    );
    Ok(pair(&sqlx::query(SQL).bind(from).bind(until).fetch_one(db).await?, "stored", "wrong")?)
}

/// Whether the counts of a day come to the same in every width, and those of its week to those of the week's days.
async fn widths_agree(db: &Reads, day: DateTime<Utc>) -> Result<bool> {
    const SQL: &str = sql!("SELECT (SELECT count(DISTINCT views) <= 1 FROM (
             SELECT coalesce(sum(r.views), 0) AS views FROM unnest('{1,5,15,60,240,1440}'::smallint[]) AS w (minutes)
             LEFT JOIN view_rollups r ON r.minutes = w.minutes AND r.start >= $1 AND r.start < $1 + interval '1 day'
             GROUP BY w.minutes) widths)
         AND (SELECT coalesce(sum(views), 0) FROM view_rollups WHERE minutes = 10080 AND start = date_bin('7 days', $1, 'epoch'))
           = (SELECT coalesce(sum(views), 0) FROM view_rollups WHERE minutes = 1440
                AND start >= date_bin('7 days', $1, 'epoch') AND start < date_bin('7 days', $1, 'epoch') + interval '7 days')");
    Ok(sqlx::query_scalar(SQL).bind(day).fetch_one(db).await?)
}
