//! A private Redis or Valkey: with an append-only file unless configured otherwise, no eviction, a password, on loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Result;
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::find::Search;
use crate::identity::Identity;
use crate::place::{Place, write_private};
use crate::process::{self, Signal};

const STOP_STEPS: [(Signal, Duration); 1] = [(Signal::SIGTERM, Duration::from_secs(5))];
const START_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Redis {
    program: PathBuf,
    identity: Identity,
    data: PathBuf,
    password: String,
    port: u16,
    daemon: Daemon,
}

impl Redis {
    /// Starts it; [`Redis::wait`] waits until it is ready.
    pub(crate) fn start(place: &mut Place, search: &Search<'_>, append_only: bool) -> Result<Self> {
        let program = search.redis()?;
        let data = place.data_dir("redis")?;
        end_orphan(&data)?;
        let (port, password, log) = (place.port("redis")?, place.password("redis")?, place.log("redis")?);
        let identity = place.identity;
        configure(&data, identity, port, &password, append_only)?;
        let daemon = Daemon::spawn("redis", log, &STOP_STEPS, server(&program, identity, &data))?;
        let redis = Self { program, identity, data, password, port, daemon };
        redis.remember()?;
        Ok(redis)
    }

    /// Waits until it responds. `Ok(false)`: another process took the port meanwhile.
    pub(crate) fn wait(&mut self, interrupted: &AtomicBool) -> Result<bool> {
        self.daemon.until(START_TIMEOUT, interrupted, |_| answers(self.port, &self.password))
    }

    pub(crate) fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/0", self.password, self.port)
    }

    /// Starts it again if it has ended, without waiting.
    pub(crate) fn revive(&mut self) -> Result<bool> {
        if !self.daemon.is_gone()? {
            return Ok(false);
        }
        self.daemon.respawn(server(&self.program, self.identity, &self.data))?;
        self.remember()?;
        Ok(true)
    }

    /// Writes the process id, for a run that has to clean up after this one.
    fn remember(&self) -> Result<()> {
        write_private(&self.data.join("pid"), &self.daemon.pid().to_string())
    }
}

fn server(program: &Path, identity: Identity, data: &Path) -> Command {
    let mut command = identity.command(program);
    command.arg(data.join("redis.conf"));
    command
}

/// Whether the server on this port accepts the password and responds, which one that is loading its file does not.
fn answers(port: u16, password: &str) -> bool {
    let ask = || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.write_all(format!("AUTH {password}\r\nPING\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).map(|_| answer)
    };
    ask().is_ok_and(|answer: String| answer.starts_with("+OK\r\n+PONG"))
}

/// Writes the configuration to a file, because arguments are visible to all users.
fn configure(data: &Path, identity: Identity, port: u16, password: &str, append_only: bool) -> Result<()> {
    let conf = data.join("redis.conf");
    let text = format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir \"{}\"\n\
         appendonly {append}\nappendfsync everysec\nsave \"\"\n\
         maxmemory 512mb\nmaxmemory-policy noeviction\n",
        data.display(),
        append = if append_only { "yes" } else { "no" },
    );
    write_private(&conf, &text)?;
    if let Some((uid, gid)) = identity.owner() {
        std::os::unix::fs::chown(&conf, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Ends a server that outlived the run that started it: the folder is locked, so no other run may be using the data.
pub(crate) fn end_orphan(data: &Path) -> Result<()> {
    end_server(data);
    // A child that rewrites the file goes on when its server was killed.
    process::end_inside(data, &["valkey-server", "redis-server"]);
    Ok(())
}

fn end_server(data: &Path) {
    let Some(pid) = fs::read_to_string(data.join("pid")).ok().and_then(|pid| pid.parse().ok()) else {
        return;
    };
    let pid = Pid::from_raw(pid);
    // Its process title contains its address: "valkey-server 127.0.0.1:6379".
    let conf = fs::read_to_string(data.join("redis.conf")).unwrap_or_default();
    let port = conf.lines().find_map(|line| line.strip_prefix("port ")).unwrap_or("none");
    if process::command_line(pid)
        .is_some_and(|line| line.contains("-server 127.0.0.1") && line.contains(&format!(":{port}")))
    {
        process::stop_stranger(pid, &STOP_STEPS);
    }
}
