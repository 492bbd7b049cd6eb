//! Whether the shop's data are as they must be, asked of a database that may be in use.

mod checks;

use platform::settings::DatabaseSettings;
use platform::verification;
use platform::{Cache, Result};
use platform_outbox::verify;
use sqlx::postgres::PgConnection;

use crate::pipeline::stream;

pub use checks::CHECKS;
pub use platform::verification::{Check, Checked, Finding, When};

/// Makes every check, those for a system at rest only if it is said to be; `cache` is where its stream is.
///
/// # Errors
/// Those of the database. A Redis that is away is none.
pub async fn run(settings: &DatabaseSettings, cache: Option<&Cache>, at_rest: bool) -> Result<Vec<Checked>> {
    let mut findings = verification::run(settings, CHECKS, at_rest).await?;
    if at_rest && let Some(cache) = cache {
        findings.push((&verify::STREAM_EMPTY, verify::stream(&stream(cache.clone())).await));
    }
    Ok(findings)
}

/// Makes the checks of the database on a connection in a transaction that sees one snapshot.
///
/// # Errors
/// Those of the database.
pub async fn make(db: &mut PgConnection, at_rest: bool) -> Result<Vec<Checked>> {
    verification::make(db, CHECKS, at_rest).await
}
