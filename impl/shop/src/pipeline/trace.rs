//! What the trace of an order's request learns of its message: how long it waited, and how long it took.

use std::time::SystemTime;

use platform::traces::{self, Attribute, Kind};

use super::batch::{Decided, ORDER_CREATED};

/// Tells of an order that was decided in a batch of `size` that began then.
pub(super) fn tell(decided: &Decided, began: SystemTime, size: usize) {
    let Some(parent) = decided.trace else { return };
    if let Some(mut wait) = traces::because_of(parent, decided.written.into()) {
        wait.service = "worker".to_owned();
        wait.name = format!("{ORDER_CREATED} wait");
        wait.ended = began;
        traces::tell(wait);
    }
    if let Some(mut work) = traces::because_of(parent, began) {
        work.service = "worker".to_owned();
        work.name = format!("{ORDER_CREATED} process");
        work.kind = Kind::Consumer;
        work.attributes = vec![
            ("order.id", Attribute::Number(decided.order)),
            ("order.outcome", Attribute::Text(decided.outcome.to_owned())),
            ("messaging.batch.message_count", Attribute::Number(i64::try_from(size).unwrap_or(i64::MAX))),
        ];
        traces::tell(work);
    }
}
