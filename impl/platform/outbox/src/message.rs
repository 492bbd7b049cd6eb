//! Messages, and how they get into the outbox: in the transaction that writes what they are about.

use chrono::{DateTime, Utc};
use platform::traces::TraceContext;
use platform::{Columns, Result, sql};
use sqlx::postgres::{PgConnection, PgRow};

/// What a message is inserted into by a statement that also writes other things: `INSERT INTO {OUTBOX}`, and then a SELECT of its
/// topic, subject, payload and trace. Everybody else calls [`put`].
///
/// The column of the subject is named for the first messages there were: clients and older databases know it by that name.
pub const OUTBOX: &str = "outbox (topic, order_id, payload, trace)";

/// Puts a message into the outbox, in the transaction of the caller: it is there if and only if that commits. Then
/// [`Outbox::wake`](crate::Outbox::wake) saves it half a second.
///
/// # Errors
/// Those of the database.
pub async fn put(
    db: &mut PgConnection,
    topic: &str,
    subject: Option<i64>,
    payload: &str,
    trace: Option<TraceContext>,
) -> Result<()> {
    let query = sqlx::query(sql!("INSERT INTO {OUTBOX} VALUES ($1, $2, $3, $4)", OUTBOX))
        .bind(topic)
        .bind(subject)
        .bind(payload);
    query.bind(trace.map(|trace| trace.to_string())).execute(db).await?;
    Ok(())
}

/// A message that is being handled.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id.
    pub id: i64,
    /// What kind of message it is.
    pub topic: String,
    /// The id of what it is about, as far as its writer noted one.
    pub subject: Option<i64>,
    /// What it says, usually as JSON.
    pub payload: String,
    /// When it was written.
    pub written: DateTime<Utc>,
    /// Of the request that wrote it.
    pub trace: Option<TraceContext>,
    /// What its handler did, in a word; nothing when nothing was left to do.
    pub outcome: Option<&'static str>,
    /// Why nobody can act on it.
    rejected: Option<String>,
}

impl Message {
    /// Makes it a dead letter: trying again would not help.
    pub fn reject(&mut self, reason: impl Into<String>) {
        self.rejected = Some(reason.into());
    }

    /// Why it becomes a dead letter, if it does.
    pub fn rejected(&self) -> Option<&str> {
        self.rejected.as_deref()
    }

    /// Of a row with the columns of the same names.
    pub(crate) fn of(row: &PgRow) -> sqlx::Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.get("id")?,
            topic: columns.get("topic")?,
            subject: columns.get("order_id")?,
            payload: columns.get("payload")?,
            written: columns.get("created_at")?,
            trace: columns.get::<Option<&str>>("trace")?.and_then(TraceContext::parse),
            outcome: None,
            rejected: None,
        })
    }
}
