//! Warnings of Postgres, which its driver only logs: a COMMIT that was not replicated as it should have been succeeds, with a warning.

use std::cell::Cell;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// The target of sqlx's events for notices.
const TARGET: &str = "sqlx::postgres::notice";

tokio::task_local! {
    static IS_WARNED: Cell<bool>;
}

/// Runs `work`; whether Postgres warned of anything meanwhile, whatever is logged. Only where logging was started.
pub async fn watched<T>(work: impl Future<Output = T>) -> (T, bool) {
    let work = async {
        let done = work.await;
        (done, IS_WARNED.with(Cell::get))
    };
    IS_WARNED.scope(Cell::new(false), work).await
}

/// Hears of warnings.
pub(crate) struct Notices;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Notices {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() <= Level::WARN {
            let _ = IS_WARNED.try_with(|is_warned| is_warned.set(true));
        }
    }
}

/// The events that [`Notices`] needs.
pub(crate) fn filter<S>() -> impl Filter<S> {
    Targets::new().with_target(TARGET, Level::WARN)
}
