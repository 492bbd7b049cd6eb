//! Settings as a role reads them, from flags of a test.

use clap::{Args, FromArgMatches};

/// A group of settings: from these flags, the last wins; everything else from the environment or its default.
///
/// # Panics
/// When a flag is unknown or its value is rejected.
pub fn read<T: Args + FromArgMatches>(flags: &[&str]) -> T {
    let command = T::augment_args(clap::Command::new("test").args_override_self(true));
    let matches = command.try_get_matches_from(std::iter::once(&"test").chain(flags));
    matches.and_then(|matches| T::from_arg_matches(&matches)).unwrap_or_else(|error| panic!("{error}"))
}
