//! Output for the terminal.

use std::io::Write;

/// Writes a line to stderr, separate from the output of a wrapped command. A closed terminal is no reason to stop, so failures
/// are ignored.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
