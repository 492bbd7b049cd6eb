//! Counts in Redis, which all replicas share: one script, so that concurrent requests are counted correctly.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{ErrorKind, RedisError, Script, ScriptInvocation, ServerErrorKind};
use platform_store::Cache;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::handover::{Handover, Unknown};
use crate::local::Local;
use crate::window::{Ask, Count, SLICES_PER_WINDOW, Told, Verdict};

/// How long Redis is not used after it was unavailable.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A process that counts says so this often.
const PRESENCE_INTERVAL: Duration = Duration::from_secs(10);
/// A process that has not said so for this long does not count any more.
const PRESENCE_LIFETIME: Duration = Duration::from_secs(30);

/// Redis is unavailable.
pub(super) struct Away;

/// One multiplexed connection, on which requests do not wait for each other.
pub(super) struct Shared {
    cache: Cache,
    take: Script,
    /// The name of this process.
    process: String,
    /// Which processes count, by class.
    presences: SyncMutex<HashMap<&'static str, Presence>>,
    link: Mutex<Link>,
    /// Connections opened so far.
    opened: AtomicU64,
    /// Known to be unavailable: one request at a time tries again, the others do not wait for it.
    is_away: AtomicBool,
}

/// Of the processes that count windows of a class.
struct Presence {
    /// When this process last said that it is one of them.
    said: Instant,
    /// How many they are.
    processes: u32,
}

enum Link {
    Unused,
    /// The number tells it apart from earlier connections, whose failures say nothing about it.
    Open(MultiplexedConnection, u64),
    Away {
        since: Instant,
    },
}

impl Shared {
    pub(super) fn new(cache: Cache) -> Self {
        Self {
            process: Uuid::new_v4().simple().to_string(),
            presences: SyncMutex::default(),
            cache,
            take: Script::new(include_str!("take.lua")),
            link: Mutex::new(Link::Unused),
            opened: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
        }
    }

    /// How many processes count windows of a class, this one included, as far as Redis told.
    pub(super) fn processes(&self, class: &str) -> u32 {
        self.presences().get(class).map_or(1, |presence| presence.processes.max(1))
    }

    /// Counts once under every key, or under none if one of them is full. Redis learns what only `local` knows of them, and
    /// `local` what Redis knows.
    pub(super) async fn take(&self, asks: &[Ask], local: &Local) -> Result<Vec<Count>, Away> {
        let deadline = Instant::now() + self.cache.timeout();
        let mut is_first = true;
        loop {
            let (mut connection, number) = self.connection(deadline).await?;
            let handover = local.hand_over(asks, number);
            let call = self.call(asks, &handover);
            let answer = timeout_at(deadline, call.invoke_async::<Vec<i64>>(&mut connection)).await;
            let error = match answer.unwrap_or_else(|_| Err(late())) {
                Ok(answer) => {
                    let mut numbers = answer.into_iter();
                    let now = numbers.next().unwrap_or(0);
                    let told: Vec<Told> = asks.iter().map(|_| told(&mut numbers)).collect();
                    self.are_present(asks, &told);
                    handover.acknowledged(&told, number, now);
                    return Ok(told.iter().map(|told| told.count).collect());
                }
                Err(error) => error,
            };
            // Another client's SCRIPT FLUSH may come between loading the script and calling it.
            let is_forgotten = error.kind() == ErrorKind::Server(ServerErrorKind::NoScript);
            // A connection that was closed while idle says nothing about Redis now.
            let is_cut = error.is_io_error() && !error.is_timeout();
            let again = is_first && (is_forgotten || is_cut);
            if !(again && is_forgotten) {
                self.lost(number, again, &error);
            }
            if !again {
                return Err(Away);
            }
            is_first = false;
        }
    }

    fn call(&self, asks: &[Ask], handover: &Handover<'_>) -> ScriptInvocation<'_> {
        let mut call = self.take.prepare_invoke();
        call.arg(SLICES_PER_WINDOW).arg(PRESENCE_LIFETIME.as_millis() as u64).arg(&*self.process);
        let presences = self.presences();
        for (ask, Unknown { told, own }) in asks.iter().zip(&handover.unknown) {
            let is_due = presences.get(ask.class).is_none_or(|one| one.said.elapsed() >= PRESENCE_INTERVAL);
            call.key(self.cache.key(&ask.key)).key(self.cache.key(format_args!("processes:{}", ask.class)));
            call.arg(ask.amount).arg(ask.window_millis()).arg(u8::from(is_due));
            for list in [told, own] {
                call.arg(list.len());
                for (number, count) in list {
                    call.arg(*number).arg(*count);
                }
            }
        }
        call
    }

    /// Redis told how many processes count; it knows of this one.
    fn are_present(&self, asks: &[Ask], told: &[Told]) {
        let mut presences = self.presences();
        for (ask, Told { processes, .. }) in asks.iter().zip(told) {
            let said = Instant::now();
            let known = presences.entry(ask.class).or_insert(Presence { said, processes: *processes });
            known.processes = *processes;
            if known.said.elapsed() >= PRESENCE_INTERVAL {
                known.said = said;
            }
        }
    }

    fn presences(&self) -> MutexGuard<'_, HashMap<&'static str, Presence>> {
        self.presences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection and its number. Waiting for another request's attempt to connect ends at `deadline`.
    async fn connection(&self, deadline: Instant) -> Result<(MultiplexedConnection, u64), Away> {
        let mut link = match self.is_away.load(Ordering::Acquire) {
            true => self.link.try_lock().map_err(|_| Away)?,
            false => timeout_at(deadline, self.link.lock()).await.map_err(|_| Away)?,
        };
        match &*link {
            Link::Open(connection, number) => return Ok((connection.clone(), *number)),
            Link::Away { since } if since.elapsed() < RETRY_DELAY => return Err(Away),
            Link::Away { .. } | Link::Unused => {}
        }
        // If this is cancelled, the next request connects.
        let attempt = timeout_at(deadline, self.cache.dedicated(self.cache.timeout()));
        match attempt.await.unwrap_or_else(|_| Err(late())) {
            Ok(connection) => {
                let number = self.opened.fetch_add(1, Ordering::Relaxed);
                *link = Link::Open(connection.clone(), number);
                if self.is_away.swap(false, Ordering::AcqRel) {
                    tracing::info!("rate limiting by Redis resumed");
                }
                Ok((connection, number))
            }
            Err(error) => {
                self.away(&mut link, &error);
                Err(Away)
            }
        }
    }

    /// Marks the connection with this number as failed; there may be a newer one.
    fn lost(&self, number: u64, again: bool, error: &RedisError) {
        // Another request is reconnecting.
        let Ok(mut link) = self.link.try_lock() else { return };
        match *link {
            Link::Open(_, open) if open == number && again => *link = Link::Unused,
            Link::Open(_, open) if open == number => self.away(&mut link, error),
            _ => {}
        }
    }

    fn away(&self, link: &mut Link, error: &RedisError) {
        *link = Link::Away { since: Instant::now() };
        if !self.is_away.swap(true, Ordering::AcqRel) {
            tracing::warn!(%error, "Redis unavailable, rate limiting per process");
        }
    }
}

fn late() -> RedisError {
    RedisError::from(io::Error::from(io::ErrorKind::TimedOut))
}

fn told(numbers: &mut impl Iterator<Item = i64>) -> Told {
    let mut next = || numbers.next().unwrap_or(0);
    let verdict = if next() == 0 { Verdict::Counted } else { Verdict::Full };
    let remaining = u32::try_from(next()).unwrap_or(0);
    let reset = Duration::from_millis(next().max(0).cast_unsigned());
    let processes = u32::try_from(next()).unwrap_or(1);
    let slices = (0..next()).map(|_| (next(), u32::try_from(next()).unwrap_or(0))).collect();
    Told { count: Count { verdict, remaining, reset }, processes, slices }
}
