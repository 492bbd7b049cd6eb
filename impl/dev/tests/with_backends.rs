//! `dev with-backends`, as a shell sees it.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn with_backends(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).stdout(Stdio::piped());
    command.args(["with-backends", "--no-fsync", "--", "sh", "-c", script]);
    command
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap())
}

#[test]
fn tells_the_urls_and_ends_as_the_command_did() {
    let output = with_backends("echo $DATABASE_URL; echo $REDIS_URL; exit 7").output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let text = String::from_utf8(output.stdout).unwrap();
    let (postgres, redis) = text.trim().split_once('\n').unwrap();
    assert!(postgres.starts_with("postgresql://app:") && postgres.contains("@127.0.0.1:"), "{postgres}");
    assert!(redis.starts_with("redis://:"), "{redis}");
    let port = redis.rsplit_once(':').unwrap().1.strip_suffix("/0").unwrap();
    std::net::TcpStream::connect(format!("127.0.0.1:{port}")).expect_err("the Redis is gone");
}

#[test]
fn passes_signals_on_and_stops_its_servers_after_the_command() {
    // The command stops when it wants to, and its servers are there until then.
    let script = "trap 'kill $!; sleep 0.3; kill -0 $PPID && echo bye; exit 3' TERM; echo ready; sleep 60 & wait";
    let mut child = with_backends(script).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "ready");
    kill(pid(child.id()), Signal::SIGTERM).unwrap();
    assert_eq!(lines.next().unwrap(), "bye");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_command_that_does_not_exist_is_an_error() {
    let mut command = with_backends("");
    let output = command.args(["and more"]).env("PATH", "/nowhere").stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot run sh"));
}

#[test]
fn killed_it_takes_everything_along() {
    // What it cannot clear away itself.
    let temp = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let mut child = with_backends("echo $$; exec sleep 60").env("TMPDIR", temp.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let command = pid(lines.next().unwrap().parse().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    // Only Linux ends children with their parent.
    while cfg!(target_os = "linux") && is_running(command) {
        assert!(Instant::now() < deadline, "the command outlived it");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ended processes nobody has reaped yet do not count.
fn is_running(process: Pid) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}
