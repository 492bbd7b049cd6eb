//! Real servers, started, killed, restarted and stopped. They run as the user of the tests: root and others.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use backends::{Backends, Options, Server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

fn options(dir: &Path) -> Options {
    let wheels = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.local/py");
    Options { durable: false, ..Options::new(dir, wheels) }
}

fn temp() -> TempDir {
    TempDir::new().unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn sql(url: &str, statement: &'static str) -> sqlx::Result<Vec<String>> {
    let mut db = PgConnection::connect(url).await?;
    let rows = sqlx::query_scalar(statement).fetch_all(&mut db).await;
    db.close().await?;
    rows
}

/// Sends commands to Redis with the password of its URL, `redis://:PASSWORD@HOST:PORT/0`.
fn redis(url: &str, command: &str) -> String {
    let (password, rest) = url.strip_prefix("redis://:").unwrap().split_once('@').unwrap();
    let mut socket = TcpStream::connect(rest.strip_suffix("/0").unwrap()).unwrap();
    socket.write_all(format!("AUTH {password}\r\n{command}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn alive(pid: u32) -> bool {
    kill(Pid::from_raw(pid.try_into().unwrap()), None).is_ok()
}

fn hurt(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn data_and_urls_outlive_a_stop_and_processes_do_not() {
    let dir = temp();
    let mut first = Backends::start(&options(dir.path())).unwrap();
    let (postgres, cache) = (first.database_url().unwrap(), first.redis_url().unwrap());
    sql(&postgres, "CREATE TABLE kept AS SELECT 'here'::text").unwrap();
    assert!(redis(&cache, "SET kept here").contains("+OK\r\n+OK"));
    let pids = first.pids();
    assert!(pids.iter().all(|pid| alive(*pid)));
    first.stop().unwrap();
    assert!(pids.iter().all(|pid| !alive(*pid)), "a server is still there");

    let second = Backends::start(&options(dir.path())).unwrap();
    assert_eq!((second.database_url(), second.redis_url()), (Some(postgres.clone()), Some(cache.clone())));
    assert_eq!(sql(&postgres, "SELECT * FROM kept").unwrap(), ["here"]);
    assert!(redis(&cache, "GET kept").contains("here"));
    drop(second);

    let fresh = Backends::start(&Options { fresh: true, ..options(dir.path()) }).unwrap();
    assert!(sql(&fresh.database_url().unwrap(), "SELECT * FROM kept").is_err());
    assert!(!redis(&fresh.redis_url().unwrap(), "GET kept").contains("here"));
}

#[test]
fn the_role_needs_its_password_and_is_no_superuser() {
    let dir = temp();
    let servers = Backends::start(&options(dir.path())).unwrap();
    let url = servers.database_url().unwrap();
    assert_eq!(sql(&url, "SELECT current_setting('is_superuser')").unwrap(), ["off"]);
    let (before, after) = url.split_once('@').unwrap();
    let (user, _) = before.rsplit_once(':').unwrap();
    assert!(sql(&format!("{user}:wrong@{after}"), "SELECT 'in'").is_err());
    assert!(sql(&format!("postgresql://postgres@{after}"), "SELECT 'in'").is_err());
    assert!(
        redis("redis://:wrong@127.0.0.1:0/0".replace("127.0.0.1:0", port(&servers)).as_str(), "PING")
            .contains("-NOAUTH")
    );
}

fn port(servers: &Backends) -> &'static str {
    let url = servers.redis_url().unwrap();
    url.split_once('@').unwrap().1.strip_suffix("/0").unwrap().to_owned().leak()
}

#[test]
fn killed_servers_come_back_on_their_ports() {
    let dir = temp();
    let mut servers = Backends::start(&Options { durable: true, ..options(dir.path()) }).unwrap();
    let url = servers.database_url().unwrap();
    sql(&url, "CREATE TABLE kept AS SELECT 'here'::text").unwrap();
    for pid in servers.pids() {
        hurt(pid, Signal::SIGKILL);
    }
    eventually("postgres serves again", || {
        servers.revive().unwrap();
        sql(&url, "SELECT * FROM kept").is_ok_and(|rows| rows == ["here"])
    });
    eventually("redis serves again", || {
        servers.revive().unwrap();
        TcpStream::connect(port(&servers)).is_ok() && redis(&servers.redis_url().unwrap(), "PING").contains("+PONG")
    });
}

/// As when it is killed while it recovers from having been killed: a child holds the shared memory and does not notice.
#[cfg(target_os = "linux")]
#[test]
fn children_that_outlive_a_killed_server_do_not_keep_the_next_from_starting() {
    let dir = temp();
    let mut servers = Backends::start(&Options { durable: true, ..options(dir.path()) }).unwrap();
    let url = servers.database_url().unwrap();
    sql(&url, "CREATE TABLE kept AS SELECT 'here'::text").unwrap();
    for _ in 0..2 {
        let lock = fs::read_to_string(dir.path().join("postgres/postmaster.pid")).unwrap();
        let server: u32 = lock.lines().next().unwrap().parse().unwrap();
        let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
        let child = children.split_whitespace().next().unwrap().parse().unwrap();
        hurt(child, Signal::SIGSTOP);
        hurt(server, Signal::SIGKILL);
        eventually("postgres serves again", || {
            servers.revive().unwrap();
            sql(&url, "SELECT * FROM kept").is_ok_and(|rows| rows == ["here"])
        });
    }
}

#[test]
fn nothing_survives_a_killed_parent_and_the_next_run_starts() {
    let dir = temp();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serves_until_killed", "--nocapture"])
        .env("SERVE_IN", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids = lines.find_map(|line| line.split_once("pids ").map(|(_, pids)| pids.to_owned())).unwrap();
    let pids: Vec<u32> = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();

    let refused = Backends::start(&options(dir.path())).unwrap_err().to_string();
    assert!(refused.contains(&parent.id().to_string()), "{refused}");

    parent.kill().unwrap();
    parent.wait().unwrap();
    if cfg!(target_os = "linux") {
        eventually("the servers are gone", || pids.iter().all(|pid| !alive(*pid)));
    }
    let next = Backends::start(&options(dir.path())).unwrap();
    assert_eq!(sql(&next.database_url().unwrap(), "SELECT 'in'").unwrap(), ["in"]);
}

/// Not a test of its own: the process that the test above kills.
#[test]
fn serves_until_killed() {
    let Some(dir) = std::env::var_os("SERVE_IN") else { return };
    let mut servers = Backends::start(&options(Path::new(&dir))).unwrap();
    let pids: Vec<_> = servers.pids().iter().map(u32::to_string).collect();
    println!("pids {}", pids.join(" "));
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn servers_left_running_and_stale_lock_files_are_cleared_away() {
    let dir = temp();
    let mut servers = Backends::start(&options(dir.path())).unwrap();
    let pids = servers.pids();
    // Where the kernel does not end them with their parent, they still run when a crash has released the lock.
    fs::remove_file(dir.path().join("backends.lock")).unwrap();
    let next = Backends::start(&options(dir.path())).unwrap();
    drop(servers);
    assert!(pids.iter().all(|pid| !alive(*pid)), "a server was left behind");
    assert_eq!(sql(&next.database_url().unwrap(), "SELECT 'in'").unwrap(), ["in"]);
}

#[test]
fn a_lock_file_naming_a_stranger_does_not_stop_a_start() {
    let dir = temp();
    drop(Backends::start(&options(dir.path())).unwrap());
    let lock = dir.path().join("postgres/postmaster.pid");
    fs::write(&lock, format!("{}\n{}\n", std::process::id(), dir.path().display())).unwrap();
    let next = Backends::start(&options(dir.path())).unwrap();
    assert_eq!(sql(&next.database_url().unwrap(), "SELECT 'in'").unwrap(), ["in"]);
}

#[test]
fn folders_with_long_names_or_only_for_their_owner_do() {
    let outer = temp();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let dir = outer.path().join("a folder's name can be rather long ".repeat(4));
    let servers = Backends::start(&options(&dir)).unwrap();
    assert_eq!(sql(&servers.database_url().unwrap(), "SELECT 'in'").unwrap(), ["in"]);
    assert!(redis(&servers.redis_url().unwrap(), "PING").contains("+PONG"));
}

#[test]
fn one_server_is_killed_paused_and_resumed_while_the_other_stays() {
    let dir = temp();
    let mut servers = Backends::start(&Options { append_only: false, ..options(dir.path()) }).unwrap();
    let (postgres, cache) = (servers.database_url().unwrap(), servers.redis_url().unwrap());
    sql(&postgres, "CREATE TABLE kept AS SELECT 'here'::text").unwrap();
    assert!(redis(&cache, "SET kept here").contains("+OK\r\n+OK"));

    servers.kill(Server::Postgres).unwrap();
    assert!(sql(&postgres, "SELECT * FROM kept").is_err());
    assert!(redis(&cache, "GET kept").contains("here"), "the other one is not touched");
    servers.resume(Server::Postgres).unwrap();
    assert_eq!(sql(&postgres, "SELECT * FROM kept").unwrap(), ["here"]);
    servers.pause(Server::Postgres).unwrap();
    assert!(sql(&postgres, "SELECT * FROM kept").is_err());
    servers.resume(Server::Postgres).unwrap();
    assert_eq!(sql(&postgres, "SELECT * FROM kept").unwrap(), ["here"]);

    servers.kill(Server::Redis).unwrap();
    servers.resume(Server::Redis).unwrap();
    assert!(!redis(&cache, "GET kept").contains("here"), "without an append-only file nothing is kept");
    assert_eq!((servers.database_url(), servers.redis_url()), (Some(postgres), Some(cache)));
}

#[test]
fn no_port_is_given_twice() {
    let ports: HashSet<u16> = (0..500).map(|_| backends::free_port().unwrap()).collect();
    assert_eq!(ports.len(), 500);
}
