//! The one error of services: a refusal that is ready to be sent, or a failure of the database that is turned into one.

use std::borrow::Cow;

use contract::{FieldError, Place, Problem};
use http::StatusCode;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// What handlers and queries fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal.
    #[error("{}", in_words(.0))]
    Problem(Box<Problem>),
    /// A failure of the database; which answer it becomes is told by [`Problem::from`].
    #[error(transparent)]
    Database(#[from] sqlx::Error),
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

    /// What went wrong and why, for a person at a terminal: without the codes of the API.
    pub fn in_plain_words(&self) -> String {
        let (mut words, mut source) = match self {
            Self::Problem(problem) => match problem.cause() {
                Some(cause) => (cause.to_string(), cause.source()),
                None => (problem.code().to_owned(), None),
            },
            Self::Database(error) => (error.to_string(), std::error::Error::source(error)),
        };
        while let Some(error) = source {
            let more = error.to_string();
            // Some say what their source says.
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
            Self::Database(error) => error.as_database_error().and_then(sqlx::error::DatabaseError::code),
            Self::Problem(_) => None,
        }
    }

    /// Whether it is nobody's fault but the database's being away or busy: the same work can succeed later.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Problem(problem) => problem.status() == StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(error) => unavailable(error).is_some(),
        }
    }

    /// Whether doing the same transaction again can succeed: a serialization failure or a deadlock.
    pub fn is_transient(&self) -> bool {
        matches!(self.sqlstate().as_deref(), Some("40001" | "40P01"))
    }
}

/// Turns the violation of a named constraint into an answer.
pub trait OnConstraint<T> {
    /// Answers with `problem` when the failure is a violation of the constraint `name`; anything else stays as it is.
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

/// Whether the connection a statement failed on must not be used again.
pub(crate) fn breaks_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<PgDatabaseError>()
            .is_none_or(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => *problem,
            Error::Database(error) => from_database(error),
        }
    }
}

fn from_database(error: sqlx::Error) -> Problem {
    if let Some(problem) = unavailable(&error) {
        return problem.with_cause(error);
    }
    match &error {
        // Text that Postgres cannot hold is the client's: U+0000.
        sqlx::Error::Database(failure) if matches!(failure.code().as_deref(), Some("22021" | "22P05")) => {
            Problem::validation(vec![FieldError {
                place: Place::Body,
                pointer: "#".to_owned(),
                code: "invalid_text",
                detail: "Text must not contain U+0000.".to_owned(),
            }])
        }
        _ => Problem::internal(error),
    }
}

/// The answer while the database is away or busy.
fn unavailable(error: &sqlx::Error) -> Option<Problem> {
    let busy = || Problem::unavailable("database_busy", "The database has more to do than it can; try again.", 1);
    let away = || Problem::unavailable("database_unavailable", "The database cannot be reached; try again.", 2);
    match error {
        sqlx::Error::PoolTimedOut => Some(busy()),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Some(away()),
        sqlx::Error::Database(failure) => match failure.code().as_deref()? {
            // Statement and lock timeouts, too many connections, and conflicts that retries did not get past.
            "57014" | "55P03" | "53300" | "40001" | "40P01" => Some(busy()),
            // Being shut down, crashed or starting up; class 08 is connection trouble.
            "57P01" | "57P02" | "57P03" => Some(away()),
            code if code.starts_with("08") => Some(away()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_the_cause_as_well() {
        assert_eq!(Error::internal("the disk is full").to_string(), "internal_error: the disk is full");
        assert_eq!(Error::from(Problem::not_found("gone", "It is gone.")).to_string(), "gone");
    }
}
