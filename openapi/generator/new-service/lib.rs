//! The @service@ service.
//!
//! A request takes two hand-written steps: handler, query. The handler tells the story; the query knows the SQL, and
//! takes the caller as an argument, so that what belongs to others cannot be found.

mod @many@;
mod queries;
mod users;

use std::sync::Arc;

use contract::{Api, Operation, Quota};
use platform::identity::{Accounts, Principal};
use platform::service::{Context, NoSettings, Parts, Service};
use platform::settings::InvalidSettings;
use platform::{Database, Error, Limiter, Result, shares};

pub use @crate@_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct @Service@Service {
    database: Database,
    accounts: Accounts,
    limiter: Limiter,
}

impl Service for @Service@Service {
    type Settings = NoSettings;

    fn build(context: Context<'_>, _: &NoSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, accounts, limiter, .. } = context;
        Ok(Parts::of(router(Arc::new(Self { database, accounts, limiter }))))
    }
}

impl Api for @Service@Service {
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
