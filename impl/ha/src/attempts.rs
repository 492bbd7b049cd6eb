//! Commands that load from elsewhere: repeated a few times, with a pause.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How often something is loaded, at most.
pub(crate) const MAX_ATTEMPTS: u32 = 3;

/// Runs `act` until it succeeds, three times at most; `between` runs after each failure.
pub(crate) fn again<T>(mut act: impl FnMut() -> Result<T>, mut between: impl FnMut()) -> Result<T> {
    let mut attempt = 1;
    loop {
        match act() {
            Ok(done) => return Ok(done),
            Err(error) if attempt == MAX_ATTEMPTS => return Err(error),
            Err(_) => {
                between();
                // Processes that failed together do not come again together.
                thread::sleep(Duration::from_millis(1_000 + u64::from(std::process::id() % 1_000)) * attempt);
                attempt += 1;
            }
        }
    }
}

/// The standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
