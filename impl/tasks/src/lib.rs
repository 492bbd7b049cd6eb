//! The tasks service: users, their projects, and the tasks in them.
//!
//! A request takes two hand-written steps: handler and query. The handler has the logic; the query has the SQL, and takes the
//! caller as an argument, so that objects of others cannot be found.

mod api_tokens;
mod audit;
mod login;
mod passkeys;
mod project_queries;
mod projection;
mod projects;
mod second_factors;
mod sessions;
mod task_list;
mod task_queries;
mod tasks;
mod user_queries;
mod users;

use std::sync::Arc;

use contract::Guarded;
use platform::identity::Accounts;
use platform::service::{Context, NoSettings, Parts, Service};
use platform::settings::InvalidSettings;
use platform::{Access, Database, Limiter};

pub use tasks_api::{DOCUMENT, OPERATIONS, router};

/// The state of the handlers.
#[derive(Clone)]
pub struct TasksService {
    database: Database,
    access: Access,
}

impl TasksService {
    /// A service on a database and the accounts in it.
    pub fn new(database: Database, accounts: Accounts, limiter: Limiter) -> Self {
        Self { database, access: Access { accounts, limiter } }
    }
}

impl Service for TasksService {
    type Settings = NoSettings;

    fn build(context: Context<'_>, _: &NoSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, access, .. } = context;
        Ok(Parts::of(router(Arc::new(Self { database, access }))))
    }
}

impl Guarded for TasksService {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
