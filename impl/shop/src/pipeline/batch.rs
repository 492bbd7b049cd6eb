//! The handler of the messages of orders: reserves stock for a batch of orders in one transaction.
//!
//! Locks are always taken in the same order: messages, then orders, then products, each by id.

use std::collections::HashMap;
use std::time::Duration;

use chrono::Utc;
use platform::{Columns, Result, sql};
use platform_outbox::{Handler, Message};
use serde::Deserialize;
use sqlx::postgres::PgConnection;

use super::decide::{Line, Shelf, Verdict, decide};
use super::failpoints::BATCH_LOCKED;
use super::{ORDER_CREATED, Pipeline};

/// The reason of orders whose message could not be processed.
const PROCESSING_FAILED: &str = "processing_failed";

/// The payload of a message.
#[derive(Deserialize)]
struct OrderCreated {
    order_id: i64,
}

impl Handler for Pipeline {
    const TOPIC: &'static str = ORDER_CREATED;
    const SUBJECT: &'static str = "order.id";

    async fn batch(&self, db: &mut PgConnection, messages: &mut [Message]) -> Result<()> {
        for message in messages.iter_mut() {
            match serde_json::from_str(&message.payload) {
                Ok(OrderCreated { order_id }) => message.subject = Some(order_id),
                Err(_) => message.reject("the message cannot be parsed"),
            }
        }
        let orders: Vec<i64> = messages.iter().filter_map(|message| message.subject).collect();
        let mut pending = lock_orders(db, &orders).await?;
        let products: Vec<i64> = pending.values().flatten().map(|line| line.product).collect();
        let mut shelves = lock_products(db, &products).await?;
        self.outbox().failpoints().hit(BATCH_LOCKED)?;

        let mut changes = Changes::default();
        for message in messages {
            // Of an order that is no longer pending, or no longer there, nothing is to be done.
            let lines = message.subject.and_then(|order| Some((order, pending.remove(&order)?)));
            let Some((order, lines)) = lines else { continue };
            let outcome = match message.rejected() {
                Some(_) => changes.fail(order, PROCESSING_FAILED),
                None => match decide(&lines, &mut shelves) {
                    Verdict::Reserved => changes.reserve(order, &lines),
                    Verdict::InsufficientStock => changes.fail(order, "insufficient_stock"),
                    Verdict::ProductUnavailable(product) => {
                        message.reject(format!("product {product} no longer exists"));
                        changes.fail(order, "product_unavailable")
                    }
                },
            };
            message.outcome = Some(outcome);
        }
        changes.write(db, self.0.reservation).await
    }

    async fn give_up(&self, db: &mut PgConnection, message: &mut Message) -> Result<()> {
        const SQL: &str = sql!(
            "WITH o AS (
                 UPDATE orders SET status = 'FAILED', reason = $2, updated_at = clock_timestamp()
                 WHERE id = $1 AND status = 'PENDING' RETURNING id
             ) INSERT INTO order_events (order_id, kind, status, reason) SELECT id, 'failed', 'FAILED', $2 FROM o"
        );
        let failed = sqlx::query(SQL).bind(message.subject).bind(PROCESSING_FAILED).execute(db).await?.rows_affected();
        message.outcome = (failed > 0).then_some(PROCESSING_FAILED);
        Ok(())
    }

    fn committed(&self, messages: &[Message]) {
        let (now, mut orders) = (Utc::now(), Vec::with_capacity(messages.len()));
        for message in messages {
            let Some(outcome) = message.outcome else { continue };
            self.0.metrics.decided(outcome, 1);
            self.0.metrics.waited.observe((now - message.written).to_std().unwrap_or_default().as_secs_f64());
            orders.extend(message.subject);
        }
        self.announce(&orders);
    }
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
struct Changes {
    orders: Vec<i64>,
    statuses: Vec<&'static str>,
    reasons: Vec<Option<&'static str>>,
    holders: Vec<i64>,
    products: Vec<i64>,
    quantities: Vec<i64>,
}

impl Changes {
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
             ) UPDATE products p SET stock = p.stock - t.quantity, updated_at = now()
             FROM (SELECT product_id, sum(quantity)::bigint AS quantity FROM held GROUP BY product_id) t
             WHERE p.id = t.product_id"
        );
        sqlx::query(SQL)
            .bind(&self.orders)
            .bind(&self.statuses)
            .bind(&self.reasons)
            .bind(lifetime.as_secs_f64())
            .bind(&self.holders)
            .bind(&self.products)
            .bind(&self.quantities)
            .execute(db)
            .await?;
        Ok(())
    }
}
