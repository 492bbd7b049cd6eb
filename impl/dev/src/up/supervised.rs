//! One role in a process of its own: started, watched, started again when it dies, stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use backends::Log;
use backends::process::{self, Signal};
use platform::jittered;
use platform::settings::Bind;

use super::environment::Env;
use crate::console::say;
use crate::port::{self, Probe};

/// The pause after a first death; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Whoever has run this long gets the first pause again.
const STEADY: Duration = Duration::from_secs(30);

/// Whose command a process is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// The server's, for the services.
    Server,
    /// Ours, for what becomes another program: nginx, Prometheus.
    Dev,
}

impl Program {
    fn path(self) -> Result<PathBuf> {
        match self {
            Self::Server => server(),
            Self::Dev => Ok(std::env::current_exe()?),
        }
    }
}

/// How a process is started, asked and told to stop.
pub(crate) struct Plan {
    /// In messages, and of its log.
    pub(crate) name: String,
    /// The program of which it is a command.
    pub(crate) program: Program,
    /// The command.
    pub(crate) role: String,
    pub(crate) bind: Bind,
    pub(crate) port: u16,
    /// What shows that it serves.
    pub(crate) ready: Probe,
    /// What tells it to stop.
    pub(crate) farewell: Signal,
    pub(crate) env: Env,
}

/// A role's process and how to make another.
pub(crate) struct Supervised {
    plan: Plan,
    program: PathBuf,
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
    pub(crate) fn start(plan: Plan, logs: &Path) -> Result<Self> {
        // Asked for once: a binary that is rebuilt meanwhile changes what the answer is.
        let (program, log) = (plan.program.path()?, Log::open(logs, &plan.name)?);
        let child = spawn(&program, &plan, &log)?;
        let state = State::Running { child, since: Instant::now() };
        Ok(Self { plan, program, log, state, pause: FIRST_PAUSE })
    }

    pub(crate) fn name(&self) -> &str {
        &self.plan.name
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Whether it serves. A role that dies before it ever did is an error: it would die again.
    pub(crate) fn is_ready(&mut self) -> Result<bool> {
        if let State::Running { child, .. } = &mut self.state
            && let Some(status) = child.try_wait()?
        {
            bail!("{} did not start ({status}):\n{}", self.plan.name, self.log.tail());
        }
        Ok(port::is_ready(&self.plan.bind, self.plan.port, self.plan.ready))
    }

    /// Notices a death, and starts the role again when its pause is over.
    pub(crate) fn watch(&mut self) {
        match &mut self.state {
            State::Running { child, since } => {
                let Ok(Some(status)) = child.try_wait() else { return };
                self.pause = if since.elapsed() > STEADY { FIRST_PAUSE } else { self.pause };
                let pause = jittered(self.pause);
                say(&format!("{} exited ({status}); restarting in {} ms", self.plan.name, pause.as_millis()));
                process::kill_group(child);
                self.state = State::Dead { until: Instant::now() + pause };
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            State::Dead { until } if Instant::now() >= *until => {
                self.state = match spawn(&self.program, &self.plan, &self.log) {
                    Ok(child) => State::Running { child, since: Instant::now() },
                    Err(error) => {
                        say(&format!("cannot start {}: {error:#}", self.plan.name));
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

/// Asks all that are told the same way at once, waits for these until one deadline, then kills. In the order of the list:
/// the gateway before what is behind it.
pub(crate) fn stop(all: &mut [Supervised], patience: Duration) -> Result<()> {
    for alike in all.chunk_by_mut(|one, other| one.plan.farewell == other.plan.farewell) {
        let farewell = alike.first().map_or(Signal::SIGTERM, |first| first.plan.farewell);
        let mut children: Vec<_> = alike.iter_mut().filter_map(Supervised::child).collect();
        // To nginx the second is an order to go at once, and to take its workers along.
        let steps = [(farewell, patience), (Signal::SIGTERM, Duration::from_secs(5))];
        let steps = if farewell == Signal::SIGTERM { &steps[..1] } else { &steps };
        process::stop_all(&mut children, steps).context("cannot stop the roles")?;
    }
    Ok(())
}

fn spawn(program: &Path, plan: &Plan, log: &Log) -> Result<Child> {
    let mut command = Command::new(program);
    command.arg(&plan.role).envs(&plan.env).stdout(log.writer()?).stderr(log.writer()?);
    // The terminal's Ctrl-C is for us: we stop the roles before the servers they need.
    process::own_group(&mut command);
    // A service is killed, so that its port is free for the next run at once; nginx must take its workers along.
    let end = if plan.farewell == Signal::SIGTERM { Signal::SIGKILL } else { Signal::SIGTERM };
    process::die_with_us(&mut command, end);
    process::spawn(command).with_context(|| format!("cannot start {}", plan.name))
}

/// The server, which lies beside this program: of the same build.
pub(crate) fn server() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("server");
    ensure!(program.exists(), "{} is missing: cargo build -p server", program.display());
    Ok(program)
}
