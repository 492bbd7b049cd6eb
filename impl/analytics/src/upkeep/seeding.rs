//! Made-up page views. A job is a row; it goes on when its request does not wait any longer, and what it has inserted is
//! in the row at every instant.

use std::time::Duration;

use analytics_api::apis::seeding::{GetSeedJobParams, GetSeedJobResponse, SeedParams, SeedResponse, Seeding};
use analytics_api::models::{SeedJob, Seeded};
use chrono::TimeDelta;
use contract::Problem;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};
use platform::identity::Principal;
use platform::{Error, Result, Transaction};
use tokio::time::timeout;
use uuid::Uuid;

use crate::upkeep::seed_rows::{self, Plan};
use crate::{AnalyticsService, reports::window::Window};

/// How long a request waits for its job: clients of the older service expect a response when it is done.
const PATIENCE: Duration = Duration::from_secs(25);
/// Views are spread over this time until now.
const SPREAD: TimeDelta = TimeDelta::days(30);
/// Clocks of databases and processes may differ by less; no view is in the future of any.
const AGO: TimeDelta = TimeDelta::seconds(1);

impl Seeding for AnalyticsService {
    async fn seed(&self, caller: Option<Principal>, params: SeedParams) -> Result<SeedResponse> {
        self.may_seed(caller.as_ref())?;
        let worker = Uuid::new_v4();
        let job = self
            .database
            .write_once(move |mut tx| async move {
                seed_rows::insert_job(&mut tx, params.rows, params.unique_paths, worker).await
            })
            .await?;
        let id = job.id;
        let plan = self.plan(&job, params.unique_paths, worker);
        let work = tokio::spawn(self.clone().run_job(plan));
        match timeout(PATIENCE, self.leaving.run_until_cancelled(work)).await {
            Ok(Some(Ok(Err(error)))) if !is_left(&error) => Err(error),
            Ok(Some(Ok(Ok(())))) => Ok(SeedResponse::Ok(Seeded { inserted: params.rows })),
            Ok(Some(Err(panic))) => Err(Error::internal(panic)),
            _ => {
                let body = seed_rows::find_job(self.database.reads(), id).await?.unwrap_or(job);
                Ok(SeedResponse::Accepted { body, location: format!("/api/p3/analytics/seed-jobs/{id}") })
            }
        }
    }

    async fn get_seed_job(&self, caller: Option<Principal>, params: GetSeedJobParams) -> Result<GetSeedJobResponse> {
        self.may_seed(caller.as_ref())?;
        let job: Option<SeedJob> = seed_rows::find_job(self.database.reads(), params.job_id).await?;
        let missing = || Problem::not_found("seed_job_not_found", "Seed job not found.");
        Ok(GetSeedJobResponse::Ok(job.ok_or_else(missing)?))
    }
}

impl AnalyticsService {
    /// Anybody in development; else superusers.
    fn may_seed(&self, caller: Option<&Principal>) -> Result<(), Problem> {
        const CHALLENGE: HeaderValue =
            HeaderValue::from_static(r#"Bearer error="insufficient_scope", scope="superuser""#);
        const NAME: HeaderName = WWW_AUTHENTICATE;
        match caller {
            _ if !self.environment.is_production() => Ok(()),
            Some(caller) if caller.is_superuser() => Ok(()),
            Some(_) => Err(Problem::forbidden("insufficient_scope", "This operation requires a superuser.")
                .with_header(NAME, CHALLENGE)),
            None => Err(Problem::unauthorized("missing_token", "This operation requires a bearer token.")),
        }
    }

    fn plan(&self, job: &SeedJob, paths: i64, worker: Uuid) -> Plan {
        let end = job.created_at - AGO;
        // Nothing that would be dropped at once.
        let window = Window { start: end - SPREAD.min(self.retention), end };
        Plan { job: job.id, rows: job.rows, paths, worker, inserted: job.inserted, window }
    }

    /// Goes on with jobs whose processes have died; how many.
    ///
    /// # Errors
    /// Those of the database. A job goes on by itself, and how it ends is told in its row.
    pub async fn resume_seeds(&self) -> Result<usize> {
        for resumed in 0.. {
            let worker = Uuid::new_v4();
            let taken = move |mut tx: Transaction| async move { seed_rows::take_over(&mut tx, worker).await };
            let Some((job, paths)) = self.database.write_once(taken).await? else { return Ok(resumed) };
            tracing::info!(job_id = job.id, inserted = job.inserted, "seed job resumed");
            tokio::spawn(self.clone().run_job(self.plan(&job, paths, worker)));
        }
        Ok(0)
    }

    /// Does the whole job, and says in its row how it ended.
    async fn run_job(self, plan: Plan) -> Result<()> {
        let result = seed_rows::insert_all(&self.database, plan, || self.top_paths.changed()).await;
        if let Err(error) = &result
            && !is_left(error)
        {
            tracing::warn!(%error, job_id = plan.job, "seed job failed");
            // When this fails as well, somebody takes it over and finds the same.
            let fail =
                move |mut tx: Transaction| async move { seed_rows::fail_job(&mut tx, plan.job, plan.worker).await };
            let _ = self.database.write_once(fail).await;
        }
        result
    }
}

/// Whether somebody else goes on with the job: he has taken it over, or will, because a commit whose outcome was not known has made
/// more rows than this worker knows of.
fn is_left(error: &Error) -> bool {
    matches!(error, Error::Problem(problem) if problem.code() == seed_rows::TAKEN_OVER)
}
