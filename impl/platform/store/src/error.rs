//! The error type of services: a problem document that is ready to be sent, or a database failure that is converted to one.

use std::borrow::Cow;

use contract::{FieldError, Problem};
use http::StatusCode;
use platform_admission::{TooMany, too_many};
use platform_connections::failure::{is_lost, is_stale_plan, severity};
use platform_connections::sqlstate::{self, Meaning};
use platform_connections::{NotWritable, Pooled, ServerState};
use sqlx::postgres::PgSeverity;

use crate::schema;

/// The error of handlers and queries.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error response.
    #[error("{}", in_words(.0))]
    Problem(Box<Problem>),
    /// A database failure; [`Problem::from`] decides on its error response. Nothing was written.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The connection was lost before the result of a write was known; created by [`Database`](crate::database::Database),
    /// which knows whether COMMIT was sent.
    #[error("{0} (the outcome is not known)")]
    OutcomeUnknown(#[source] sqlx::Error),
}

/// The result of handlers and queries.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// For logs: the cause of a problem is never sent.
fn in_words(problem: &Problem) -> String {
    match problem.cause() {
        Some(cause) => format!("{}: {cause}", problem.code()),
        None => problem.code().to_owned(),
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Error {
    /// A 500 with its cause for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Problem::internal(cause).into()
    }

    /// The message and its causes, for a terminal: without the error codes of the API.
    pub fn in_plain_words(&self) -> String {
        let (mut words, mut source) = match self {
            Self::Problem(problem) => match problem.cause() {
                Some(cause) => (cause.to_string(), cause.source()),
                None => (problem.code().to_owned(), None),
            },
            Self::Database(error) | Self::OutcomeUnknown(error) => {
                (error.to_string(), std::error::Error::source(error))
            }
        };
        while let Some(error) = source {
            let more = error.to_string();
            // Some errors repeat the message of their source.
            if !words.contains(&more) {
                words = format!("{words}: {more}");
            }
            source = error.source();
        }
        words
    }

    /// The SQLSTATE of a failed statement.
    pub fn sqlstate(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Database(error) | Self::OutcomeUnknown(error) => {
                error.as_database_error().and_then(sqlx::error::DatabaseError::code)
            }
            Self::Problem(_) => None,
        }
    }

    /// Whether the database was unavailable or busy: the same work can succeed later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Problem(problem) => problem.status() == StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(error) => unavailable(error).is_some(),
            Self::OutcomeUnknown(_) => true,
        }
    }

    /// The error response for an [unavailable](Error::is_unavailable) database, which can be sent to several clients.
    pub fn unavailable(&self) -> Option<Problem> {
        match self {
            Self::Problem(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => {
                Some(Problem::unavailable(problem.code(), "Temporarily unavailable; try again.", 1))
            }
            Self::Problem(_) => None,
            Self::Database(error) => unavailable(error),
            Self::OutcomeUnknown(_) => Some(outcome_unknown()),
        }
    }

    /// An error of the last statement, which commits: when the connection was lost, the server may have committed without
    /// being able to say so.
    pub(crate) fn while_committing(error: sqlx::Error) -> Self {
        let told = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let never_read = told.is_some_and(|code| sqlstate::meaning(&code) == Meaning::Ended);
        if is_lost(&error) && !never_read { Self::OutcomeUnknown(error) } else { Self::Database(error) }
    }

    /// Committed with a warning: somebody ended the wait for a synchronous standby, so that a failover may lose what was written. Any
    /// warning counts, since their texts are in the language of the server.
    pub(crate) fn not_replicated() -> Self {
        Self::OutcomeUnknown(sqlx::Error::Protocol("committed with a warning: maybe not replicated".to_owned()))
    }

    /// What it says of Postgres; nothing when it is about something else.
    pub fn server_state(&self) -> Option<ServerState> {
        match self {
            Self::Database(error) | Self::OutcomeUnknown(error) => Some(ServerState::of_postgres(error)),
            Self::Problem(_) => None,
        }
    }

    /// Whether a retry of the transaction can succeed: a serialization failure or a deadlock.
    pub fn is_transient(&self) -> bool {
        self.sqlstate().is_some_and(|code| sqlstate::meaning(&code) == Meaning::Raced)
    }

    /// Whether a smaller batch of the same work might have succeeded.
    pub fn took_too_long(&self) -> bool {
        match self {
            Self::Problem(problem) => problem.code() == "database_busy",
            Self::Database(_) => self.sqlstate().is_some_and(|code| sqlstate::meaning(&code) == Meaning::TooMuch),
            Self::OutcomeUnknown(_) => false,
        }
    }
}

/// Converts the violation of a named constraint into an error response.
pub trait OnConstraint<T> {
    /// Returns `problem` when the failure is a violation of the constraint `name`; other failures are returned unchanged.
    ///
    /// # Errors
    /// The problem, or the failure itself.
    fn on_constraint(self, name: &str, problem: impl FnOnce() -> Problem) -> Result<T>;
}

impl<T, E: Into<Error>> OnConstraint<T> for Result<T, E> {
    fn on_constraint(self, name: &str, problem: impl FnOnce() -> Problem) -> Result<T> {
        self.map_err(|error| match error.into() {
            Error::Database(sqlx::Error::Database(violation)) if violation.constraint() == Some(name) => {
                problem().into()
            }
            error => error,
        })
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => *problem,
            Error::Database(error) => from_database(error),
            Error::OutcomeUnknown(error) => outcome_unknown().with_cause(error),
        }
    }
}

fn from_database(error: sqlx::Error) -> Problem {
    if let Some(problem) = unavailable(&error) {
        return problem.with_cause(error);
    }
    match &error {
        sqlx::Error::Database(failure)
            if failure.code().is_some_and(|code| sqlstate::meaning(&code) == Meaning::Client) =>
        {
            Problem::validation(vec![FieldError::body("invalid_text", "#", "Text must not contain U+0000.")])
        }
        sqlx::Error::AnyDriverError(failure) if let Some(TooMany(resource)) = failure.downcast_ref() => {
            too_many(resource)
        }
        _ => Problem::internal(error),
    }
}

/// The error response while the database is unavailable or busy. Nothing was done, unless the server does not know.
fn unavailable(error: &sqlx::Error) -> Option<Problem> {
    let busy = || Problem::unavailable("database_busy", "The database is overloaded; try again.", 1);
    let away = || Problem::unavailable("database_unavailable", "The database is unavailable; try again.", 2);
    match error {
        sqlx::Error::PoolTimedOut => Some(busy()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // Of connections only: files with certificates or passwords that are gone.
        | sqlx::Error::Configuration(_) => Some(away()),
        sqlx::Error::AnyDriverError(error) if error.is::<NotWritable>() || error.is::<Pooled>() => Some(away()),
        sqlx::Error::Database(failure) => match sqlstate::meaning(&failure.code()?) {
            Meaning::Busy | Meaning::Raced | Meaning::TooMuch => Some(busy()),
            Meaning::Away | Meaning::Ended => Some(away()),
            Meaning::Unknown => Some(outcome_unknown()),
            // The server crashes and restarts, or the session is over, whatever the cause.
            _ if matches!(severity(error), Some(PgSeverity::Panic | PgSeverity::Fatal)) => Some(away()),
            Meaning::Missing if !schema::is_known_current() => Some(unmigrated()),
            Meaning::Fault if is_stale_plan(error) => Some(away()),
            Meaning::Fault | Meaning::Missing | Meaning::Client => None,
        },
        _ => None,
    }
}

fn unmigrated() -> Problem {
    Problem::unavailable("database_unavailable", "The database is not migrated yet; try again.", 2)
}

fn outcome_unknown() -> Problem {
    let detail = "The connection to the database was lost before the outcome was known: check, or retry with the same Idempotency-Key.";
    Problem::unavailable("outcome_unknown", detail, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_the_cause_as_well() {
        assert_eq!(Error::internal("the disk is full").to_string(), "internal_error: the disk is full");
        assert_eq!(Error::from(Problem::not_found("gone", "The object no longer exists.")).to_string(), "gone");
    }
}
