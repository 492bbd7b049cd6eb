//! What must hold of an outbox: nothing is lost, nothing waits for long, and at rest nothing is left.

use platform::sql;
use platform::verification::{Check, Finding};

use crate::stream::Stream;

/// Messages do not wait for long.
pub const NOTHING_OVERDUE: Check = Check::always(
    "O3",
    "no outbox message is overdue by more than 30 s",
    "outbox",
    sql!(
        "SELECT format('message %s: %s, due since %s', id, topic, available_at) FROM outbox
         WHERE available_at < now() - interval '30 seconds' ORDER BY id"
    ),
);

/// A dead letter says what it is.
pub const DEAD_LETTERS_COMPLETE: Check = Check::always(
    "O7",
    "dead letters have a reason and a payload",
    "dead_letters",
    sql!(
        "SELECT format('dead letter %s: reason %L, payload %L', id, reason, payload) FROM dead_letters
         WHERE reason = '' OR payload = '' ORDER BY id"
    ),
);

/// A dead letter that waits was not decided about, and every other one was.
pub const DEAD_LETTERS_SETTLED: Check = Check::always(
    "O7",
    "resolved dead letters have a resolution time",
    "dead_letters",
    sql!(
        "SELECT format('dead letter %s: %s, settled at %s', id, state, coalesce(settled_at::text, 'no time')) FROM dead_letters
         WHERE (state = 'waiting') <> (settled_at IS NULL) ORDER BY id"
    ),
);

/// Nothing is left to do.
pub const EMPTY: Check = Check::at_rest(
    "O7",
    "the outbox is empty",
    "outbox",
    sql!(
        "SELECT format('message %s: %s, about %s, %s attempts', id, topic, coalesce(order_id::text, '?'), attempts)
         FROM outbox ORDER BY id"
    ),
);

/// Nothing is left in the stream: see [`stream`].
pub const STREAM_EMPTY: Check = Check::at_rest("O7", "the stream is empty", "", "");

/// Entries are removed when they are acknowledged. Without Redis there is nothing to check.
pub async fn stream(stream: &Stream) -> Finding {
    match stream.state().await {
        Ok((0, 0)) => Finding::Holds,
        Ok((unread, in_progress)) => Finding::Violated {
            count: unread + in_progress,
            examples: vec![format!("{unread} unread, {in_progress} in progress")],
        },
        Err(_) => Finding::Nothing,
    }
}
