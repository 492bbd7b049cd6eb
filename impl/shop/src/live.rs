//! What happens to orders, live: each replica of the API tells those who watch an order that there is something new, and
//! they read it from the timeline. So every replica shows the same, in the same order, and nothing is missed.
//!
//! Redis carries the news; once a second the timelines of watched orders are asked as well, all in one statement, because
//! news can be lost.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use contract::EventStream;
use deadpool_redis::redis;
use futures_util::{StreamExt as _, stream};
use platform::identity::Principal;
use platform::{Cache, Database, Result};
use shop_api::apis::orders::StreamOrderEventsParams;
use shop_api::models::{OrderEvent, OrderStatus};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::order_queries::{self, Timeline};

/// How often the timelines are asked.
const TICK: Duration = Duration::from_secs(1);
/// Announcements that wait to be sent; more are left to the tick.
const WAITING: usize = 4_096;
/// Orders of one announcement.
const AT_ONCE: usize = 500;
/// Events read at once.
const PAGE: i64 = 100;

/// The orders that are watched in this process. Clones are one.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    database: Database,
    cache: Option<Cache>,
    /// The newest event known of each order that is watched.
    watched: Mutex<HashMap<i64, watch::Sender<i64>>>,
    announcements: mpsc::Sender<i64>,
    to_send: Mutex<Option<mpsc::Receiver<i64>>>,
}

impl Live {
    pub(crate) fn new(database: Database, cache: Option<Cache>) -> Self {
        let (announcements, to_send) = mpsc::channel(WAITING);
        let (watched, to_send) = (Mutex::default(), Mutex::new(Some(to_send)));
        Self(Arc::new(Inner { database, cache, watched, announcements, to_send }))
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
        std::future::pending().await
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
        loop {
            if let Ok(mut listener) = cache.listener().await
                && listener.subscribe(channel(cache)).await.is_ok()
            {
                let mut news = listener.on_message();
                while let Some(message) = news.next().await {
                    let text = message.get_payload::<String>().unwrap_or_default();
                    let orders: Vec<i64> = text.split(',').filter_map(|order| order.parse().ok()).collect();
                    self.refresh(&orders).await;
                }
            }
            sleep(TICK).await;
        }
    }

    async fn tick(&self) {
        loop {
            sleep(TICK).await;
            let orders: Vec<i64> = self.lock().keys().copied().collect();
            self.refresh(&orders).await;
        }
    }

    /// Wakes the watchers of those orders whose timeline has grown.
    async fn refresh(&self, orders: &[i64]) {
        let watched: Vec<i64> = {
            let all = self.lock();
            orders.iter().copied().filter(|order| all.contains_key(order)).collect()
        };
        if watched.is_empty() {
            return;
        }
        let newest = order_queries::newest_events(self.0.database.reads(), &watched).await.unwrap_or_default();
        let all = self.lock();
        for (order, event) in newest {
            if let Some(watchers) = all.get(&order) {
                watchers.send_if_modified(|known| std::mem::replace(known, event.max(*known)) < event);
            }
        }
    }

    fn watch(&self, order: i64) -> Watch {
        let news = self.lock().entry(order).or_insert_with(|| watch::Sender::new(0)).subscribe();
        Watch { live: self.clone(), order, news }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, watch::Sender<i64>>> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Live").field("watched", &self.lock().len()).finish_non_exhaustive()
    }
}

fn channel(cache: &Cache) -> String {
    cache.key("order-events")
}

/// Somebody watches an order.
struct Watch {
    live: Live,
    order: i64,
    news: watch::Receiver<i64>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut all = self.live.lock();
        // This one is still counted.
        if all.get(&self.order).is_some_and(|watchers| watchers.receiver_count() <= 1) {
            all.remove(&self.order);
        }
    }
}

/// The timeline of an order the caller may see, as it is and as it goes on; nothing when there is no such order.
///
/// # Errors
/// Those of the database, before the first event.
pub(crate) async fn events(
    database: &Database,
    live: &Live,
    caller: Principal,
    params: &StreamOrderEventsParams,
) -> Result<Option<EventStream>> {
    let order = params.order_id;
    // Watched before it is read: what happens in between is seen twice rather than not at all.
    let watch = live.watch(order);
    let after = match params.last_event_id.as_deref().and_then(|id| id.parse().ok()) {
        Some(event) => order_queries::place(database.reads(), order, event).await?,
        None => 0,
    };
    let Some(first) = order_queries::events(database.reads(), &caller, order, after, PAGE).await? else {
        return Ok(None);
    };
    let patience = Duration::from_secs(u64::try_from(params.seconds).unwrap_or(1)).min(caller.remaining());
    let (database, until) = (database.clone(), Instant::now() + patience);
    let state = Reader { database, caller, watch, after, unread: Some(first), until };
    let pages = stream::unfold(state, |mut reader| async move {
        let events = reader.next().await?;
        Some((stream::iter(events), reader))
    });
    Ok(Some(Box::pin(pages.flatten().map(|event| Ok::<_, Infallible>(encoded(&event))))))
}

struct Reader {
    database: Database,
    caller: Principal,
    watch: Watch,
    after: i64,
    /// What was read and not sent yet.
    unread: Option<Timeline>,
    until: Instant,
}

impl Reader {
    /// The events since the last ones; nothing when there will be none.
    async fn next(&mut self) -> Option<Vec<OrderEvent>> {
        loop {
            if let Some(Timeline { status, events }) = self.unread.take() {
                if is_final(status) {
                    // There is nothing to wait for.
                    self.until = Instant::now();
                }
                if let Some(last) = events.last() {
                    self.after = last.id;
                    return Some(events);
                }
            }
            let left = self.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            // News older than what was sent are none.
            let after = self.after;
            timeout(left, self.watch.news.wait_for(|newest| *newest > after)).await.ok()?.ok()?;
            let order = self.watch.order;
            self.unread = order_queries::events(self.database.reads(), &self.caller, order, after, PAGE).await.ok()?;
            // Gone, with its user.
            self.unread.as_ref()?;
        }
    }
}

fn is_final(status: OrderStatus) -> bool {
    matches!(status, OrderStatus::Paid | OrderStatus::Failed | OrderStatus::Cancelled)
}

fn encoded(event: &OrderEvent) -> Event {
    // Names, numbers and times: writing them into memory cannot fail.
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().id(event.id.to_string()).event(event.kind.as_str()).data(data)
}
