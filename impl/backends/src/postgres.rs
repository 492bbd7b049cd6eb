//! A private Postgres: initialized once, started on a loopback port and a socket, used by an application role with a password.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::find::{PostgresBinaries, Search};
use crate::identity::Identity;
use crate::options::Options;
use crate::place::Place;
use crate::process::{self, Signal};

/// Fast, then immediate shutdown.
const STOP_STEPS: [(Signal, Duration); 2] =
    [(Signal::SIGINT, Duration::from_secs(10)), (Signal::SIGQUIT, Duration::from_secs(3))];
/// The timeout of a start, which includes crash recovery.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// For two cores and a database that fits into memory. Durability settings are the defaults.
const SETTINGS: [&str; 9] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_permissions=0700",
    "shared_buffers=128MB",
    "effective_cache_size=1GB",
    "random_page_cost=1.1",
    "jit=off",
    "idle_in_transaction_session_timeout=30s",
    "timezone=UTC",
    "log_line_prefix=%m [%p] %q%u@%d ",
];

/// The role that owns the databases. It may create more, and less privileged roles.
const ROLE: &str = "app";

pub(crate) struct Postgres {
    launch: Launch,
    password: String,
    daemon: Daemon,
}

/// How to start the server, also again.
#[derive(Debug)]
struct Launch {
    binaries: PostgresBinaries,
    identity: Identity,
    data: PathBuf,
    sockets: PathBuf,
    port: u16,
    connections: u32,
    durable: bool,
}

impl Postgres {
    /// Initializes the database cluster when there is none, and starts it; [`Postgres::wait`] waits until it is ready.
    pub(crate) fn start(place: &mut Place, search: &Search<'_>, options: &Options) -> Result<Self> {
        let data = place.data_dir("postgres")?;
        let written_by =
            fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|version| version.trim().parse().ok());
        let launch = Launch {
            binaries: search.postgres(written_by)?,
            identity: place.identity,
            data,
            sockets: place.socket_dir()?,
            port: place.port("postgres")?,
            connections: options.connections,
            durable: options.durable,
        };
        if written_by.is_none() {
            make_cluster(&launch)?;
        }
        end_orphan(&launch.data)?;
        let (password, log) = (place.password("postgres")?, place.log("postgres")?);
        let daemon = Daemon::spawn("postgres", log, &STOP_STEPS, launch.command())?;
        Ok(Self { launch, password, daemon })
    }

    /// Waits until it is ready, and prepares the application's role. `Ok(false)`: another process took the port meanwhile.
    pub(crate) fn wait(&mut self, database: &str, interrupted: &AtomicBool) -> Result<bool> {
        // The eighth line of the lock file is the server's state, which pg_ctl reads as well. The first is its process id, by
        // which a left-over file is told apart; a namespace changes user ids only.
        let ready = |pid: u32| {
            lock_file(&self.launch.data).is_some_and(|lines| {
                lines.first() == Some(&pid.to_string()) && lines.get(7).is_some_and(|status| status.trim() == "ready")
            })
        };
        if !self.daemon.until(START_TIMEOUT, interrupted, ready)? {
            return Ok(false);
        }
        self.prepare(database)?;
        Ok(true)
    }

    /// Creates the role and its database when missing, and sets its password. The owner can see and terminate sessions of the
    /// services, which log in as roles of their own.
    fn prepare(&self, database: &str) -> Result<()> {
        let sql = format!(
            "SELECT 'CREATE ROLE {ROLE}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') \\gexec\n\
             ALTER ROLE {ROLE} LOGIN CREATEDB CREATEROLE PASSWORD '{password}';\n\
             GRANT pg_monitor, pg_signal_backend TO {ROLE};\n\
             SELECT 'CREATE DATABASE \"{database}\" OWNER {ROLE}'\n\
             WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec\n",
            password = self.password,
        );
        let mut psql = self.launch.identity.command(self.launch.binaries.bin.join("psql"));
        // The socket trusts everyone who can enter its folder: the caller and the server.
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-p",
            &self.launch.port.to_string(),
            "-h",
        ]);
        psql.arg(&self.launch.sockets).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = process::spawn(psql).context("cannot run psql")?;
        // Through stdin, because arguments are visible to all users.
        child.stdin.take().context("psql has a stdin")?.write_all(sql.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("cannot set up the role {ROLE}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    pub(crate) fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    pub(crate) fn programs(&self) -> &Path {
        &self.launch.binaries.bin
    }

    pub(crate) fn script(&self, script: &str) -> Result<Command> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let path = [self.programs().to_owned()].into_iter().chain(std::env::split_paths(&inherited));
        let mut command = self.launch.identity.command("bash");
        command.args(["-euo", "pipefail", "-c", script]).env("PATH", std::env::join_paths(path)?);
        command.env("PGDATA", &self.launch.data).env("PGHOST", &self.launch.sockets);
        command.env("PGPORT", self.launch.port.to_string()).env("PGUSER", "postgres").env("PGDATABASE", "postgres");
        Ok(command)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql://{ROLE}:{}@127.0.0.1:{}/{database}", self.password, self.launch.port)
    }

    /// Starts it again if it has ended, without waiting.
    pub(crate) fn revive(&mut self) -> Result<bool> {
        if !self.daemon.is_gone()? {
            return Ok(false);
        }
        end_orphan(&self.launch.data)?;
        self.daemon.respawn(self.launch.command())?;
        Ok(true)
    }
}

impl Launch {
    fn command(&self) -> Command {
        let mut command = self.identity.command(self.binaries.bin.join("postgres"));
        command.arg("-D").arg(&self.data).args(["-p", &self.port.to_string(), "-k"]).arg(&self.sockets);
        command.args(["-N", &self.connections.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        if !self.durable {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        command
    }
}

/// Runs initdb. When it fails it removes its files; those of a killed one are removed here.
fn make_cluster(launch: &Launch) -> Result<()> {
    for entry in fs::read_dir(&launch.data)? {
        let path = entry?.path();
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    let mut initdb = launch.identity.command(launch.binaries.bin.join("initdb"));
    initdb.arg("-D").arg(&launch.data).args(["-U", "postgres", "--encoding=UTF8", "--no-instructions"]);
    initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    // Collation by code point, but case mapping beyond ASCII.
    initdb.args(match (launch.binaries.major, cfg!(target_os = "macos")) {
        (17.., _) => ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"].as_slice(),
        (_, false) => &["--locale=C", "--lc-ctype=C.UTF-8"],
        (_, true) => &["--locale=C", "--lc-ctype=en_US.UTF-8"],
    });
    if !launch.durable {
        initdb.arg("--no-sync");
    }
    process::die_with_us(&mut initdb, Signal::SIGTERM);
    initdb.stdout(Stdio::null()).stderr(Stdio::piped());
    let output = process::spawn(initdb).and_then(Child::wait_with_output).context("cannot run initdb")?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Ends a server that outlived the run that started it: the folder is locked, so no other run may be using the data.
///
/// Its children, too: one that is recovering, or was stopped, does not notice that its parent has ended, and holds the shared
/// memory, so that the next server does not start.
///
/// A lock file of an ended server stays: the next one needs its entry about the shared memory. Only if its process id now belongs
/// to another process would it keep the next server from starting for ever.
pub(crate) fn end_orphan(data: &Path) -> Result<()> {
    end_server(data)?;
    process::end_inside(data, &["postgres"]);
    Ok(())
}

fn end_server(data: &Path) -> Result<()> {
    let Some((pid, rest)) = lock_file(data).and_then(|lines| {
        let (first, rest) = lines.split_first()?;
        Some((Pid::from_raw(first.trim().parse().ok()?), rest.join("\n")))
    }) else {
        return Ok(());
    };
    match process::command_line(pid) {
        None => {}
        Some(line) if line.contains(&*data.to_string_lossy()) => process::stop_stranger(pid, &STOP_STEPS),
        // The highest number is never a process id.
        Some(_) => fs::write(data.join("postmaster.pid"), format!("{}\n{rest}\n", i32::MAX))?,
    }
    Ok(())
}

fn lock_file(data: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}
