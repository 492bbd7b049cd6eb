//! Erasing page views, and what they added to the counts.

use analytics_api::models::Erased;
use contract::Problem;
use platform::{Database, Result};

/// Erases the page views of a user.
///
/// # Errors
/// Those of the database; batches that were erased before stay erased.
pub(crate) async fn of_user(_database: &Database, _user: i64) -> Result<Erased> {
    Err(Problem::not_implemented().into())
}

/// Erases the page views of a visitor.
///
/// # Errors
/// Those of the database; batches that were erased before stay erased.
pub(crate) async fn of_visitor(_database: &Database, _visitor: String) -> Result<Erased> {
    Err(Problem::not_implemented().into())
}
