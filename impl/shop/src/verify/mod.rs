//! Consistency checks of the shop's data in a database that may be in use.

mod checks;

use platform::settings::DatabaseSettings;
use platform::verification;
use platform::{Cache, Result};
use platform_outbox::verify;
use sqlx::postgres::PgConnection;

use crate::pipeline::stream;

pub use checks::CHECKS;
pub use platform::verification::{Check, Checked, Finding, When};

/// Runs all checks, those of a quiescent system only if `at_rest` is set; `cache` is the Redis of its stream.
///
/// # Errors
/// Those of the database. An unavailable Redis is not an error.
pub async fn run(settings: &DatabaseSettings, cache: Option<&Cache>, at_rest: bool) -> Result<Vec<Checked>> {
    let mut findings = verification::run(settings, CHECKS, at_rest).await?;
    if at_rest && let Some(cache) = cache {
        findings.push((&verify::STREAM_EMPTY, verify::stream(&stream(cache.clone())).await));
    }
    Ok(findings)
}

/// Runs the checks of the database on a connection, in a transaction that reads one snapshot.
///
/// # Errors
/// Those of the database.
pub async fn make(db: &mut PgConnection, at_rest: bool) -> Result<Vec<Checked>> {
    verification::make(db, CHECKS, at_rest).await
}
