//! The tasks service: users, their projects, and the tasks in them.
//!
//! A request takes two hand-written steps: handler and query. The handler has the logic; the query has the SQL, and takes the
//! caller as an argument, so that objects of others cannot be found.

mod api_tokens;
mod audit;
mod login;
mod own_data;
mod project_queries;
mod projection;
mod projects;
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
use platform::service::{Context, Parts, Service, Verification};
use platform::settings::InvalidSettings;
use platform::verification::{self, Checked};
use platform::{Access, Database, Limiter, restart_on_panic};

use own_data::{Erasures, Exports};

pub use settings::TasksSettings;

pub use tasks_api::{DOCUMENT, OPERATIONS, router};

/// The state of the handlers.
#[derive(Clone)]
pub struct TasksService {
    database: Database,
    access: Access,
    settings: TasksSettings,
    exports: Exports,
    erasures: Erasures,
}

impl TasksService {
    /// A service on a database and the accounts in it.
    pub fn new(database: Database, accounts: Accounts, limiter: Limiter, settings: TasksSettings) -> Self {
        let access = Access { accounts, limiter };
        Self { database, access, settings, exports: Exports::default(), erasures: Erasures::default() }
    }
}

impl Service for TasksService {
    type Settings = TasksSettings;

    fn build(context: Context<'_>, settings: &TasksSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, access: Access { accounts, limiter }, .. } = context;
        let service = Self::new(database, accounts, limiter, *settings);
        let measured = service.erasures.clone();
        Ok(Parts::of(router(Arc::new(service.clone())))
            .with_jobs(service.erasures.jobs.clone())
            .with_metrics(move |metrics| measured.register(metrics))
            .with_background(async move |lifecycle| {
                let erase = || {
                    let (service, end) = (service.clone(), lifecycle.stopping.clone());
                    async move { service.erase_periodically(end).await }
                };
                restart_on_panic(erase).await;
            }))
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
