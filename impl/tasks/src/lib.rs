//! The tasks service: users, their projects, and the tasks in them.
//!
//! A request takes two hand-written steps: handler, query. The handler tells the story; the query knows the SQL, and
//! takes the caller as an argument, so that what belongs to others cannot be found.

mod audit;
mod login;
mod project_queries;
mod projection;
mod projects;
mod task_queries;
mod tasks;
mod user_queries;
mod users;

use std::sync::Arc;

use contract::{Api, Operation, Quota};
use platform::identity::{Accounts, Principal};
use platform::service::{Context, NoSettings, Parts, Service};
use platform::settings::InvalidSettings;
use platform::{Database, Error, Limiter, Result, shares};

pub use tasks_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct TasksService {
    database: Database,
    accounts: Accounts,
    limiter: Limiter,
}

impl TasksService {
    /// A service on a database and the accounts in it.
    pub fn new(database: Database, accounts: Accounts, limiter: Limiter) -> Self {
        Self { database, accounts, limiter }
    }
}

impl Service for TasksService {
    type Settings = NoSettings;

    fn build(context: Context<'_>, _: &NoSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, accounts, limiter, .. } = context;
        Ok(Parts::of(router(Arc::new(Self::new(database, accounts, limiter)))))
    }
}

impl Api for TasksService {
    type Caller = Principal;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }

    fn enter(&self, operation: &'static Operation, caller: Option<&Principal>) -> Result<()> {
        shares::enter(operation, caller.map(Principal::user_id))
    }

    async fn admit(&self, operation: &'static Operation, caller: Option<&Principal>) -> Result<Vec<Quota>> {
        self.limiter.admit(operation, caller.map(Principal::user_id)).await
    }
}
