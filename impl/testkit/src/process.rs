//! One server process, with a port and a log of its own, to be started, killed and stopped.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use backends::process::{self, Signal};
use platform::privileges::role_of;
use platform::settings::DatabaseSettings;
use reqwest::Client;
use secrecy::ExposeSecret as _;
use tokio::time::sleep;

/// The password of every service's role in Postgres.
pub const ROLE_PASSWORD: &str = "of-the-experiments";
/// The timeout of a start: a debug build on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a process may take from SIGTERM to its end.
pub const FAREWELL: Duration = Duration::from_secs(25);

/// A process that is running, or was.
pub struct Process {
    /// The server that the next start is one of: that of the system, or another release.
    pub program: PathBuf,
    role: &'static str,
    port: u16,
    environment: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

/// The build folder of cargo, with the profile of the tests.
pub fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a program");
    // target/debug/deps/NAME
    test.ancestors().nth(2).expect("it lies in the folder of a profile").to_owned()
}

/// The server under test: of the same build, or the one in `EXPERIMENT_SERVER` (a release build, for measurements).
///
/// # Panics
/// When it is not built: `cargo build -p server` builds it.
pub fn program() -> PathBuf {
    let program = std::env::var_os("EXPERIMENT_SERVER").map_or_else(|| target_dir().join("server"), PathBuf::from);
    assert!(program.exists(), "{} is not there: cargo build -p server", program.display());
    program
}

/// A command of a server, with exactly this environment.
pub fn server(program: &Path, environment: &[(String, String)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    // There is no `.env`.
    command.current_dir(target_dir());
    command
}

impl Process {
    /// A process of `program` to be started; `name` is that of its log in `dir`.
    pub fn new(program: &Path, role: &'static str, name: &str, dir: &Path, environment: &[(String, String)]) -> Self {
        let port = backends::free_port().expect("a port is free");
        let (environment, log) = (environment.to_vec(), dir.join(format!("{name}.log")));
        Self { program: program.to_owned(), role, port, environment, log, child: None }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it, also again, on its port.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs", self.log.display());
        let role = self.role;
        let mut command = server(&self.program, &self.environment);
        // Each with the role of its service.
        let database = self.environment.iter().rfind(|(name, _)| name == "DATABASE_URL").map(|(_, url)| url.as_str());
        let database = DatabaseSettings::of_url(database.expect("there is a database"));
        let url = database.url_as(|owner| role_of(owner, role), ROLE_PASSWORD).expect("its URL names the owner");
        command.arg(role).env("DATABASE_URL", url.expose_secret());
        command.env("PORT", self.port.to_string()).stdout(self.writer()).stderr(self.writer());
        process::own_group(&mut command);
        process::die_with_us(&mut command, Signal::SIGKILL);
        self.child = Some(process::spawn(command).expect("the server starts"));
    }

    fn writer(&self) -> File {
        OpenOptions::new().create(true).append(true).open(&self.log).expect("a log can be written")
    }

    /// Waits until it is ready to serve.
    pub async fn ready(&mut self) {
        self.answers("/health/ready", START_TIMEOUT).await;
    }

    /// Waits until a path returns 200.
    pub async fn answers(&mut self, path: &str, patience: Duration) {
        let (http, deadline) = (Client::new(), Instant::now() + patience);
        let url = format!("{}{path}", self.url());
        while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait().expect("a child can be waited for")
            {
                panic!("{status} instead of {path}:\n{}", self.tail());
            }
            assert!(Instant::now() < deadline, "{path} not within {patience:?}:\n{}", self.tail());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it with SIGKILL. Harmless when it does not run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::stop(&mut child, &[]).expect("a child can be killed");
        }
    }

    /// Whether it has ended by itself.
    pub fn is_gone(&mut self) -> bool {
        let ended =
            self.child.as_mut().is_none_or(|child| child.try_wait().expect("a child can be waited for").is_some());
        if ended {
            self.child = None;
        }
        ended
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        nix::sys::signal::kill(process::pid(child), signal).expect("it can be signalled");
    }

    /// Stops it with SIGTERM, waits, and returns its exit status.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let mut child = self.child.take().expect("it runs");
        let deadline = Instant::now() + FAREWELL;
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                return status;
            }
            if Instant::now() > deadline {
                process::stop(&mut child, &[]).expect("a child can be killed");
                panic!("not gone within {FAREWELL:?} after SIGTERM:\n{}", self.tail());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Its resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let pid = process::pid(self.child.as_ref().expect("it runs")).to_string();
        let output = Command::new("ps").args(["-o", "rss=", "-p", &pid]).output().expect("ps runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = self.log();
        let lines: Vec<_> = text.lines().collect();
        format!("{}\n(from {})", lines[lines.len().saturating_sub(12)..].join("\n"), self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether the connection was reset by the peer.
pub fn is_reset(error: &reqwest::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset) {
            return true;
        }
        source = error.source();
    }
    false
}
