//! The tasks service: users, their projects, and the tasks in them.
//!
//! A request takes two hand-written steps: handler and query. The handler has the logic; the query has the SQL, and takes the
//! caller as an argument, so that objects of others cannot be found.

mod api_tokens;
mod audit;
mod login;
mod openid;
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
use platform::openid::OpenId;
use platform::service::{Context, Parts, Service};
use platform::settings::{InvalidSettings, OpenIdSettings};
use platform::{Access, Database, Limiter};

pub use tasks_api::{DOCUMENT, OPERATIONS, router};

/// The state of the handlers.
#[derive(Clone)]
pub struct TasksService {
    database: Database,
    access: Access,
    openid: OpenId,
}

impl TasksService {
    /// A service on a database and the accounts in it, with the providers to sign in with.
    pub fn new(database: Database, accounts: Accounts, limiter: Limiter, openid: OpenId) -> Self {
        Self { database, access: Access { accounts, limiter }, openid }
    }
}

impl Service for TasksService {
    type Settings = OpenIdSettings;

    fn build(context: Context<'_>, settings: &OpenIdSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, access, .. } = context;
        settings.validate_environment()?;
        let openid = OpenId::new(settings, database.clone())?;
        let service = Self { database, access, openid: openid.clone() };
        Ok(Parts::of(router(Arc::new(service))).with_metrics(move |metrics| openid.register(metrics)))
    }
}

impl Guarded for TasksService {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
