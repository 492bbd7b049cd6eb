//! The @service@ service.
//!
//! A request takes two hand-written steps: handler and query. The handler has the logic; the query has the SQL, and takes the
//! caller as an argument, so that objects of others cannot be found.

mod @many@;
mod queries;
mod users;

use std::sync::Arc;

use contract::Guarded;
use platform::service::{Context, NoSettings, Parts, Service};
use platform::settings::InvalidSettings;
use platform::{Access, Database};

pub use @crate@_api::{DOCUMENT, OPERATIONS, router};

/// The state of the handlers.
#[derive(Clone)]
pub struct @Service@Service {
    database: Database,
    access: Access,
}

impl Service for @Service@Service {
    type Settings = NoSettings;

    fn build(context: Context<'_>, _: &NoSettings) -> Result<Parts, InvalidSettings> {
        let Context { database, access, .. } = context;
        Ok(Parts::of(router(Arc::new(Self { database, access }))))
    }
}

impl Guarded for @Service@Service {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
