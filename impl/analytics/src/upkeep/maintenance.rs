//! What time does to page views: partitions are made before they are needed, and dropped when nobody wants them any more.

use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use platform::slices::{delete_in_slices, remove_in_slices};
use platform::{Database, Result, first_failure, sql};
use tokio_util::sync::CancellationToken;

use crate::intake::ingest::BACK;
use crate::{AnalyticsService, counts::rollups, intake::dictionary, upkeep::erase, upkeep::seed_rows};

const INTERVAL: Duration = Duration::from_secs(3_600);
/// After a failure.
const SOON: Duration = Duration::from_secs(30);
/// Days that are there before anybody needs them.
const AHEAD: u64 = 3;
/// Most rows removed by one statement.
const ROWS: i64 = 20_000;
/// How often one looks for users who are deleted, and for seed jobs that nobody works on.
const LOOK: Duration = Duration::from_secs(5);

impl AnalyticsService {
    /// Looks after the tables until it is told to stop; any number of processes may.
    pub(crate) async fn maintain(&self, shutdown: CancellationToken) {
        let job = self.jobs.job("maintenance", INTERVAL).at_once().after_failure(SOON);
        job.every(INTERVAL, shutdown, || self.tidy()).await;
    }

    /// Does what has been left to the background until it is told to stop: erases the page views of deleted users, and goes
    /// on with seed jobs.
    pub(crate) async fn catch_up(&self, shutdown: CancellationToken) {
        let erasing = self.jobs.job("erasing", LOOK).every(LOOK, shutdown.clone(), || self.erase_deleted_users());
        let seeding = self.jobs.job("seeding", SOON * 10).every(SOON, shutdown, || self.resume_seeds());
        tokio::join!(erasing, seeding);
    }

    /// Erases the page views of users who were deleted.
    ///
    /// # Errors
    /// Those of the database; what was erased before stays erased.
    pub async fn erase_deleted_users(&self) -> Result<()> {
        let erased = erase::of_deleted_users(&self.database).await;
        if !matches!(erased, Ok(0)) {
            self.top_paths.changed();
        }
        erased.map(drop)
    }

    /// One round of [`AnalyticsService::maintain`]. What cannot be done keeps nothing else from being done.
    ///
    /// # Errors
    /// The first of those of the database; what was done before stays done.
    pub async fn tidy(&self) -> Result<()> {
        let (today, oldest) = (Utc::now().date_naive(), (Utc::now() - self.retention).date_naive());
        // Of what may still be reported, and of what will be.
        let days = oldest.max(today - BACK).iter_days().take_while(|day| *day <= today + Days::new(AHEAD));
        let mut done = Vec::new();
        for day in days {
            done.push(make_day(&self.database, day).await);
        }
        done.push(self.drop_days(oldest).await);
        // A view may be dated a little ahead of the day on which it was noted that its path is viewed.
        let unseen = oldest - Days::new(2);
        done.push(forget_rows(&self.database, oldest).await.map(drop));
        done.push(forget_events(&self.database).await.map(drop));
        done.push(seed_rows::forget_jobs(&self.database, ROWS).await.map(drop));
        done.push(dictionary::forget(&self.database, unseen, ROWS).await.map(drop));
        let paths = dictionary::count(&self.database).await;
        done.push(paths.map(|paths| {
            self.paths.set(paths);
        }));
        done.push(self.salts.forget(&self.database, today - BACK).await);
        first_failure(done)
    }

    async fn drop_days(&self, oldest: NaiveDate) -> Result<()> {
        let mut done = Vec::new();
        for day in days_before(&self.database, oldest).await? {
            done.push(drop_day(&self.database, day).await);
        }
        first_failure(done)
    }
}

async fn make_day(database: &Database, day: NaiveDate) -> Result<()> {
    database
        .write_once(move |mut tx| async move {
            sqlx::query(sql!("SELECT ensure_page_views_of($1)")).bind(day).execute(&mut *tx).await?;
            Ok(())
        })
        .await
}

/// Days that have a partition and are over for good.
async fn days_before(database: &Database, oldest: NaiveDate) -> Result<Vec<NaiveDate>> {
    const SQL: &str = sql!(
        "SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'page_views'::regclass AND c.relname ~ '^page_views_[0-9]{8}$'
           AND to_date(right(c.relname, 8), 'YYYYMMDD') < $1 ORDER BY 1"
    );
    Ok(sqlx::query_scalar(SQL).bind(oldest).fetch_all(database.reads()).await?)
}

/// Rows and counts go together, so that they agree at every instant.
async fn drop_day(database: &Database, day: NaiveDate) -> Result<()> {
    rollups::forget_day(database, day).await?;
    tracing::info!(%day, "partition of page views dropped");
    Ok(())
}

/// Rows that are too old and have no partition which could be dropped. The database takes them from the counts (migration V013).
/// What the role may do it may do with the table, not with a partition by its name; that no other is looked at the times say.
async fn forget_rows(database: &Database, oldest: NaiveDate) -> Result<u64> {
    const SQL: &str = sql!(
        "DELETE FROM page_views WHERE (created_at, id) IN (
         SELECT created_at, id FROM page_views WHERE created_at < $1::timestamp AT TIME ZONE 'UTC'
         ORDER BY created_at, id LIMIT $2) AND created_at < $1::timestamp AT TIME ZONE 'UTC'"
    );
    remove_in_slices(database, ROWS, move |mut tx, most| async move {
        Ok(sqlx::query(SQL).bind(oldest).bind(most).execute(&mut *tx).await?.rows_affected())
    })
    .await
}

async fn forget_events(database: &Database) -> Result<u64> {
    const SQL: &str = sql!("DELETE FROM page_view_events WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM page_view_events WHERE stored_at < now() - interval '7 days' LIMIT $1 FOR UPDATE SKIP LOCKED))");
    delete_in_slices(database, ROWS, SQL).await
}
