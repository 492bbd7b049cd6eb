//! The real things: nginx as `dev gateway` starts it, and processes of the services behind it, on a database of the
//! test's own.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backends::process::{self, Signal};
use reqwest::Client;
use serde_json::Value;
use services::SERVICES;
use tempfile::TempDir;
use testkit::process::program;
use testkit::{TestDatabase, TestRedis};
use tokio::time::sleep;
use uuid::Uuid;

/// Nobody listens on the port of a service that is not there; one below those that are given away.
pub const NOBODY: &str = "127.0.0.1:1";
/// A debug build on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A process that is killed when this is dropped.
pub struct Process(Option<Child>);

impl Process {
    fn spawn(mut command: Command, log: &Path) -> Self {
        // That of an earlier run on the same port is not this one's.
        fs::write(log, "").expect("a log can be written");
        let open = || OpenOptions::new().append(true).open(log).expect("a log can be written");
        command.stdin(Stdio::null()).stdout(open()).stderr(open());
        process::own_group(&mut command);
        // A test that is killed by its deadline leaves nothing behind; nginx takes its workers along.
        process::die_with_us(&mut command, Signal::SIGTERM);
        Self(Some(process::spawn(command).expect("the program starts")))
    }

    /// Ends it as a crash would, with whatever it has started.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.0.take() {
            process::stop(&mut child, &[]).expect("a child can be killed");
            process::kill_group(&child);
        }
    }

    fn ended(&mut self) -> bool {
        self.0.as_mut().is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let steps = [(Signal::SIGQUIT, Duration::from_secs(15)), (Signal::SIGTERM, Duration::from_secs(5))];
            process::stop(&mut child, &steps).expect("a child can be stopped");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A test's own stores, the services on them, a gateway with some settings before these, and a client of it. What is named first
/// must live longest.
pub async fn served(settings: &[&str]) -> (Stores, Services, Gateway, testkit::Client) {
    let stores = Stores::new().await;
    let services = stores.services().await;
    let gateway = Gateway::before(&[&services], settings).await;
    let client = gateway.client();
    (stores, services, gateway, client)
}

/// The stores of one test.
pub struct Stores {
    pub database: TestDatabase,
    redis: TestRedis,
}

impl Stores {
    pub async fn new() -> Self {
        Self { database: TestDatabase::new().await, redis: TestRedis::new() }
    }

    /// One process with every role, ready.
    pub async fn services(&self) -> Services {
        loop {
            if let Some(services) = self.services_on_free_ports().await {
                return services;
            }
        }
    }

    /// Nothing if somebody else was faster to take one of the ports.
    async fn services_on_free_ports(&self) -> Option<Services> {
        let port = || backends::free_port().expect("a port is free");
        let ports: BTreeMap<&str, u16> = SERVICES.iter().map(|service| (service.name, port())).collect();
        let log = logs().join(format!("services-{}.log", Uuid::new_v4().simple()));
        let mut command = bare(&program());
        command.arg("all");
        for (name, port) in &ports {
            command.args([format!("--{name}-port"), port.to_string()]);
        }
        command.envs([
            ("DATABASE_URL", self.database.url()),
            ("REDIS_URL", self.redis.url()),
            ("REDIS_PREFIX", self.redis.prefix()),
            ("ENVIRONMENT", "development"),
            ("BIND_ADDRESS", "127.0.0.1"),
            ("TRUSTED_PROXIES", "127.0.0.1"),
            ("SECRET_KEY", "a key that belongs to these tests only, and is long enough"),
            ("ARGON2_MEMORY_KIB", "64"),
            ("ARGON2_ITERATIONS", "1"),
            // What takes long on a machine whose cores are others' for a second is slow, not refused.
            ("DATABASE_ACQUIRE_TIMEOUT_MS", "8000"),
            ("REDIS_TIMEOUT_MS", "8000"),
        ]);
        command.envs(self.database.role_passwords());
        let mut process = Process::spawn(command, &log);
        for port in ports.values() {
            if !answers(&format!("http://127.0.0.1:{port}/health/ready"), &log, &mut process).await {
                return None;
            }
        }
        Some(Services { process, ports, log })
    }
}

/// A process with every role.
pub struct Services {
    pub process: Process,
    ports: BTreeMap<&'static str, u16>,
    log: PathBuf,
}

impl Services {
    /// Where one of them listens.
    pub fn address(&self, service: &str) -> String {
        format!("127.0.0.1:{}", self.ports[service])
    }

    /// Whether any of them was asked something with this request id.
    pub fn saw(&self, id: &str) -> bool {
        fs::read_to_string(&self.log).expect("there is a log").contains(&format!("\"{id}\""))
    }
}

/// A running gateway.
pub struct Gateway {
    process: Process,
    pub address: SocketAddr,
    log: PathBuf,
    _dir: TempDir,
}

impl Gateway {
    /// In front of every service of each process.
    pub async fn before(services: &[&Services], settings: &[&str]) -> Self {
        Self::start(|name| services.iter().map(|one| one.address(name)).collect::<Vec<_>>().join(","), settings).await
    }

    /// In front of the addresses that each service has by its name.
    pub async fn start(upstreams: impl Fn(&str) -> String, settings: &[&str]) -> Self {
        loop {
            if let Some(gateway) = Self::on_free_port(&upstreams, settings).await {
                return gateway;
            }
        }
    }

    /// Nothing if somebody else was faster to take the port.
    async fn on_free_port(upstreams: &impl Fn(&str) -> String, settings: &[&str]) -> Option<Self> {
        let port = backends::free_port().expect("a port is free");
        let (dir, log) = (TempDir::new().expect("a folder"), logs().join(format!("gateway-{port}.log")));
        let command = gateway(dir.path(), port, upstreams, settings);
        let mut process = Process::spawn(command, &log);
        let scheme = if settings.contains(&"--tls-key") { "https" } else { "http" };
        if scheme == "http" && !answers(&format!("http://127.0.0.1:{port}/health"), &log, &mut process).await {
            return None;
        }
        Some(Self { process, address: ([127, 0, 0, 1], port).into(), log, _dir: dir })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of it, as nobody.
    pub fn client(&self) -> testkit::Client {
        testkit::Client::new(self.url())
    }

    /// Stops it and hands over what it has written.
    pub fn log(mut self) -> Vec<u8> {
        self.process.stop();
        fs::read(&self.log).expect("there is a log")
    }

    /// Stops it and hands its access log over.
    pub fn stop(self) -> Vec<Value> {
        let text = String::from_utf8(self.log()).expect("UTF-8");
        text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// The command of a gateway.
pub fn gateway(dir: &Path, port: u16, upstreams: impl Fn(&str) -> String, settings: &[&str]) -> Command {
    let mut command = bare(Path::new(env!("CARGO_BIN_EXE_dev")));
    command.args(["gateway", "--bind-address", "127.0.0.1", "--port", &port.to_string()]);
    for service in SERVICES.iter().filter(|service| service.prefix.is_some()) {
        command.args([format!("--{}-upstreams", service.name), upstreams(service.name)]);
    }
    command.arg("--dir").arg(dir).args(settings);
    command.arg("--wheels").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/py"));
    command
}

/// A program, with nothing in its environment but what is needed to find others.
fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    let kept = ["PATH", "HOME", "BACKENDS", "GATEWAY_NGINX"].map(|name| (name, std::env::var_os(name)));
    command.env_clear().envs(kept.into_iter().filter_map(|(name, value)| Some((name, value?))));
    // No `.env` is there.
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

fn logs() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gateway");
    fs::create_dir_all(&dir).expect("a folder for logs");
    dir
}

/// Waits until the URL returns 200; false when another process took the port.
async fn answers(url: &str, log: &Path, process: &mut Process) -> bool {
    let (http, deadline) = (Client::new(), Instant::now() + START);
    while !http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        let said = || fs::read_to_string(log).unwrap_or_default();
        if process.ended() {
            assert!(said().contains("ddress already in use"), "{url} has ended:\n{}", said());
            return false;
        }
        assert!(Instant::now() < deadline, "{url} does not answer:\n{}", said());
        sleep(Duration::from_millis(20)).await;
    }
    true
}
