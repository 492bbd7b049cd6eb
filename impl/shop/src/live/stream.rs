//! What one who watches an order is sent: its timeline as it was when he came, and then what is read for everybody.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event;
use contract::EventStream;
use futures_util::{StreamExt as _, stream};
use platform::identity::Principal;
use platform::{Database, Result};
use shop_api::apis::orders::StreamOrderEventsParams;
use shop_api::models::{OrderEvent, OrderStatus};
use tokio::time::{Instant, timeout};

use super::watchers::{Live, PAGE, Watch, newest};
use crate::event_queries::{self, Timeline};

/// What there is to be sent.
pub(crate) enum Events {
    /// The timeline as it is, and as it goes on.
    Stream(EventStream),
    /// The client knows everything, and nothing more will happen.
    Over,
    /// Order not found.
    Missing,
}

/// The timeline of an order, if the caller may see it.
///
/// # Errors
/// Those of the database, before the first event.
pub(crate) async fn events(
    database: &Database,
    live: &Live,
    caller: Principal,
    params: &StreamOrderEventsParams,
) -> Result<Events> {
    let order = params.order_id;
    // Watched before it is read: what happens in between is seen twice rather than not at all.
    let watch = live.watch(order, caller);
    let after = match params.last_event_id.as_deref().and_then(|id| id.parse().ok()) {
        Some(event) => event_queries::place(database.reads(), order, event).await?,
        None => 0,
    };
    let Some(Timeline { status, events }) =
        event_queries::events(database.reads(), &caller, order, after, PAGE).await?
    else {
        return Ok(Events::Missing);
    };
    // An `EventSource` whose stream has ended comes again, and for ever, unless it is told that there is nothing to come for.
    if is_final(status) && events.is_empty() {
        return Ok(Events::Over);
    }
    let patience = Duration::from_secs(u64::try_from(params.seconds).unwrap_or(1)).min(caller.remaining());
    let after = after.max(newest(&events));
    // If it is, there is nothing to wait for; unless there is more than one page.
    let is_done = is_final(status) && events.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
    let reader = Reader { watch, after, is_done, until: Instant::now() + patience };
    let news = stream::unfold(reader, |mut reader| async move { Some((stream::iter(reader.next().await?), reader)) });
    let all = stream::iter(events).chain(news.flatten());
    Ok(Events::Stream(Box::pin(all.map(|event| Ok::<_, Infallible>(encoded(&event))))))
}

struct Reader {
    watch: Watch,
    /// The last event that was sent.
    after: i64,
    /// There will be no more.
    is_done: bool,
    until: Instant,
}

impl Reader {
    /// The events since the last ones; nothing when there will be none.
    async fn next(&mut self) -> Option<Vec<OrderEvent>> {
        if self.is_done {
            return None;
        }
        let (after, left) = (self.after, self.until.saturating_duration_since(Instant::now()));
        let Watch { events, end, .. } = &mut self.watch;
        let known = tokio::select! {
            biased;
            () = end.cancelled() => return None,
            known = timeout(left, events.wait_for(|known| newest(known) > after)) => known.ok()?.ok()?,
        };
        let news: Vec<OrderEvent> = known.iter().filter(|event| event.id > after).cloned().collect();
        self.after = newest(&news);
        self.is_done = news.last().is_some_and(|last| is_final(last.status));
        Some(news)
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
