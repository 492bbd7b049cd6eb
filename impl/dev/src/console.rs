//! Lines for the person at the terminal.

use std::io::Write;

/// Writes a line to stderr, which stays apart from what a wrapped command prints. A terminal that has gone away is no reason to
/// stop, so failures are dropped.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
