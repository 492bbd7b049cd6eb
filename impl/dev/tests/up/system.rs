//! A system that `dev up` starts.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use platform::settings::variable;
use services::SERVICES;
use tempfile::TempDir;
use testkit::documents::operation;

/// A run of `dev up` on ports of its own.
pub struct Up {
    pub process: Child,
    pub env: HashMap<String, String>,
}

impl Up {
    pub fn start(dir: &Path, ports: &[u16], flags: &[&str], given: &HashMap<String, String>) -> Self {
        let process = command(dir, ports, flags).envs(given).spawn().unwrap();
        let file = dir.join("env");
        let mut up = Self { process, env: HashMap::new() };
        eventually("it is ready", || {
            assert!(up.process.try_wait().unwrap().is_none(), "it ended instead of starting");
            file.exists()
        });
        let lines = fs::read_to_string(file).unwrap();
        let pair = |line: &str| {
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('\'').to_owned())
        };
        up.env = lines.lines().map(pair).collect();
        up
    }

    /// Status and body of a request to the first service.
    pub fn ask(&self, request: &str) -> (u16, String) {
        self.ask_at(&variable(SERVICES[0].name, "URL"), request)
    }

    /// The same at another address of the file.
    pub fn ask_at(&self, url: &str, request: &str) -> (u16, String) {
        let address = self.env[url].strip_prefix("http://").unwrap();
        let ask = || {
            let mut socket = TcpStream::connect(address)?;
            socket.write_all(request.as_bytes())?;
            let mut answer = String::new();
            socket.read_to_string(&mut answer).map(|_| answer)
        };
        let answer = ask().unwrap_or_default();
        let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    pub fn log_in(&self, user: &str, password: &str) -> u16 {
        let place = operation("login_access_token").expect("people sign in somewhere");
        let form = format!("username={user}&password={password}");
        let head = format!("POST {} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n", place.path);
        let (kind, length) = ("Content-Type: application/x-www-form-urlencoded", form.len());
        self.ask_at(
            &variable(&place.service, "URL"),
            &format!("{head}{kind}\r\nContent-Length: {length}\r\n\r\n{form}"),
        )
        .0
    }

    /// What is behind the gateway answers through it.
    pub fn is_open(&self) -> bool {
        let health = |prefix| format!("GET /{prefix}/health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        SERVICES
            .iter()
            .filter_map(|service| service.prefix)
            .all(|prefix| self.ask_at("GATEWAY_URL", &health(prefix)).0 == 200)
    }

    pub fn is_ready(&self) -> bool {
        self.ask("GET /health/ready HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").0 == 200
    }

    /// Everything it started that runs.
    pub fn children(&self) -> Vec<(Pid, String)> {
        children(self.process.id())
    }

    pub fn stop(mut self, signal: Signal) {
        let children = self.children();
        let gateway = children.iter().find(|(_, line)| line.contains("nginx")).expect("a gateway").0;
        let children: Vec<_> = children.into_iter().chain(grandchildren(gateway)).collect();
        assert!(
            children.len() >= 4 + SERVICES.len(),
            "two servers, the roles, and nginx with its workers, not {children:?}"
        );
        kill(pid(self.process.id()), signal).unwrap();
        assert!(self.process.wait().unwrap().success());
        let left: Vec<_> = children.iter().filter(|(child, _)| command_line(*child).is_some()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Only a failed test comes here with a process.
        let _ = kill(pid(self.process.id()), Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

pub fn command(dir: &Path, ports: &[u16], flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    // The servers of the test run are not for this one.
    for name in ["DATABASE_URL", "REDIS_URL", "POSTGRES_SERVER", "SECRET_KEY", "ENVIRONMENT"] {
        command.env_remove(name);
    }
    // What takes long on a machine whose cores are others' for a second is slow, not refused.
    command.env("DATABASE_ACQUIRE_TIMEOUT_MS", "8000").env("REDIS_TIMEOUT_MS", "8000");
    // As ./run.sh does.
    command
        .args(["up", "--development", "--wheels"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/py"));
    command.arg("--dir").arg(dir).args(flags).current_dir(dir).stderr(Stdio::piped());
    let flags = SERVICES.iter().map(|service| format!("--{}-port", service.name)).chain(["--gateway-port".to_owned()]);
    for (flag, port) in flags.into_iter().zip(ports) {
        command.args([&flag, &port.to_string()]);
    }
    command
}

/// A folder, and ports that nobody has now: of each service, and of the gateway.
pub fn somewhere() -> (TempDir, Vec<u16>) {
    (TempDir::new().unwrap(), (0..=SERVICES.len()).map(|_| backends::free_port().unwrap()).collect())
}

pub fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap())
}

pub fn children(parent: u32) -> Vec<(Pid, String)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows =
        table.lines().map(|line| line.split_whitespace().map(|id| id.parse::<u32>().unwrap()).collect::<Vec<_>>());
    let ours = rows.filter(|row| row[1] == parent).map(|row| pid(row[0]));
    ours.filter_map(|child| Some((child, command_line(child)?))).collect()
}

pub fn grandchildren(child: Pid) -> Vec<(Pid, String)> {
    children(child.as_raw().unsigned_abs())
}

pub fn command_line(process: Pid) -> Option<String> {
    let output = Command::new("ps").args(["-o", "stat=,command=", "-p", &process.to_string()]).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    (!line.trim().is_empty() && !line.starts_with('Z')).then_some(line)
}

pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
