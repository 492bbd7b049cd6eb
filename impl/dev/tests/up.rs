//! `dev up`: the whole system, started, hurt, stopped and started again.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use platform::settings::variable;
use services::SERVICES;
use tempfile::TempDir;
use testkit::documents::{is_served, operation};

/// A run of `dev up` on ports of its own.
struct Up {
    process: Child,
    env: HashMap<String, String>,
}

impl Up {
    fn start(dir: &Path, ports: &[u16], flags: &[&str], given: &HashMap<String, String>) -> Self {
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
    fn ask(&self, request: &str) -> (u16, String) {
        self.ask_at(&variable(SERVICES[0].name, "URL"), request)
    }

    /// The same at another address of the file.
    fn ask_at(&self, url: &str, request: &str) -> (u16, String) {
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

    fn log_in(&self, user: &str, password: &str) -> u16 {
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
    fn is_open(&self) -> bool {
        let health = |prefix| format!("GET /{prefix}/health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        SERVICES
            .iter()
            .filter_map(|service| service.prefix)
            .all(|prefix| self.ask_at("GATEWAY_URL", &health(prefix)).0 == 200)
    }

    fn is_ready(&self) -> bool {
        self.ask("GET /health/ready HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").0 == 200
    }

    /// Everything it started that runs.
    fn children(&self) -> Vec<(Pid, String)> {
        children(self.process.id())
    }

    fn stop(mut self, signal: Signal) {
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

fn command(dir: &Path, ports: &[u16], flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    // The servers of the test run are not for this one.
    for name in ["DATABASE_URL", "REDIS_URL", "POSTGRES_SERVER", "SECRET_KEY", "ENVIRONMENT"] {
        command.env_remove(name);
    }
    // What takes long on a machine whose cores are others' for a second is slow, not refused.
    command.env("DATABASE_WAIT_MS", "8000").env("REDIS_TIMEOUT_MS", "8000");
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
fn somewhere() -> (TempDir, Vec<u16>) {
    (TempDir::new().unwrap(), (0..=SERVICES.len()).map(|_| backends::free_port().unwrap()).collect())
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap())
}

fn children(parent: u32) -> Vec<(Pid, String)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows =
        table.lines().map(|line| line.split_whitespace().map(|id| id.parse::<u32>().unwrap()).collect::<Vec<_>>());
    let ours = rows.filter(|row| row[1] == parent).map(|row| pid(row[0]));
    ours.filter_map(|child| Some((child, command_line(child)?))).collect()
}

fn grandchildren(child: Pid) -> Vec<(Pid, String)> {
    children(child.as_raw().unsigned_abs())
}

fn command_line(process: Pid) -> Option<String> {
    let output = Command::new("ps").args(["-o", "stat=,command=", "-p", &process.to_string()]).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    (!line.trim().is_empty() && !line.starts_with('Z')).then_some(line)
}

fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn serves_mends_what_dies_stops_and_starts_again() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let first = Up::start(dir.path(), &ports, &[], &HashMap::new());
    assert_eq!((first.log_in("admin@example.com", "admin"), first.log_in("user@example.com", "wrong")), (200, 400));

    let service = format!("server {}", SERVICES[0].name);
    let process = first.children().into_iter().find(|(_, line)| line.contains(&service)).unwrap().0;
    kill(process, Signal::SIGKILL).unwrap();
    eventually("the service answers again", || first.is_ready());
    assert!(first.is_open());
    let gateway = first.children().into_iter().find(|(_, line)| line.contains("nginx")).unwrap().0;
    kill(gateway, Signal::SIGKILL).unwrap();
    eventually("the gateway is there again", || {
        first.children().iter().any(|(other, line)| line.contains("nginx") && *other != gateway) && first.is_open()
    });
    let postgres = fs::read_to_string(dir.path().join("postgres/postmaster.pid")).unwrap();
    kill(pid(postgres.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
    eventually("Postgres and the service answer again", || {
        first.is_ready() && first.log_in("admin@example.com", "admin") == 200
    });
    let env = first.env.clone();
    first.stop(Signal::SIGINT);
    assert!(!dir.path().join("env").exists(), "nobody may think it still runs");

    // As in a shell that sourced the first run's file.
    let second = Up::start(dir.path(), &ports, &[], &env);
    assert_eq!(second.env, env);
    second.stop(Signal::SIGTERM);

    let production = Up::start(dir.path(), &ports, &["--production"], &HashMap::new());
    assert_eq!(production.log_in("admin@example.com", "admin"), 400);
    production.stop(Signal::SIGTERM);
}

#[test]
fn serves_with_several_of_each_behind_the_gateway() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let up = Up::start(dir.path(), &ports, &["--replicas", "2", "--workers", "2"], &HashMap::new());
    let count = |role: &str| up.children().iter().filter(|(_, line)| line.contains(&format!("server {role}"))).count();
    assert!(SERVICES.iter().all(|service| count(service.name) == 2));
    if is_served("analytics") {
        one_visitor_by_the_gateway(&up);
    }
    up.stop(Signal::SIGTERM);
}

/// Forged by a client; the services take the gateway's word for it, and so these are one visitor.
fn one_visitor_by_the_gateway(up: &Up) {
    let view = r#"{"path": "/up"}"#;
    for forged in ["6.6.6.6", "7.7.7.7"] {
        let head =
            "POST /p3/api/p3/page-views HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: application/json";
        let request = format!("{head}\r\nX-Forwarded-For: {forged}\r\nContent-Length: {}\r\n\r\n{view}", view.len());
        assert_eq!(up.ask_at("GATEWAY_URL", &request).0, 201);
    }
    // Through the gateway it is another address than that of one who comes to the service itself as somebody else.
    let direct =
        "POST /api/p3/page-views HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: application/json";
    let request = format!("{direct}\r\nX-Forwarded-For: 8.8.8.8\r\nContent-Length: {}\r\n\r\n{view}", view.len());
    assert_eq!(up.ask_at("ANALYTICS_URL", &request).0, 201);
    let uniques = "GET /p3/api/p3/analytics/uniques HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    eventually("two visitors are counted", || up.ask_at("GATEWAY_URL", uniques).1.contains("\"visitors\":2"));
}

#[test]
fn without_a_gateway_nothing_is_in_front() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let _taken = TcpListener::bind(("127.0.0.1", ports[SERVICES.len()])).unwrap();
    let up = Up::start(dir.path(), &ports, &["--no-gateway"], &HashMap::new());
    assert!(!up.env.contains_key("GATEWAY_URL"));
    assert!(up.children().iter().all(|(_, line)| !line.contains("nginx")));
    assert!(up.is_ready());
}

#[test]
fn a_taken_port_is_told_before_anything_starts() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let last = SERVICES.len() - 1;
    let _taken = TcpListener::bind(("127.0.0.1", ports[last])).unwrap();
    let output = command(dir.path(), &ports, &[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains(&ports[last].to_string()) && said.contains(&format!("--{}-port", SERVICES[last].name)),
        "{said}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
}

#[test]
fn this_machine_is_reached_by_either_family() {
    let (dir, ports) = somewhere();
    let up = Up::start(dir.path(), &ports, &[], &HashMap::new());
    for port in ports {
        for address in ["127.0.0.1", "::1"] {
            // A machine without IPv6 has no such address.
            if TcpListener::bind((address, 0)).is_ok() {
                TcpStream::connect((address, port)).unwrap_or_else(|error| panic!("{address} {port}: {error}"));
            }
        }
    }
    up.stop(Signal::SIGTERM);
}

#[test]
fn a_development_does_not_leave_this_machine() {
    if SERVICES.is_empty() {
        return;
    }
    let (dir, ports) = somewhere();
    let output = command(dir.path(), &ports, &["--bind", "0.0.0.0"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("PUBLIC_DEVELOPMENT"), "{said}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
    let flags = ["--bind", "0.0.0.0", "--public-development", "--no-gateway"];
    let public = Up::start(dir.path(), &ports, &flags, &HashMap::new());
    assert_eq!(public.log_in("admin@example.com", "admin"), 400);
    drop(public);
}

#[test]
fn a_development_listens_on_this_machine_only() {
    for command in ["up", "gateway"] {
        let public = [("ENVIRONMENT", "development"), ("BIND_ADDRESS", "0.0.0.0")];
        let mut dev = Command::new(env!("CARGO_BIN_EXE_dev"));
        dev.env_clear().current_dir(env!("CARGO_TARGET_TMPDIR")).arg(command).envs(public);
        let output = dev.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("PUBLIC_DEVELOPMENT"), "{command}: {said}");
    }
}
