//! One batch of messages, decided and written in one transaction.
//!
//! Everybody locks in the same order: messages, then orders, then products, each by id. A message's row is deleted by the
//! transaction that does what the message asks for, so that a message delivered twice is done once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::traces::TraceContext;
use platform::{Columns, Database, Result, Transaction, sql};
use serde::Deserialize;
use sqlx::postgres::{PgConnection, PgRow};

use super::decide::{Line, Shelf, Verdict, decide};
use super::failpoints::{Failpoint, Failpoints};

/// The topic of messages that ask for a reservation.
pub(crate) const ORDER_CREATED: &str = "order.created";
/// Why an order failed whose message nobody could act on.
pub(crate) const PROCESSING_FAILED: &str = "processing_failed";

/// Which messages to take.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// These; those that somebody else is working on, or that are done, are left out.
    Named(Arc<[i64]>),
    /// Whatever is due, at most so many: for when there is no stream.
    Any(i64),
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Messages that are done.
    pub(crate) messages: Vec<i64>,
    /// Messages of [`Due::Named`] that somebody else is working on.
    pub(crate) busy: Vec<i64>,
    /// Orders that have changed.
    pub(crate) orders: Vec<Decided>,
    /// Messages that were made dead letters.
    pub(crate) buried: usize,
}

/// An order that was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) order: i64,
    /// When the message was written.
    pub(crate) written: DateTime<Utc>,
    /// What became of it: `reserved`, or the reason why it failed.
    pub(crate) outcome: &'static str,
    /// Of the request that wrote the message.
    pub(crate) trace: Option<TraceContext>,
}

struct Message {
    id: i64,
    order: std::result::Result<i64, &'static str>,
    /// The order it concerns as its writer noted it, whether or not it can be read.
    about: Option<i64>,
    written: DateTime<Utc>,
    trace: Option<TraceContext>,
}

/// Does a batch.
///
/// # Errors
/// Those of the database; nothing is done then.
pub(crate) async fn run(db: &Database, due: Due, lifetime: Duration, failpoints: Arc<Failpoints>) -> Result<Done> {
    let points = Arc::clone(&failpoints);
    let done = db.write(move |tx| transaction(tx, due, lifetime, points)).await?;
    failpoints.hit(Failpoint::BatchCommitted)?;
    Ok(done)
}

async fn transaction(mut tx: Transaction, due: Due, lifetime: Duration, failpoints: Arc<Failpoints>) -> Result<Done> {
    let messages = lock_messages(&mut tx, &due).await?;
    failpoints.hit(Failpoint::BatchBegun)?;
    let mut done = Done { busy: still_there(&mut tx, &due, &messages).await?, ..Done::default() };
    if messages.is_empty() {
        return Ok(done);
    }
    let orders: Vec<i64> = messages.iter().filter_map(|message| message.order.ok().or(message.about)).collect();
    let mut pending = lock_orders(&mut tx, &orders).await?;
    let products: Vec<i64> = pending.values().flatten().map(|line| line.product).collect();
    let mut shelves = lock_products(&mut tx, &products).await?;
    failpoints.hit(Failpoint::BatchLocked)?;

    let mut writing = Writing::default();
    for message in &messages {
        writing.messages.push(message.id);
        let about = message.order.ok().or(message.about);
        // Of an order that is no longer pending, or no longer there, nothing is to be done.
        let lines = about.and_then(|order| pending.remove(&order).map(|lines| (order, lines)));
        match (message.order, lines) {
            (Ok(_), Some((order, lines))) => {
                failpoints.decide(order);
                let verdict = decide(&lines, &mut shelves);
                let outcome = match verdict {
                    Verdict::Reserved => writing.reserve(order, &lines),
                    Verdict::InsufficientStock => writing.fail(order, "insufficient_stock"),
                    Verdict::ProductUnavailable(product) => {
                        writing.bury(message.id, format!("product {product} is not there any more"));
                        writing.fail(order, "product_unavailable")
                    }
                };
                done.orders.push(Decided { order, written: message.written, outcome, trace: message.trace });
            }
            (Ok(_), None) => {}
            (Err(reason), lines) => {
                writing.bury(message.id, reason.to_owned());
                if let Some((order, _)) = lines {
                    let outcome = writing.fail(order, PROCESSING_FAILED);
                    done.orders.push(Decided { order, written: message.written, outcome, trace: message.trace });
                }
            }
        }
    }
    done.buried = writing.buried.len();
    writing.write(&mut tx, lifetime).await?;
    failpoints.hit(Failpoint::BatchWritten)?;
    done.messages = writing.messages;
    Ok(done)
}

async fn lock_messages(db: &mut PgConnection, due: &Due) -> Result<Vec<Message>> {
    const NAMED: &str = sql!(
        "SELECT id, topic, payload, order_id, created_at, trace FROM outbox WHERE id = ANY($1)
         ORDER BY id FOR UPDATE SKIP LOCKED"
    );
    const ANY: &str = sql!(
        "SELECT id, topic, payload, order_id, created_at, trace FROM outbox WHERE available_at <= now()
         ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"
    );
    let rows = match due {
        Due::Named(ids) => sqlx::query(NAMED).bind(&**ids).fetch_all(db).await?,
        Due::Any(limit) => sqlx::query(ANY).bind(limit).fetch_all(db).await?,
    };
    Ok(rows.iter().map(message).collect::<sqlx::Result<_>>()?)
}

fn message(row: &PgRow) -> sqlx::Result<Message> {
    let mut columns = Columns::of(row);
    Ok(Message {
        id: columns.get("id")?,
        order: read(columns.get("topic")?, columns.get("payload")?),
        about: columns.get("order_id")?,
        written: columns.get("created_at")?,
        trace: columns.get::<Option<&str>>("trace")?.and_then(TraceContext::parse),
    })
}

fn read(topic: &str, payload: &str) -> std::result::Result<i64, &'static str> {
    #[derive(Deserialize)]
    struct OrderCreated {
        order_id: i64,
    }
    if topic != ORDER_CREATED {
        return Err("the topic is not known");
    }
    let parsed = serde_json::from_str(payload);
    parsed.map(|OrderCreated { order_id }| order_id).map_err(|_| "the message cannot be parsed")
}

/// The named messages that were not locked although they are there: somebody else has them.
async fn still_there(db: &mut PgConnection, due: &Due, locked: &[Message]) -> Result<Vec<i64>> {
    let Due::Named(ids) = due else { return Ok(Vec::new()) };
    if ids.len() == locked.len() {
        return Ok(Vec::new());
    }
    let mut missing = ids.to_vec();
    missing.retain(|id| locked.binary_search_by_key(id, |message| message.id).is_err());
    Ok(sqlx::query_scalar(sql!("SELECT id FROM outbox WHERE id = ANY($1)")).bind(missing).fetch_all(db).await?)
}

/// Locks orders; the lines of those that are pending.
async fn lock_orders(db: &mut PgConnection, orders: &[i64]) -> Result<HashMap<i64, Vec<Line>>> {
    // Lines never change, so that the statement's snapshot may be older than the locks; the state is read under them.
    const SQL: &str = sql!(
        "WITH o AS MATERIALIZED
             (SELECT id, status FROM orders WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
         SELECT i.order_id, i.product_id, i.quantity FROM o JOIN order_items i ON i.order_id = o.id
         WHERE o.status = 'PENDING' ORDER BY i.order_id, i.id"
    );
    let rows = sqlx::query(SQL).bind(orders).fetch_all(db).await?;
    let mut pending: HashMap<i64, Vec<Line>> = HashMap::with_capacity(orders.len());
    for row in &rows {
        let mut columns = Columns::of(row);
        let lines = pending.entry(columns.get("order_id")?).or_default();
        lines.push(Line { product: columns.get("product_id")?, quantity: columns.get("quantity")? });
    }
    Ok(pending)
}

async fn lock_products(db: &mut PgConnection, products: &[i64]) -> Result<HashMap<i64, Shelf>> {
    const SQL: &str = sql!(
        "SELECT id, stock, deleted_at IS NOT NULL AS gone FROM products WHERE id = ANY($1)
         ORDER BY id FOR NO KEY UPDATE"
    );
    let mut ids = products.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(SQL).bind(ids).fetch_all(db).await?;
    let shelf = |row| {
        let mut columns = Columns::of(row);
        Ok((columns.get("id")?, Shelf { stock: columns.get("stock")?, gone: columns.get("gone")? }))
    };
    Ok(rows.iter().map(shelf).collect::<sqlx::Result<_>>()?)
}

/// What a batch writes, in columns, as the one statement takes it.
#[derive(Debug, Default)]
struct Writing {
    messages: Vec<i64>,
    orders: Vec<i64>,
    statuses: Vec<&'static str>,
    reasons: Vec<Option<&'static str>>,
    holders: Vec<i64>,
    products: Vec<i64>,
    quantities: Vec<i64>,
    buried: Vec<i64>,
    burial_reasons: Vec<String>,
}

impl Writing {
    fn reserve(&mut self, order: i64, lines: &[Line]) -> &'static str {
        self.state(order, "RESERVED", None);
        for line in lines {
            self.holders.push(order);
            self.products.push(line.product);
            self.quantities.push(line.quantity);
        }
        "reserved"
    }

    fn fail(&mut self, order: i64, reason: &'static str) -> &'static str {
        self.state(order, "FAILED", Some(reason));
        reason
    }

    fn state(&mut self, order: i64, status: &'static str, reason: Option<&'static str>) {
        self.orders.push(order);
        self.statuses.push(status);
        self.reasons.push(reason);
    }

    fn bury(&mut self, message: i64, reason: String) {
        self.buried.push(message);
        self.burial_reasons.push(reason);
    }

    async fn write(&self, db: &mut PgConnection, lifetime: Duration) -> Result<()> {
        const SQL: &str = sql!(
            "WITH decided AS (
                 SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS d (order_id, status, reason)
             ), moved AS (
                 UPDATE orders o SET status = d.status, reason = d.reason, updated_at = clock_timestamp(),
                     expires_at = CASE WHEN d.status = 'RESERVED' THEN clock_timestamp() + make_interval(secs => $4) END
                 FROM decided d WHERE o.id = d.order_id
             ), told AS (
                 INSERT INTO order_events (order_id, kind, status, reason)
                 SELECT order_id, lower(status), status, reason FROM decided
             ), held AS (
                 SELECT * FROM unnest($5::bigint[], $6::bigint[], $7::bigint[]) AS h (order_id, product_id, quantity)
             ), reserved AS (
                 INSERT INTO reservations (order_id, product_id, quantity) SELECT * FROM held
             ), booked AS (
                 INSERT INTO stock_entries (product_id, kind, quantity, order_id)
                 SELECT product_id, 'reserve', -quantity, order_id FROM held
             ), taken AS (
                 UPDATE products p SET stock = p.stock - t.quantity, updated_at = now()
                 FROM (SELECT product_id, sum(quantity)::bigint AS quantity FROM held GROUP BY product_id) t
                 WHERE p.id = t.product_id
             ), buried AS (
                 INSERT INTO dead_letters (order_id, topic, payload, reason, attempts)
                 SELECT m.order_id, m.topic, m.payload, b.reason, m.attempts
                 FROM unnest($8::bigint[], $9::text[]) AS b (id, reason) JOIN outbox m ON m.id = b.id
             ) DELETE FROM outbox WHERE id = ANY($10)"
        );
        sqlx::query(SQL)
            .bind(&self.orders)
            .bind(&self.statuses)
            .bind(&self.reasons)
            .bind(lifetime.as_secs_f64())
            .bind(&self.holders)
            .bind(&self.products)
            .bind(&self.quantities)
            .bind(&self.buried)
            .bind(&self.burial_reasons)
            .bind(&self.messages)
            .execute(db)
            .await?;
        Ok(())
    }
}
