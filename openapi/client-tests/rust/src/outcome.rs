//! How a part of the scenario ends.

use std::error::Error as StdError;

use schema_first_client::{Error, ProblemError};

/// Of a part of the scenario.
pub type Outcome<T> = Result<T, Box<dyn StdError>>;

/// The problem that a request was refused with.
pub fn refused<T>(result: Result<T, Error>, status: i32, code: &str) -> Outcome<ProblemError> {
    let Err(Error::Problem(problem)) = result else { return Err(format!("{code} expected").into()) };
    assert_eq!((problem.status, problem.code.as_str()), (status, code), "{problem:?}");
    Ok(*problem)
}
