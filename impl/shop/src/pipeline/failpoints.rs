//! The boundaries between the steps of the shop's handler and jobs, beside those of the outbox.

pub use platform_outbox::failpoints::{Action, Failpoint};

/// A batch has locked its orders and products.
pub const BATCH_LOCKED: Failpoint = Failpoint("batch-locked");
/// Expired reservations were given back, and are not committed.
pub const EXPIRY_WRITTEN: Failpoint = Failpoint("expiry-written");
/// Expired reservations were given back.
pub const EXPIRY_COMMITTED: Failpoint = Failpoint("expiry-committed");

/// Every boundary.
pub fn all() -> impl Iterator<Item = Failpoint> {
    Failpoint::ALL.iter().copied().chain([BATCH_LOCKED, EXPIRY_WRITTEN, EXPIRY_COMMITTED])
}
