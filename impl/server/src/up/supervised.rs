//! One role in a process of its own: started, watched, started again when it dies, stopped.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use backends::Log;
use backends::process::{self, Signal};

use super::environment::Env;
use super::port;
use crate::console::say;

/// The pause after a first death; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Whoever has run this long gets the first pause again.
const STEADY: Duration = Duration::from_secs(30);

/// A role's process and how to make another.
#[derive(Debug)]
pub(crate) struct Supervised {
    name: &'static str,
    bind: IpAddr,
    port: u16,
    program: PathBuf,
    env: Env,
    log: Log,
    state: State,
    pause: Duration,
}

#[derive(Debug)]
enum State {
    Running { child: Child, since: Instant },
    Dead { until: Instant },
}

impl Supervised {
    pub(crate) fn start(name: &'static str, bind: IpAddr, port: u16, env: Env, logs: &Path) -> Result<Self> {
        // Asked for once: a binary that is rebuilt meanwhile changes what the answer is.
        let (program, log) = (std::env::current_exe()?, Log::open(logs, name)?);
        let child = spawn(&program, name, &env, &log)?;
        let state = State::Running { child, since: Instant::now() };
        Ok(Self { name, bind, port, program, env, log, state, pause: FIRST_PAUSE })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Whether it serves. A role that dies before it ever did is an error: it would die again.
    pub(crate) fn is_ready(&mut self) -> Result<bool> {
        if let State::Running { child, .. } = &mut self.state
            && let Some(status) = child.try_wait()?
        {
            bail!("{} did not start ({status}):\n{}", self.name, self.log.tail());
        }
        Ok(port::is_ready(self.bind, self.port))
    }

    /// Notices a death, and starts the role again when its pause is over.
    pub(crate) fn watch(&mut self) {
        match &mut self.state {
            State::Running { child, since } => {
                let Ok(Some(status)) = child.try_wait() else { return };
                self.pause = if since.elapsed() > STEADY { FIRST_PAUSE } else { self.pause };
                let pause = jittered(self.pause);
                say(&format!("{} ended ({status}); starting it again in {} ms", self.name, pause.as_millis()));
                self.state = State::Dead { until: Instant::now() + pause };
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            State::Dead { until } if Instant::now() >= *until => {
                self.state = match spawn(&self.program, self.name, &self.env, &self.log) {
                    Ok(child) => State::Running { child, since: Instant::now() },
                    Err(error) => {
                        say(&format!("cannot start {}: {error:#}", self.name));
                        State::Dead { until: Instant::now() + LONGEST_PAUSE }
                    }
                };
            }
            State::Dead { .. } => {}
        }
    }

    fn child(&mut self) -> Option<&mut Child> {
        match &mut self.state {
            State::Running { child, .. } => Some(child),
            State::Dead { .. } => None,
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // Only on the way out of a failure; nobody is left to tell.
        let _ = stop(std::slice::from_mut(self), Duration::from_secs(5));
    }
}

/// Asks all at once and waits for all until one deadline, then kills.
pub(crate) fn stop(roles: &mut [Supervised], patience: Duration) -> Result<()> {
    let mut children: Vec<_> = roles.iter_mut().filter_map(Supervised::child).collect();
    process::stop_all(&mut children, &[(Signal::SIGTERM, patience)]).context("cannot stop the roles")
}

/// From half the pause to the whole: roles that died together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1024;
    pause / 2 + (pause / 2).mul_f64(random as f64 / 1024.0)
}

fn spawn(program: &Path, name: &str, env: &Env, log: &Log) -> Result<Child> {
    let mut command = Command::new(program);
    command.arg(name).envs(env).stdout(log.writer()?).stderr(log.writer()?);
    // The terminal's Ctrl-C is for us: we stop the roles before the servers they need.
    process::own_group(&mut command);
    // Killed, so that its port is free for the next run at once.
    process::die_with_us(&mut command, Signal::SIGKILL);
    process::spawn(command).with_context(|| format!("cannot start {name}"))
}
