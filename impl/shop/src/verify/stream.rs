//! What can be verified of the stream: at rest there is nothing in it.

use platform::Cache;

use super::{Check, Finding};
use crate::pipeline::stream::Stream;

/// The only check of the stream.
pub(super) const CHECK: Check = Check::at_rest("O7", "the stream is empty", "", "");

/// Entries are removed when they are acknowledged. Without a Redis that answers there is nothing to check.
pub(super) async fn check(cache: &Cache) -> Finding {
    match Stream::new(cache.clone()).state().await {
        Ok((0, 0)) => Finding::Holds,
        Ok((unread, in_progress)) => Finding::Violated {
            count: unread + in_progress,
            examples: vec![format!("{unread} unread, {in_progress} in progress")],
        },
        Err(_) => Finding::Nothing,
    }
}
