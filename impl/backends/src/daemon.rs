//! The common part of all servers: a child process with a log, which is awaited, restarted and stopped.

use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::log::Log;
use crate::process::{self, Signal};

/// A running server program.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: Log,
    /// The signals that stop it, and the timeout of each.
    stop: &'static [(Signal, Duration)],
}

impl Daemon {
    /// Spawns it in a process group of its own; if this process dies first, it gets the first of its stop signals.
    pub fn spawn(name: &str, log: Log, stop: &'static [(Signal, Duration)], command: Command) -> Result<Self> {
        let child = launch(name, &log, stop, command)?;
        Ok(Self { name: name.to_owned(), child, log, stop })
    }

    /// Waits until `ready` is true. `Ok(false)`: another process took the port meanwhile.
    pub fn until(&mut self, patience: Duration, interrupted: &AtomicBool, ready: impl Fn(u32) -> bool) -> Result<bool> {
        let deadline = Instant::now() + patience;
        while !ready(self.child.id()) {
            if self.child.try_wait()?.is_some() {
                if self.log.text().contains("Address already in use") {
                    return Ok(false);
                }
                bail!("{} did not start:\n{}", self.name, self.log.tail());
            }
            if interrupted.load(Ordering::Relaxed) {
                bail!("interrupted while {} was starting", self.name);
            }
            if Instant::now() > deadline {
                bail!("{} was not ready within {patience:?}:\n{}", self.name, self.log.tail());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn is_gone(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Replaces the process, which must have ended, by a new one.
    pub fn respawn(&mut self, command: Command) -> Result<()> {
        self.child = launch(&self.name, &self.log, self.stop, command)?;
        Ok(())
    }

    /// Kills it. Its children may outlive it for a moment.
    pub fn kill(&mut self) -> Result<()> {
        process::stop(&mut self.child, &[]).with_context(|| format!("cannot kill {}", self.name))
    }

    /// Stops it by its sequence of signals.
    pub fn stop(&mut self) -> Result<()> {
        process::stop(&mut self.child, self.stop).with_context(|| format!("cannot stop {}", self.name))?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // There is no one to report an error to.
        let _ = self.stop();
    }
}

fn launch(name: &str, log: &Log, stop: &[(Signal, Duration)], mut command: Command) -> Result<Child> {
    command.stdout(log.writer()?).stderr(log.writer()?);
    process::own_group(&mut command);
    process::die_with_us(&mut command, stop.first().map_or(Signal::SIGKILL, |(signal, _)| *signal));
    process::spawn(command).with_context(|| format!("cannot start {name}"))
}
