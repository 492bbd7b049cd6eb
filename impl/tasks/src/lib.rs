//! The tasks service: users, their projects, and the tasks in them.
//!
//! A request takes two hand-written steps: handler and query. The handler has the logic; the query has the SQL, and takes the
//! caller as an argument, so that objects of others cannot be found.

mod api_tokens;
mod audit;
mod email;
mod login;
mod openid;
mod own_data;
mod passkeys;
mod project_queries;
mod projection;
mod projects;
mod second_factors;
mod sessions;
mod settings;
mod task_list;
mod task_queries;
mod tasks;
mod user_queries;
mod users;
mod verify;

use std::sync::Arc;

use contract::Guarded;
use platform::identity::Accounts;
use platform::openid::OpenId;
use platform::service::{Context, Parts, Service, Verification};
use platform::settings::{InvalidSettings, OpenIdSettings};
use platform::verification::{self, Checked};
use platform::{Access, Database, Limiter, restart_on_panic};
use platform_account_mail::AccountMail;
use tokio::join;

use own_data::{Erasures, Exports};

pub use settings::{DeletionSettings, TasksSettings};
pub use tasks_api::{DOCUMENT, OPERATIONS, router};

/// The state of the handlers.
#[derive(Clone)]
pub struct TasksService {
    database: Database,
    access: Access,
    mail: AccountMail,
    openid: OpenId,
    deletion: DeletionSettings,
    exports: Exports,
    erasures: Erasures,
}

impl TasksService {
    /// A service on a database and the accounts in it, with their mail and the providers to sign in with.
    pub fn new(
        database: Database,
        limiter: Limiter,
        mail: AccountMail,
        openid: OpenId,
        deletion: DeletionSettings,
    ) -> Self {
        let access = Access { accounts: mail.accounts().clone(), limiter };
        Self { database, access, mail, openid, deletion, exports: Exports::default(), erasures: Erasures::default() }
    }

    /// The same with default settings, without mail and providers.
    ///
    /// # Errors
    /// None that is known.
    pub fn plain(database: Database, accounts: Accounts, limiter: Limiter) -> Result<Self, InvalidSettings> {
        let mail = AccountMail::with_mailer(database.clone(), accounts, None);
        let openid = OpenId::new(&OpenIdSettings::default(), database.clone())?;
        Ok(Self::new(database, limiter, mail, openid, DeletionSettings::default()))
    }
}

impl Service for TasksService {
    type Settings = TasksSettings;

    fn build(context: Context<'_>, own: &TasksSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, access, settings, environment } = context;
        let mail = AccountMail::new(database.clone(), access.accounts, &own.mail, environment)?;
        if settings.auth.require_verified_email && !mail.is_sent() {
            return Err(InvalidSettings(
                "REQUIRE_VERIFIED_EMAIL needs MAIL_URL: without mail nobody can verify".into(),
            ));
        }
        own.openid.validate_environment()?;
        let openid = OpenId::new(&own.openid, database.clone())?;
        let service = Self::new(database, access.limiter, mail.clone(), openid.clone(), own.deletion);
        let (jobs, erasures, measured) = (mail.jobs(), service.erasures.clone(), mail.clone());
        let parts = Parts::of(router(Arc::new(service.clone())))
            .with_jobs(erasures.jobs.clone())
            .with_metrics(move |metrics| {
                measured.register(metrics);
                erasures.register(metrics);
                openid.register(metrics);
            })
            .with_background(async move |lifecycle| {
                let erase = || {
                    let (service, end) = (service.clone(), lifecycle.stopping.clone());
                    async move { service.erase_periodically(end).await }
                };
                join!(mail.run(lifecycle.answered.clone()), restart_on_panic(erase));
            });
        Ok(jobs.into_iter().fold(parts, Parts::with_jobs))
    }

    async fn verify(of: &Verification<'_>) -> platform::Result<Vec<Checked>> {
        verification::run(of.database, verify::CHECKS, of.at_rest).await
    }
}

impl Guarded for TasksService {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
