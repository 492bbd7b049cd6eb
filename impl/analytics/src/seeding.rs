//! Made-up page views. A job is a row; it goes on when its request does not wait any longer, and what it has inserted is
//! in the row at every instant.

use std::time::Duration;

use analytics_api::apis::seeding::{GetSeedJobParams, GetSeedJobResponse, SeedParams, SeedResponse, Seeding};
use analytics_api::models::{SeedJob, Seeded};
use chrono::{TimeDelta, Utc};
use contract::Problem;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};
use platform::identity::Principal;
use platform::{Error, Result};
use tokio::time::timeout;

use crate::seed_rows::{self, Plan};
use crate::{AnalyticsService, window::Window};

/// How long a request waits for its job: clients of the older service know of no other answer than that it is done.
const PATIENCE: Duration = Duration::from_secs(25);
/// Views are spread over this time until now.
const SPREAD: TimeDelta = TimeDelta::days(30);
/// Clocks of databases and processes may differ by less; no view is in the future of any.
const AGO: TimeDelta = TimeDelta::seconds(1);

impl Seeding for AnalyticsService {
    async fn seed(&self, caller: Option<Principal>, params: SeedParams) -> Result<SeedResponse> {
        self.may_seed(caller.as_ref())?;
        let job = self
            .database
            .write_once(
                move |mut tx| async move { seed_rows::insert_job(&mut tx, params.rows, params.unique_paths).await },
            )
            .await?;
        let id = job.id;
        let end = Utc::now() - AGO;
        let plan = Plan {
            job: id,
            rows: params.rows,
            paths: params.unique_paths,
            // Nothing that would be dropped at once.
            window: Window { start: end - SPREAD.min(self.retention), end },
        };
        let work = tokio::spawn(self.clone().run_job(plan));
        match timeout(PATIENCE, self.leaving.run_until_cancelled(work)).await {
            Ok(Some(Ok(done))) => done.map(|()| SeedResponse::Ok(Seeded { inserted: params.rows })),
            Ok(Some(Err(panic))) => Err(Error::internal(panic)),
            Ok(None) | Err(_) => {
                let body = seed_rows::find_job(self.database.reads(), id).await?.unwrap_or(job);
                Ok(SeedResponse::Accepted { body, location: format!("/api/p3/analytics/seed-jobs/{id}") })
            }
        }
    }

    async fn get_seed_job(&self, caller: Option<Principal>, params: GetSeedJobParams) -> Result<GetSeedJobResponse> {
        self.may_seed(caller.as_ref())?;
        let job: Option<SeedJob> = seed_rows::find_job(self.database.reads(), params.job_id).await?;
        let missing = || Problem::not_found("seed_job_not_found", "There is no such seed job.");
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
            Some(_) => {
                Err(Problem::forbidden("insufficient_scope", "Only a superuser may do this.")
                    .with_header(NAME, CHALLENGE))
            }
            None => Err(Problem::unauthorized("missing_token", "This operation needs a bearer token.")),
        }
    }

    /// Does the whole job, and says in its row how it ended.
    async fn run_job(self, plan: Plan) -> Result<()> {
        let result = seed_rows::insert_all(&self.database, plan, || self.top_paths.changed()).await;
        if let Err(error) = &result {
            tracing::warn!(%error, job = plan.job, "a seed job failed");
            // When this fails as well, the job is known to have failed as soon as it has been silent for a while.
            let fail = move |mut tx: platform::Transaction| async move { seed_rows::fail_job(&mut tx, plan.job).await };
            let _ = self.database.write_once(fail).await;
        }
        result
    }
}
