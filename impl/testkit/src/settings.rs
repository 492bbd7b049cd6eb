//! Settings as a role reads them, from flags of a test.

use clap::{Args, FromArgMatches};

/// The key that tokens are signed with.
pub const KEY: &str = "a key that belongs to the tests only, and is long enough";
/// Flags of hashing that costs nothing: few tests are about how long it takes.
pub const CHEAP: [&str; 6] = ["--secret-key", KEY, "--argon2-memory-kib", "64", "--argon2-iterations", "1"];

/// A group of settings: the flags given, the last wins, everything else as it is by default or in the environment.
///
/// # Panics
/// When a flag is unknown or its value is rejected.
pub fn read<T: Args + FromArgMatches>(flags: &[&str]) -> T {
    let command = T::augment_args(clap::Command::new("test").args_override_self(true));
    let matches = command.try_get_matches_from(std::iter::once(&"test").chain(flags));
    matches.and_then(|matches| T::from_arg_matches(&matches)).unwrap_or_else(|error| panic!("{error}"))
}
