//! The shop: products, orders, and the pipeline that reserves stock for them.
//!
//! A request takes two hand-written steps: handler, query. An order is accepted in one transaction together with a row of
//! the outbox; the [`pipeline`] does the rest, in the server's `worker` role.

mod dead_letter_queries;
mod live;
mod operations;
mod order_projection;
mod order_queries;
mod orders;
pub mod pipeline;
mod product_queries;
mod products;
mod projection;
mod queue_queries;
mod stock_queries;
mod users;
pub mod verify;

use contract::{Operation, Quota, Service};
use platform::identity::{Accounts, Principal};
use platform::{Database, Error, Limiter, Result, shares};

use crate::pipeline::Pipeline;

pub use shop_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct ShopService {
    database: Database,
    accounts: Accounts,
    limiter: Limiter,
    pipeline: Pipeline,
}

impl ShopService {
    /// A service on a database, the accounts in it, and the pipeline its orders go into.
    pub fn new(database: Database, accounts: Accounts, limiter: Limiter, pipeline: Pipeline) -> Self {
        Self { database, accounts, limiter, pipeline }
    }
}

impl Service for ShopService {
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
