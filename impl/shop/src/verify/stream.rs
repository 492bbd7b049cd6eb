//! What can be verified of the stream: at rest there is nothing in it.

use deadpool_redis::redis::cmd;
use platform::Cache;

use super::Finding;
use super::checks::{Check, When};

/// The only check of the stream.
pub(super) const CHECK: Check =
    Check { invariant: "O7", name: "the stream is empty", when: When::AtRest, table: "", sql: "" };

/// Entries are removed when they are acknowledged. Without a Redis that answers there is nothing to check.
pub(super) async fn check(cache: &Cache) -> Finding {
    let Ok(mut connection) = cache.connection().await else { return Finding::Nothing };
    let length = cmd("XLEN").arg(cache.key("orders")).query_async::<i64>(&mut connection).await;
    match length {
        Ok(0) => Finding::Holds,
        Ok(count) => Finding::Violated { count, examples: vec!["entries nobody has acknowledged".to_owned()] },
        Err(_) => Finding::Nothing,
    }
}
