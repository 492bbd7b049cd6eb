//! The tasks service: users, their projects, and the tasks in them.
//!
//! A request takes two hand-written steps: handler and query. The handler has the logic; the query has the SQL, and takes the
//! caller as an argument, so that objects of others cannot be found.

mod api_tokens;
mod audit;
mod email;
mod login;
mod project_queries;
mod projection;
mod projects;
mod sessions;
mod task_list;
mod task_queries;
mod tasks;
mod user_queries;
mod users;

use std::sync::Arc;

use contract::Guarded;
use platform::identity::Accounts;
use platform::service::{Context, Parts, Service};
use platform::settings::InvalidSettings;
use platform::{Access, Database, Limiter};
use platform_account_mail::AccountMail;
use platform_mail::MailSettings;

pub use tasks_api::{DOCUMENT, OPERATIONS, router};

/// The state of the handlers.
#[derive(Clone)]
pub struct TasksService {
    database: Database,
    access: Access,
    mail: AccountMail,
}

impl TasksService {
    /// A service on a database and the accounts in it, with their mail.
    pub fn new(database: Database, limiter: Limiter, mail: AccountMail) -> Self {
        let accounts = mail.accounts().clone();
        Self { database, access: Access { accounts, limiter }, mail }
    }

    /// The same without mail.
    pub fn without_mail(database: Database, accounts: Accounts, limiter: Limiter) -> Self {
        let mail = AccountMail::with_mailer(database.clone(), accounts, None);
        Self::new(database, limiter, mail)
    }
}

impl Service for TasksService {
    type Settings = MailSettings;

    fn build(context: Context<'_>, mail: &MailSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, access, settings, environment } = context;
        let mail = AccountMail::new(database.clone(), access.accounts.clone(), mail, environment)?;
        if settings.auth.require_verified_email && !mail.is_sent() {
            return Err(InvalidSettings(
                "REQUIRE_VERIFIED_EMAIL needs MAIL_URL: without mail nobody can verify".into(),
            ));
        }
        let (jobs, measured) = (mail.jobs(), mail.clone());
        let parts = Parts::of(router(Arc::new(Self { database, access, mail: mail.clone() })))
            .with_metrics(move |metrics| measured.register(metrics))
            .with_background(async move |lifecycle| mail.run(lifecycle.answered).await);
        Ok(jobs.into_iter().fold(parts, Parts::with_jobs))
    }
}

impl Guarded for TasksService {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
