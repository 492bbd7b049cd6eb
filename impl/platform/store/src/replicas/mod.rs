//! Replicas: which operations read from them, and from which one.
//!
//! A replica is used while it is known to be in recovery, of the primary's history and not further behind than the settings allow. Everything
//! else, and whatever fails there, is read from the primary.

mod marks;
mod metrics;
mod position;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use contract::ReadFrom;
use platform_admission::Requester;
use platform_background::jittered;
use platform_settings::{DatabaseSettings, InvalidSettings};
use tokio::time::timeout;

use self::marks::Marks;
use self::position::{History, Place, Position};
use platform_connections::Cache;
use platform_connections::pool::{AfterCancel, Connections};
use platform_connections::{Servers, Wanted};

/// How often replicas and primary are asked where they are.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The timeout of that.
const POLL_TIMEOUT: Duration = Duration::from_secs(1);

/// The replicas of a database.
pub(crate) struct Replicas {
    all: Vec<Replica>,
    next: AtomicUsize,
    marks: Option<Marks>,
    max_lag: Duration,
    /// Reads that replicas served, and those of operations that allow it and were served by the primary all the same.
    served: AtomicU64,
    fell_back: AtomicU64,
}

/// One of them.
pub(crate) struct Replica {
    place: String,
    pub(crate) connections: Connections,
    seen: Mutex<Option<Seen>>,
}

/// Where a replica was.
#[derive(Debug, Clone, Copy)]
struct Seen {
    position: Position,
    /// It has everything that was written before this.
    complete_until: Instant,
}

impl Replicas {
    /// The replicas of the settings, which are polled until what is returned is dropped; `None` when there are none. `session` are the settings of each session that reads. Must be called inside a
    /// Tokio runtime.
    ///
    /// # Errors
    /// When the URL is invalid.
    pub(crate) fn start(
        settings: &DatabaseSettings,
        role: &str,
        session: &'static str,
        cache: Option<Cache>,
    ) -> Result<Option<Arc<Self>>, InvalidSettings> {
        let (mut all, mut asked) = (Vec::new(), Vec::new());
        for (place, one) in settings.replicas()? {
            let servers = Servers::with_session(&one, format!("{role}-replica-reads"), Wanted::Any, session)?;
            let (size, wait) = (settings.database_read_pool_size, settings.wait());
            let connections = Connections::new("database_replica_reads", servers, size, wait, AfterCancel::Recover);
            all.push(Replica { place, connections, seen: Mutex::default() });
            asked.push(Servers::new(&one, format!("{role}-replica-watch"), Wanted::Any)?);
        }
        if all.is_empty() {
            return Ok(None);
        }
        let primary = Servers::new(settings, format!("{role}-replica-watch"), Wanted::Writable)?;
        let replicas = Arc::new(Self {
            all,
            next: AtomicUsize::new(0),
            marks: cache.map(|cache| Marks::new(cache, settings.replica_max_lag())),
            max_lag: settings.replica_max_lag(),
            served: AtomicU64::new(0),
            fell_back: AtomicU64::new(0),
        });
        tokio::spawn(watch(Arc::downgrade(&replicas), asked, primary));
        Ok(Some(replicas))
    }

    /// The replica that the current request may read from.
    pub(crate) async fn choose(&self) -> Option<&Replica> {
        let requester = Requester::current()?;
        let needed = match requester.operation()?.read {
            ReadFrom::Primary => return None,
            ReadFrom::Replica => Some(Position::START),
            ReadFrom::AfterWrite => match &self.marks {
                Some(marks) => marks.needed(&requester).await,
                None => None,
            },
        };
        let chosen = needed.and_then(|needed| self.one_at(needed));
        if chosen.is_none() {
            self.fell_back.fetch_add(1, Ordering::Relaxed);
        }
        chosen
    }

    /// One after the other of those that have what was written until a position.
    fn one_at(&self, needed: Position) -> Option<&Replica> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let all = (0..self.all.len()).map(|step| &self.all[(first + step) % self.all.len()]);
        all.into_iter().find(|replica| {
            let seen = *replica.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.is_some_and(|seen| seen.position >= needed && seen.complete_until.elapsed() <= self.max_lag)
        })
    }

    /// Records how a read of a replica ended. One that failed is not used until it responds again.
    pub(crate) fn settle<T>(&self, replica: &Replica, result: &sqlx::Result<T>) {
        match result {
            Ok(_) => self.served.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                tracing::debug!(server.address = replica.place, %error, "reading from the primary instead of a replica");
                replica.see(None);
                self.fell_back.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    /// Remembers that the current request has written, and what a replica must have before its client may read from it.
    pub(crate) async fn wrote(&self, written: &Connections) {
        if let (Some(marks), Some(requester)) = (&self.marks, Requester::current()) {
            marks.remember(&requester, position::written(written).await).await;
        }
    }

    /// Their pools.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Connections> {
        self.all.iter().map(|replica| &replica.connections)
    }
}

impl Replica {
    fn see(&self, seen: Option<Seen>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

/// Asks the replicas, and then the primary, where they are: a replica that is ahead of the primary is of another history.
async fn watch(replicas: Weak<Replicas>, asked: Vec<Servers>, primary: Servers) {
    let (mut kept, mut primary_kept) = ((0..asked.len()).map(|_| None).collect::<Vec<_>>(), None);
    let mut usable: Vec<Option<bool>> = vec![None; asked.len()];
    let mut history = History::default();
    loop {
        let Some(replicas) = replicas.upgrade() else { return };
        let ask = asked.iter().zip(&mut kept).map(|(servers, kept)| in_time(position::replayed(servers, kept)));
        let places = futures_util::future::join_all(ask).await;
        let asked_at = Instant::now();
        let of_primary = in_time(position::current(&primary, &mut primary_kept)).await;
        if let Ok(Place { position: Some(position), .. }) = of_primary {
            history.add(asked_at, position, replicas.max_lag);
        }
        for ((replica, place), usable) in replicas.all.iter().zip(places).zip(&mut usable) {
            let seen = match (&place, &of_primary) {
                (Err(error), _) => Err(error.as_str()),
                (Ok(Place { position: None, .. }), _) => Err("it is no replica"),
                // Without a primary nothing is written, as far as this process knows: what it has grows too old.
                (Ok(_), Err(_)) => continue,
                (Ok(one), Ok(primary)) if one.system != primary.system => Err("it belongs to another primary"),
                (Ok(one), Ok(primary)) if one.position > primary.position => Err("it is ahead of the primary"),
                (Ok(Place { position: Some(position), .. }), Ok(_)) => {
                    let seen = history
                        .complete_until(*position)
                        .map(|complete_until| Seen { position: *position, complete_until });
                    seen.filter(|seen| seen.complete_until.elapsed() <= replicas.max_lag).ok_or("it is too far behind")
                }
            };
            if *usable != Some(seen.is_ok()) {
                match &seen {
                    Ok(_) => tracing::info!(server.address = replica.place, "replica is read from"),
                    Err(reason) => tracing::warn!(server.address = replica.place, reason, "replica is not read from"),
                }
            }
            *usable = Some(seen.is_ok());
            replica.see(seen.ok());
        }
        drop(replicas);
        tokio::time::sleep(jittered(POLL_INTERVAL)).await;
    }
}

/// Where a server is, or why that is not known.
async fn in_time(asked: impl Future<Output = sqlx::Result<Place>>) -> Result<Place, String> {
    match timeout(POLL_TIMEOUT, asked).await {
        Ok(place) => place.map_err(|error| error.to_string()),
        Err(_) => Err("it does not respond".to_owned()),
    }
}
