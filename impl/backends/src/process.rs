//! Child processes that never outlive us: spawned so that the kernel ends them when we die, and stopped politely first,
//! firmly later, within a deadline.

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

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(10);

/// Has `hook` run in the child between fork and exec.
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

/// Asks the kernel to send `signal` to the child when we die, however we die. Only Linux can; elsewhere a later start finds
/// what was left behind.
pub fn die_with_us(command: &mut Command, signal: Signal) {
    #[cfg(target_os = "linux")]
    {
        let us = Pid::this();
        before_exec(command, move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            // We may have died before the line above.
            if nix::unistd::getppid() == us { Ok(()) } else { Err(nix::errno::Errno::ESRCH.into()) }
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (command, signal);
}

/// Spawns from a thread that lives as long as the process. The kernel means the death of the spawning *thread* when it honours
/// [`die_with_us`], and callers may be on a short-lived one.
pub fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static KEEPER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // A caller who left has no use for the child; it is not there either, since nobody leaves while waiting.
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

/// Kills what a child that has ended left behind in its own group: a killed nginx leaves its workers, who keep its port.
pub fn kill_group(ended: &Child) {
    // There is usually nobody.
    let _ = nix::sys::signal::killpg(pid(ended), Signal::SIGKILL);
}

/// Sends each signal in turn, waiting after it as long as its patience lasts, and then kills. Returns once the child is gone.
pub fn stop(child: &mut Child, steps: &[(Signal, Duration)]) -> io::Result<()> {
    stop_all(&mut [child], steps)
}

/// The same for several at once, who share each patience.
pub fn stop_all(children: &mut [&mut Child], steps: &[(Signal, Duration)]) -> io::Result<()> {
    for (signal, patience) in steps {
        if !signal_running(children, *signal)? {
            return Ok(());
        }
        let deadline = Instant::now() + *patience;
        while Instant::now() < deadline {
            thread::sleep(POLL);
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

/// Signals those that still run, and tells whether there were any.
fn signal_running(children: &mut [&mut Child], signal: impl Into<Option<Signal>> + Copy) -> io::Result<bool> {
    let mut any = false;
    for child in children {
        if child.try_wait()?.is_none() {
            any = true;
            // A child is not reaped before try_wait says so, so the id cannot be somebody else's.
            kill(pid(child), signal)?;
        }
    }
    Ok(any)
}

/// Stops a process that may not be our child, the same way.
pub(crate) fn stop_stranger(stranger: Pid, steps: &[(Signal, Duration)]) {
    for (signal, patience) in steps.iter().chain([&(Signal::SIGKILL, Duration::from_secs(2))]) {
        let deadline = Instant::now() + *patience;
        // It may be gone by now; the look below tells.
        let _ = kill(stranger, *signal);
        while Instant::now() < deadline {
            if command_line(stranger).is_none() {
                return;
            }
            thread::sleep(POLL);
        }
    }
}

/// Kills every process of these names that has a folder as its own, and waits until it is gone: a server's children outlive it for
/// as long as they please, and hold what the next one needs. Whoever calls this holds the folder's lock. Only Linux tells.
pub(crate) fn end_inside(folder: &Path, names: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let inside = inside(folder, names);
        if inside.is_empty() || Instant::now() > deadline {
            return;
        }
        for process in inside {
            // It may be gone by now.
            let _ = kill(process, Signal::SIGKILL);
        }
        thread::sleep(POLL);
    }
}

fn inside(folder: &Path, names: &[&str]) -> Vec<Pid> {
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
    ids.filter(|process| {
        let known = || {
            let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
            let own = std::fs::read_link(format!("/proc/{process}/cwd")).ok()?;
            Some(names.contains(&name.trim()) && own == folder && command_line(*process).is_some())
        };
        known().unwrap_or(false)
    })
    .collect()
}

/// The command line of a running process; nothing when it has ended, even if its parent has not noticed.
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

/// A child's process id in the type the signal calls want.
pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("process ids fit i32"))
}

/// Puts the child into a process group of its own, so that Ctrl-C in the terminal reaches only us and we choose the order.
pub fn own_group(command: &mut Command) {
    command.process_group(0);
}
