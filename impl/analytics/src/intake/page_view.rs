//! A page view on its way to be stored.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use platform::shares::Subject;
use uuid::Uuid;

/// A page view to be stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) path: String,
    pub(crate) user_id: Option<i64>,
    /// Whether nobody has vouched for the user.
    pub(crate) user_claimed: bool,
    pub(crate) reporter: Reporter,
    /// Two capital letters.
    pub(crate) country: Option<String>,
    /// When it happened.
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) event_id: Uuid,
    /// Whether the client has named the event, so that it may come again.
    pub(crate) named: bool,
    /// Who reports a named event: as it is stored, and as it may have been before the secret key was replaced.
    pub(crate) signatures: Vec<String>,
    pub(crate) referrer: Option<String>,
    pub(crate) device: Option<&'static str>,
    pub(crate) visitor: Option<String>,
    /// Why it is not counted.
    pub(crate) bot: Option<&'static str>,
}

/// Who reports views, as far as it matters to what he may make grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reporter {
    Superuser,
    User(i64),
    /// Whoever is at an address.
    Network(Option<Subject>),
}

impl Reporter {
    pub(crate) fn at(address: Option<IpAddr>) -> Self {
        Self::Network(address.map(Subject::at))
    }
}
