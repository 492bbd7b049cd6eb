//! What time does to page views: partitions are made before they are needed, and dropped when nobody wants them any more.

use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use platform::{Database, Result};
use tokio_util::sync::CancellationToken;

use crate::{AnalyticsService, rollups};

const INTERVAL: Duration = Duration::from_secs(3_600);
/// After a failure.
const SOON: Duration = Duration::from_secs(30);
/// Days that are there before anybody needs them.
const AHEAD: u64 = 3;
/// Events that were named longer ago than this may be forgotten, at most so many by one statement.
const FORGET: i64 = 20_000;

impl AnalyticsService {
    /// Looks after the tables until it is told to stop; any number of processes may.
    pub(crate) async fn maintain(&self, shutdown: CancellationToken) {
        loop {
            let pause = match self.tidy().await {
                Ok(()) => INTERVAL,
                Err(error) => {
                    tracing::warn!(%error, "page views are not looked after");
                    SOON
                }
            };
            // Processes that began together do not go on together.
            let pause = pause.mul_f64(rand::random_range(0.5..=1.0));
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round of [`AnalyticsService::maintain`].
    ///
    /// # Errors
    /// Those of the database; what was done before stays done.
    pub async fn tidy(&self) -> Result<()> {
        let today = Utc::now().date_naive();
        for ahead in 0..=AHEAD {
            make_day(&self.database, today.checked_add_days(Days::new(ahead)).unwrap_or(today)).await?;
        }
        let oldest = (Utc::now() - self.retention).date_naive();
        for day in days_before(&self.database, oldest).await? {
            drop_day(&self.database, day).await?;
        }
        while forget_events(&self.database).await? == FORGET.unsigned_abs() {}
        Ok(())
    }
}

async fn make_day(database: &Database, day: NaiveDate) -> Result<()> {
    database
        .write_once(move |mut tx| async move {
            sqlx::query("SELECT ensure_page_views_of($1)").bind(day).execute(&mut *tx).await?;
            Ok(())
        })
        .await
}

/// Days that have a partition and are over for good.
async fn days_before(database: &Database, oldest: NaiveDate) -> Result<Vec<NaiveDate>> {
    const SQL: &str = "SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'page_views'::regclass AND c.relname ~ '^page_views_[0-9]{8}$' \
           AND to_date(right(c.relname, 8), 'YYYYMMDD') < $1 ORDER BY 1";
    Ok(sqlx::query_scalar(SQL).bind(oldest).fetch_all(database.reads()).await?)
}

/// Rows and counts go together, so that they agree at every instant.
async fn drop_day(database: &Database, day: NaiveDate) -> Result<()> {
    rollups::forget_day(database, day).await?;
    tracing::info!(%day, "page views are dropped");
    Ok(())
}

async fn forget_events(database: &Database) -> Result<u64> {
    const SQL: &str = "DELETE FROM page_view_events WHERE ctid = ANY (ARRAY( \
         SELECT ctid FROM page_view_events WHERE stored_at < now() - interval '7 days' LIMIT $1 FOR UPDATE SKIP LOCKED))";
    database
        .write_once(|mut tx| async move { Ok(sqlx::query(SQL).bind(FORGET).execute(&mut *tx).await?.rows_affected()) })
        .await
}
