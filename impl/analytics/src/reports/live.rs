//! The last minute, live: once a second, however many watch, the database is asked by whoever comes first.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use analytics_api::models::LiveMinute;
use axum::response::sse::Event;
use chrono::{DateTime, TimeDelta, Utc};
use contract::EventStream;
use futures_util::{StreamExt as _, stream};
use platform::{Database, Result, shares, sql};
use sqlx::postgres::PgExecutor;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// What is known in this process. Clones are one.
#[derive(Clone)]
pub(crate) struct Live {
    database: Database,
    newest: Arc<Mutex<Newest>>,
}

#[derive(Default)]
struct Newest {
    /// The second that was asked about last; of it nothing is known when the database has failed.
    asked: DateTime<Utc>,
    minute: Option<LiveMinute>,
}

impl Live {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, newest: Arc::default() }
    }

    /// The minute that ends now, and so on each second, for so long. Seconds in which the database fails are left out.
    ///
    /// # Errors
    /// Those of the database, before the first event.
    pub(crate) async fn events(&self, patience: Duration) -> Result<EventStream> {
        let first = match self.minute().await? {
            Some(minute) => minute,
            // It failed for somebody else a moment ago.
            None => self.count(this_second()).await?,
        };
        let (live, until) = (self.clone(), Instant::now() + patience);
        let later = stream::unfold(first.at, move |last| {
            let live = live.clone();
            async move { live.after(last, until).await.map(|minute| (minute.clone(), minute.at)) }
        });
        let minutes = stream::iter([first]).chain(later);
        Ok(Box::pin(minutes.map(|minute| Ok::<_, Infallible>(encoded(minute)))))
    }

    /// The minute that ends with a later second; nothing when it would be too late.
    async fn after(&self, last: DateTime<Utc>, until: Instant) -> Option<LiveMinute> {
        loop {
            let rest = (this_second() + TimeDelta::seconds(1) - Utc::now()).to_std().unwrap_or_default();
            let next = Instant::now() + rest;
            if next > until {
                sleep_until(until).await;
                return None;
            }
            sleep_until(next).await;
            match self.minute().await {
                Ok(Some(minute)) if minute.at > last => return Some(minute),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "live statistics unavailable for this second"),
            }
        }
    }

    /// One statement a second for all who watch.
    async fn count(&self, at: DateTime<Utc>) -> Result<LiveMinute> {
        shares::for_everybody(count(self.database.reads(), at)).await
    }

    /// The minute that ends with this second. Others wait for the one that asks, and none asks again.
    async fn minute(&self) -> Result<Option<LiveMinute>> {
        let mut newest = self.newest.lock().await;
        let at = this_second();
        if newest.asked < at {
            *newest = Newest { asked: at, minute: None };
            newest.minute = Some(self.count(at).await?);
        }
        Ok(newest.minute.clone())
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Live")
    }
}

fn this_second() -> DateTime<Utc> {
    DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap_or_default()
}

async fn count(db: impl PgExecutor<'_>, at: DateTime<Utc>) -> Result<LiveMinute> {
    const SQL: &str =
        sql!("SELECT count(*) FROM page_views WHERE bot IS NULL AND created_at >= $1 AND created_at < $2");
    let query = sqlx::query_scalar(SQL).bind(at - TimeDelta::seconds(60)).bind(at);
    Ok(LiveMinute { at, count: query.fetch_one(db).await? })
}

fn encoded(minute: LiveMinute) -> Event {
    // A number and a time: writing them into memory cannot fail.
    let data = serde_json::to_string(&minute).unwrap_or_default();
    Event::default().id(minute.at.timestamp().to_string()).event("minute").data(data)
}
