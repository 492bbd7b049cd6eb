//! A mail as the table has it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A mail that this process is to send.
pub(crate) struct Claimed {
    pub(crate) id: Uuid,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// Failed ones.
    pub(crate) attempts: i32,
    pub(crate) created_at: DateTime<Utc>,
    /// When the lease ends, by which it is told from other claims of the same row.
    pub(crate) lease: DateTime<Utc>,
}
