//! The orders that are watched in this process, and who watches them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis;
use platform::identity::{self, Principal};
use platform::{Cache, Database};
use shop_api::models::OrderEvent;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::event_queries;

/// How often the timelines are asked, and whether those who watch still may.
const TICK: Duration = Duration::from_millis(500);
/// Announcements that wait to be sent; more are left to the tick.
const WAITING: usize = 4_096;
/// Orders of one announcement.
const AT_ONCE: usize = 500;
/// Events of an order read at once.
pub(super) const PAGE: i64 = 100;

/// The orders that are watched in this process. Clones are one.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    database: Database,
    cache: Option<Cache>,
    watched: Mutex<Watched>,
    /// Everybody is sent away.
    closing: CancellationToken,
    announcements: mpsc::Sender<i64>,
    to_send: Mutex<Option<mpsc::Receiver<i64>>>,
}

#[derive(Default)]
struct Watched {
    /// What is known to have happened to each order that is watched.
    orders: HashMap<i64, watch::Sender<Vec<OrderEvent>>>,
    /// Who watches, and how to send him away.
    watchers: HashMap<u64, (Principal, CancellationToken)>,
    last_watcher: u64,
}

impl Live {
    pub(crate) fn new(database: Database, cache: Option<Cache>) -> Self {
        let (announcements, to_send) = mpsc::channel(WAITING);
        let (watched, to_send) = (Mutex::default(), Mutex::new(Some(to_send)));
        Self(Arc::new(Inner { database, cache, watched, closing: CancellationToken::new(), announcements, to_send }))
    }

    /// Has everybody told who watches these orders, in whatever process.
    pub(crate) fn announce(&self, orders: &[i64]) {
        for order in orders {
            // Too many, or nobody is running to send them: the tick finds out.
            let _ = self.0.announcements.try_send(*order);
        }
    }

    /// Sends announcements and hears those of others until it is told to stop.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.send() => {}
            () = self.hear() => {}
            () = self.tick() => {}
        }
    }

    /// Sends announcements until it is told to stop, where nobody watches.
    pub(crate) async fn tell(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.send() => {}
        }
    }

    /// The first who comes sends for all.
    async fn send(&self) {
        let mine = self.0.to_send.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut to_send) = mine else { return std::future::pending().await };
        let mut orders = Vec::with_capacity(AT_ONCE);
        while to_send.recv_many(&mut orders, AT_ONCE).await > 0 {
            if self.publish(&orders).await.is_none() {
                // The watchers of this process need no Redis.
                self.refresh(&orders).await;
            }
            orders.clear();
        }
        std::future::pending::<()>().await;
    }

    async fn publish(&self, orders: &[i64]) -> Option<()> {
        let cache = self.0.cache.as_ref()?;
        let mut connection = cache.connection().await.ok()?;
        let text = orders.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel(cache)).arg(text).query_async::<()>(&mut connection).await.ok()
    }

    async fn hear(&self) {
        let Some(cache) = &self.0.cache else { return std::future::pending().await };
        let heard = |text: String| async move {
            let orders: Vec<i64> = text.split(',').filter_map(|order| order.parse().ok()).collect();
            self.refresh(&orders).await;
        };
        cache.hear(&channel(cache), heard).await;
    }

    async fn tick(&self) {
        loop {
            sleep(TICK).await;
            let orders: Vec<i64> = self.lock().orders.keys().copied().collect();
            tokio::join!(self.refresh(&orders), self.dismiss());
        }
    }

    /// Reads on in the timelines of those of the orders that are watched. What cannot be read now is left to the tick.
    async fn refresh(&self, orders: &[i64]) {
        let known: (Vec<i64>, Vec<i64>) = {
            let watched = self.lock();
            let last = |order: &i64| Some((*order, newest(&watched.orders.get(order)?.borrow())));
            orders.iter().filter_map(last).unzip()
        };
        if known.0.is_empty() {
            return;
        }
        let events = event_queries::events_since(self.0.database.reads(), &known, PAGE).await.unwrap_or_default();
        let watched = self.lock();
        for event in events {
            if let Some(timeline) = watched.orders.get(&event.order_id) {
                timeline.send_if_modified(|known| {
                    // Two may have read the same.
                    let new = newest(known) < event.id;
                    if new {
                        known.push(event);
                    }
                    new
                });
            }
        }
    }

    /// Sends those away whose token, account or rights are gone.
    async fn dismiss(&self) {
        let callers: HashSet<Principal> = self.lock().watchers.values().map(|(caller, _)| *caller).collect();
        if callers.is_empty() {
            return;
        }
        let asked: Vec<Principal> = callers.iter().copied().collect();
        // Nobody learns anything either while the database is away.
        let Ok(welcome) = identity::still_welcome(&self.0.database, &asked).await else { return };
        for (caller, end) in self.lock().watchers.values() {
            if callers.contains(caller) && !welcome.contains(caller) {
                end.cancel();
            }
        }
    }

    /// Ends every stream, and those to come after what has happened already: others must serve from now on.
    pub(crate) fn close(&self) {
        self.0.closing.cancel();
    }

    pub(crate) fn watchers(&self) -> usize {
        self.lock().watchers.len()
    }

    pub(super) fn watch(&self, order: i64, caller: Principal) -> Watch {
        let mut watched = self.lock();
        let events = watched.orders.entry(order).or_insert_with(|| watch::Sender::new(Vec::new())).subscribe();
        watched.last_watcher += 1;
        let (id, end) = (watched.last_watcher, self.0.closing.child_token());
        watched.watchers.insert(id, (caller, end.clone()));
        drop(watched);
        Watch { live: self.clone(), order, id, events, end }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of the last of these events; 0 when there is none.
pub(super) fn newest(events: &[OrderEvent]) -> i64 {
    events.last().map_or(0, |event| event.id)
}

impl fmt::Debug for Live {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Live").field("watchers", &self.watchers()).finish_non_exhaustive()
    }
}

fn channel(cache: &Cache) -> String {
    cache.key("order-events")
}

/// Somebody watches an order.
pub(super) struct Watch {
    live: Live,
    order: i64,
    id: u64,
    pub(super) events: watch::Receiver<Vec<OrderEvent>>,
    /// He may not go on.
    pub(super) end: CancellationToken,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.live.lock();
        watched.watchers.remove(&self.id);
        // This one is still counted.
        if watched.orders.get(&self.order).is_some_and(|timeline| timeline.receiver_count() <= 1) {
            watched.orders.remove(&self.order);
        }
    }
}
