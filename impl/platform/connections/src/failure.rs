//! What the failure of a statement says of its connection.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::sqlstate;

/// Whether the connection of a failed statement is closed.
pub fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => {
            severity(error).is_none_or(|it| matches!(it, PgSeverity::Fatal | PgSeverity::Panic))
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether the connection of a failed statement must not be used again.
pub fn breaks_connection(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    is_lost(error) || is_stale_plan(error) || code.is_some_and(|code| sqlstate::ends_session(&code))
}

/// Whether Postgres reported one of these SQLSTATEs.
pub fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| codes.contains(&&*code))
}

/// How severe Postgres says that a failure is.
pub fn severity(error: &sqlx::Error) -> Option<PgSeverity> {
    error.as_database_error()?.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity)
}

/// Whether a statement was prepared before a migration changed its result. Of the unsupported features (0A000) this is the one
/// that works on a new connection.
pub fn is_stale_plan(error: &sqlx::Error) -> bool {
    let failure = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    failure.is_some_and(|it| it.code() == "0A000" && it.routine() == Some("RevalidateCachedQuery"))
}
