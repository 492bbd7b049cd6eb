//! Child processes that never outlive this process: spawned so that the kernel ends them when it dies, and stopped by a sequence
//! of signals, each with a timeout.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The polling interval of waits.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Runs `hook` in the child between fork and exec.
#[expect(
    unsafe_code,
    reason = "std marks pre_exec unsafe; every hook here makes plain system calls and allocates nothing"
)]
pub(crate) fn before_exec<F>(command: &mut Command, hook: F)
where
    F: FnMut() -> io::Result<()> + Send + Sync + 'static,
{
    // SAFETY: only this module and `identity` pass hooks, and those are async-signal-safe.
    unsafe { command.pre_exec(hook) };
}

/// Lets the kernel send `signal` to the child when this process dies, however it dies. Only on Linux; elsewhere a later start
/// ends what was left behind.
pub fn die_with_us(command: &mut Command, signal: Signal) {
    #[cfg(target_os = "linux")]
    {
        let us = Pid::this();
        before_exec(command, move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            // The parent may have died before the line above.
            if nix::unistd::getppid() == us { Ok(()) } else { Err(nix::errno::Errno::ESRCH.into()) }
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (command, signal);
}

/// Spawns from a thread that lives as long as the process. [`die_with_us`] means the death of the spawning *thread*, and
/// callers may be on a short-lived one.
pub fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static KEEPER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // A caller that is cancelled does not need the child; that does not happen, since callers block.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, spawned) = mpsc::channel();
    let gone = |_| io::Error::other("the spawning thread ended");
    keeper.send((command, answer)).map_err(|_| io::Error::other("the spawning thread ended"))?;
    spawned.recv().map_err(gone)?
}

/// Kills the rest of an ended child's process group: the workers of a killed nginx survive, and keep its port.
pub fn kill_group(ended: &Child) {
    // Usually the group is empty.
    let _ = nix::sys::signal::killpg(pid(ended), Signal::SIGKILL);
}

/// Sends each signal in turn, with a timeout after each, and then SIGKILL. Returns once the child has ended.
pub fn stop(child: &mut Child, steps: &[(Signal, Duration)]) -> io::Result<()> {
    stop_all(&mut [child], steps)
}

/// The same for several at once, which share each timeout.
pub fn stop_all(children: &mut [&mut Child], steps: &[(Signal, Duration)]) -> io::Result<()> {
    for (signal, patience) in steps {
        if !signal_running(children, *signal)? {
            return Ok(());
        }
        let deadline = Instant::now() + *patience;
        while Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
            if !signal_running(children, None)? {
                return Ok(());
            }
        }
    }
    for child in children {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

/// Signals the children that are still running, and returns whether there were any.
fn signal_running(children: &mut [&mut Child], signal: impl Into<Option<Signal>> + Copy) -> io::Result<bool> {
    let mut any = false;
    for child in children {
        if child.try_wait()?.is_none() {
            any = true;
            // A child is not reaped before try_wait returns it, so the id cannot belong to another process.
            kill(pid(child), signal)?;
        }
    }
    Ok(any)
}

/// Stops a process that may not be a child of this one, the same way.
pub(crate) fn stop_stranger(stranger: Pid, steps: &[(Signal, Duration)]) {
    for (signal, patience) in steps.iter().chain([&(Signal::SIGKILL, Duration::from_secs(2))]) {
        let deadline = Instant::now() + *patience;
        // It may have ended by now, which is checked below.
        let _ = kill(stranger, *signal);
        while Instant::now() < deadline {
            if command_line(stranger).is_none() {
                return;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Kills every process with one of these names and this working folder, and waits until it has ended: a server's children may
/// outlive it, and hold what the next one needs. The caller holds the folder's lock. Linux only.
pub(crate) fn end_inside(folder: &Path, names: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let inside = inside(folder, names);
        if inside.is_empty() || Instant::now() > deadline {
            return;
        }
        for process in inside {
            // It may have ended by now.
            let _ = kill(process, Signal::SIGKILL);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn inside(folder: &Path, names: &[&str]) -> Vec<Pid> {
    let known = |process: &Pid| {
        let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
        Some(names.contains(&name.trim()))
    };
    below(folder).into_iter().filter(|process| known(process).unwrap_or(false)).collect()
}

/// Every running process whose working folder is this one or one below it. Linux only.
pub fn below(folder: &Path) -> Vec<Pid> {
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
    ids.filter(|process| {
        let own = std::fs::read_link(format!("/proc/{process}/cwd"));
        own.is_ok_and(|own| own.starts_with(&folder)) && command_line(*process).is_some()
    })
    .collect()
}

/// The command line of a running process; `None` when it has ended, even if it is not reaped yet.
pub(crate) fn command_line(process: Pid) -> Option<String> {
    let line = if cfg!(target_os = "linux") {
        let bytes = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    } else {
        let output = Command::new("ps").args(["-o", "command=", "-p", &process.to_string()]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let line = line.trim();
    (!line.is_empty() && !line.contains("<defunct>")).then(|| line.to_owned())
}

/// A child's process id in the type of the signal calls.
pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("process ids fit i32"))
}

/// Puts the child into a process group of its own, so that Ctrl-C in the terminal reaches only this process, which decides on
/// the order.
pub fn own_group(command: &mut Command) {
    command.process_group(0);
}
