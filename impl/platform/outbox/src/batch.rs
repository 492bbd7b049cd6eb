//! One batch of messages, handled in one transaction that also deletes their rows, so that a message delivered twice is done once.
//!
//! Locks are always taken in the same order: messages first, by id, and then those of handlers, topic by topic.

use std::sync::Arc;

use platform::{Result, Transaction, sql};
use sqlx::postgres::PgConnection;

use crate::failpoints::Failpoint;
use crate::handler::Handlers;
use crate::message::Message;
use crate::outbox::Outbox;

/// Which messages to take.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// These; those that another worker has locked, or that are done, are left out.
    Ids(Arc<[i64]>),
    /// Whatever is due, at most so many: for when there is no stream.
    Any(i64),
    /// What has been due for a second and is still not in the stream, at most so many: for when nothing can be appended to it.
    Overdue(i64),
}

/// The handled messages.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Messages that are done, those of a topic one after the other.
    pub(crate) messages: Vec<Message>,
    /// Messages of [`Due::Ids`] that another worker has locked.
    pub(crate) busy: Vec<i64>,
}

/// Handles a batch.
///
/// # Errors
/// Those of the database and of handlers; nothing is done then.
pub(crate) async fn run(outbox: &Outbox, handlers: &Handlers, due: Due) -> Result<Done> {
    let (points, handlers) = (outbox.clone(), handlers.clone());
    let done = outbox.0.database.write(move |tx| transaction(tx, due, handlers, points)).await?;
    outbox.0.failpoints.hit(Failpoint::BATCH_COMMITTED)?;
    Ok(done)
}

async fn transaction(mut tx: Transaction, due: Due, handlers: Handlers, outbox: Outbox) -> Result<Done> {
    let failpoints = outbox.failpoints();
    let mut messages = lock(&mut tx, &due).await?;
    failpoints.hit(Failpoint::BATCH_BEGUN)?;
    let busy = busy_among(&mut tx, &due, &messages).await?;
    if messages.is_empty() {
        return Ok(Done { messages, busy });
    }
    messages.iter().for_each(|message| failpoints.check_poison(message.subject));
    messages.sort_by(|one, other| one.topic.cmp(&other.topic));
    for messages in messages.chunk_by_mut(|one, other| one.topic == other.topic) {
        match handlers.of(&messages[0].topic) {
            Some(handler) => handler.batch(&mut tx, messages).await?,
            None => messages.iter_mut().for_each(|message| message.reject("the topic is not known")),
        }
    }
    remove(&mut tx, &messages).await?;
    failpoints.hit(Failpoint::BATCH_WRITTEN)?;
    Ok(Done { messages, busy })
}

/// Makes a message a dead letter, unless somebody else is working on it; the message if it was made one.
///
/// # Errors
/// Those of the database and of its handler.
pub(crate) async fn give_up(outbox: &Outbox, handlers: &Handlers, message: i64, reason: &str) -> Result<Vec<Message>> {
    let (handlers, reason) = (handlers.clone(), reason.to_owned());
    let work = move |mut tx: Transaction| async move {
        let mut messages = lock(&mut tx, &Due::Ids([message].into())).await?;
        for message in &mut messages {
            message.reject(&*reason);
            if let Some(handler) = handlers.of(&message.topic) {
                handler.give_up(&mut tx, message).await?;
            }
        }
        remove(&mut tx, &messages).await?;
        Ok(messages)
    };
    outbox.0.database.write(work).await
}

async fn lock(db: &mut PgConnection, due: &Due) -> Result<Vec<Message>> {
    const BY_ID: &str = sql!(
        "SELECT id, topic, payload, order_id, created_at, trace FROM outbox WHERE id = ANY($1)
         ORDER BY id FOR UPDATE SKIP LOCKED"
    );
    const DUE: &str = sql!(
        "SELECT id, topic, payload, order_id, created_at, trace FROM outbox WHERE available_at <= now()
         ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"
    );
    const OVERDUE: &str = sql!(
        "SELECT id, topic, payload, order_id, created_at, trace FROM outbox
         WHERE published_at IS NULL AND available_at <= now() - interval '1 second'
         ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"
    );
    let rows = match due {
        Due::Ids(ids) => sqlx::query(BY_ID).bind(&**ids).fetch_all(db).await?,
        Due::Any(limit) => sqlx::query(DUE).bind(limit).fetch_all(db).await?,
        Due::Overdue(limit) => sqlx::query(OVERDUE).bind(limit).fetch_all(db).await?,
    };
    Ok(rows.iter().map(Message::of).collect::<sqlx::Result<_>>()?)
}

/// The named messages that were not locked although they are there: somebody else has them.
async fn busy_among(db: &mut PgConnection, due: &Due, locked: &[Message]) -> Result<Vec<i64>> {
    let Due::Ids(ids) = due else { return Ok(Vec::new()) };
    if ids.len() == locked.len() {
        return Ok(Vec::new());
    }
    let mut missing = ids.to_vec();
    missing.retain(|id| locked.binary_search_by_key(id, |message| message.id).is_err());
    Ok(sqlx::query_scalar(sql!("SELECT id FROM outbox WHERE id = ANY($1)")).bind(missing).fetch_all(db).await?)
}

/// Deletes the rows of messages that are done, and keeps those nobody can act on as dead letters.
async fn remove(db: &mut PgConnection, messages: &[Message]) -> Result<()> {
    const SQL: &str = sql!(
        "WITH rejected AS (
             INSERT INTO dead_letters (order_id, topic, payload, reason, attempts)
             SELECT m.order_id, m.topic, m.payload, r.reason, m.attempts
             FROM unnest($2::bigint[], $3::text[]) AS r (id, reason) JOIN outbox m ON m.id = r.id
         ) DELETE FROM outbox WHERE id = ANY($1)"
    );
    let done: Vec<i64> = messages.iter().map(|message| message.id).collect();
    let (rejected, reasons): (Vec<i64>, Vec<&str>) =
        messages.iter().filter_map(|message| Some((message.id, message.rejected()?))).unzip();
    sqlx::query(SQL).bind(done).bind(rejected).bind(reasons).execute(db).await?;
    Ok(())
}
