//! The analytics service: page views by durable insert, and what can be asked of them.
//!
//! Rows, the dictionary of their paths and the counts of each minute, hour and day are written in one transaction, so that
//! counts are exact at every instant.

mod ingest;
mod queries;
mod seeding;
mod users;

use contract::Service;
use platform::identity::{Accounts, Principal};
use platform::settings::Environment;
use platform::{Database, Error, Result};

pub use analytics_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct AnalyticsService {
    database: Database,
    accounts: Accounts,
    environment: Environment,
}

impl AnalyticsService {
    /// A service on a database and the accounts in it.
    pub fn new(database: Database, accounts: Accounts, environment: Environment) -> Self {
        Self { database, accounts, environment }
    }
}

impl Service for AnalyticsService {
    type Caller = Principal;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }
}
