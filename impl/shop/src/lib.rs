//! The shop: products, orders, and the pipeline that reserves stock for them.
//!
//! A request takes two hand-written steps: handler, query. An order is accepted in one transaction together with a message in
//! the [outbox](platform_outbox); the [`pipeline`] does the rest, in the server's `worker` role.

mod dead_letter_queries;
mod event_queries;
mod live;
mod operations;
mod order_list;
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

use std::sync::Arc;

use contract::Guarded;
use platform::identity::Accounts;
use platform::service::{Context, Parts, Service, Verification};
use platform::settings::InvalidSettings;
use platform::verification::Checked;
use platform::{Access, Cache, Database, Error, Limiter, Result};

use crate::pipeline::{Pipeline, ShopSettings};

pub use shop_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct ShopService {
    database: Database,
    access: Access,
    pipeline: Pipeline,
}

impl ShopService {
    /// A service on a database, the accounts in it, and the pipeline its orders go into.
    pub fn new(database: Database, accounts: Accounts, limiter: Limiter, pipeline: Pipeline) -> Self {
        Self { database, access: Access { accounts, limiter }, pipeline }
    }
}

/// What the keys of the shop begin with in Redis: the service and its worker share a stream.
const KEYS: &str = "shop:";

impl Service for ShopService {
    type Settings = ShopSettings;

    fn build(context: Context<'_>, settings: &ShopSettings) -> Result<Parts, InvalidSettings> {
        let pipeline = Pipeline::new(context.database.clone(), context.queue(KEYS)?, settings);
        let Context { database, access, .. } = context;
        let router = router(Arc::new(Self { database, access, pipeline: pipeline.clone() }));
        let measured = pipeline.clone();
        Ok(Parts::of(router)
            .with_jobs(pipeline.outbox().jobs().clone())
            .with_metrics(move |metrics| measured.register(metrics))
            // Until the last request is answered: what it accepts is published.
            .with_background(async move |lifecycle| pipeline.serve(lifecycle.stopping, lifecycle.answered).await))
    }

    async fn verify(of: &Verification<'_>) -> Result<Vec<Checked>> {
        let cache = Cache::new(of.redis, KEYS).map_err(Error::internal)?;
        verify::run(of.database, cache.as_ref(), of.at_rest).await
    }
}

/// The shop's background role: reserves stock for orders.
#[derive(Debug)]
pub struct WorkerService;

impl Service for WorkerService {
    type Settings = ShopSettings;

    fn build(context: Context<'_>, settings: &ShopSettings) -> Result<Parts, InvalidSettings> {
        let pipeline = Pipeline::new(context.database.clone(), context.queue(KEYS)?, settings);
        let measured = pipeline.clone();
        Ok(Parts::of(axum::Router::new())
            .with_jobs(pipeline.outbox().jobs().clone())
            .with_metrics(move |metrics| measured.register(metrics))
            .with_background(async move |lifecycle| pipeline.work(lifecycle.stopping).await))
    }
}

impl Guarded for ShopService {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
