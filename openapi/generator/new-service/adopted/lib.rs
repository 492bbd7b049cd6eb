//! The @service@ service, from a foreign document: its operations return `not_implemented` until they are implemented.
//!
//! An implemented handler takes what it needs from the service (see the other services for a database), and its operation loses
//! `x-planned` in openapi/@service@.yaml.

@modules@

use std::sync::Arc;

use contract::Guarded;
@uses@use platform::service::{Context, NoSettings, Parts, Service};
use platform::settings::InvalidSettings;

pub use @crate@_api::{DOCUMENT, OPERATIONS, SCHEMAS, router};

/// The state of the handlers.
#[derive(Clone)]
pub struct @Service@Service {
    access: Access,
@fields@}

impl Service for @Service@Service {
    type Settings = NoSettings;

    fn build(context: Context<'_>, _: &NoSettings) -> Result<Parts, InvalidSettings> {
@build@    }
}

impl Guarded for @Service@Service {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
@sending@