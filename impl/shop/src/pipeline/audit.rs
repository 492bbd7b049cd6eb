//! Whether stock is what its ledger says, and orders what they hold, looked at all the time and a little at a time: what moved
//! lately, what was wrong before, and a page of all the rest. `server verify` looks at everything; this is cheap enough to go on
//! for ever.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use platform::{Database, Result, sql};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::metrics::AuditMetrics;

/// What is looked at. Each statement sees one snapshot.
struct Subject {
    /// Names what was found in the log.
    found: &'static str,
    /// Ids that something happened to lately.
    lately: &'static str,
    /// The ids after $1, at most $2.
    next: &'static str,
    page: i64,
    /// Which of the ids $1 are wrong.
    wrong: &'static str,
    /// How many are looked at by one statement: one that takes long keeps few others from being looked at.
    together: usize,
}

/// Stock and ledger. What is held is in the ledger as taken and not given back.
const PRODUCTS: Subject = Subject {
    found: "the stock of a product differs from its ledger",
    lately: sql!("SELECT DISTINCT product_id FROM (SELECT product_id FROM stock_entries ORDER BY id DESC LIMIT 200) e"),
    next: sql!("SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2"),
    page: 100,
    wrong: sql!(
        "SELECT p.id FROM products p
        CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS stock,
            coalesce(-sum(quantity) FILTER (WHERE kind IN ('reserve', 'release')), 0) AS taken
            FROM stock_entries WHERE product_id = p.id) e
        CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS quantity FROM reservations
            WHERE product_id = p.id AND state = 'held') held
        WHERE p.id = ANY ($1) AND (p.stock < 0 OR p.stock <> e.stock OR held.quantity > e.taken)"
    ),
    together: 20,
};

/// Orders and their lines, total and reservations. What the older service left is told by the time of its first event (V005), and
/// need not add up.
const ORDERS: Subject = Subject {
    found: "an order has no lines, a total that differs from its lines, or reservations that contradict its status",
    lately: sql!("SELECT DISTINCT order_id FROM (SELECT order_id FROM order_events ORDER BY id DESC LIMIT 500) e"),
    next: sql!("SELECT id FROM orders WHERE id > $1 ORDER BY id LIMIT $2"),
    page: 500,
    wrong: sql!("SELECT o.id FROM orders o
        CROSS JOIN LATERAL (SELECT coalesce(sum(quantity::numeric * unit_price_cents), -1) AS cents
            FROM order_items WHERE order_id = o.id) i
        WHERE o.id = ANY ($1) AND (CASE WHEN o.status IN ('RESERVED', 'CONFIRMED', 'PAID') THEN EXISTS (
                SELECT FROM (SELECT product_id, quantity FROM order_items WHERE order_id = o.id) l
                FULL JOIN (SELECT product_id, quantity, state FROM reservations WHERE order_id = o.id) r USING (product_id)
                WHERE l.quantity IS DISTINCT FROM r.quantity
                   OR r.state <> CASE o.status WHEN 'PAID' THEN 'committed' ELSE 'held' END)
            ELSE EXISTS (SELECT FROM reservations WHERE order_id = o.id AND state <> 'released') END
            OR o.total_cents <> i.cents AND NOT EXISTS (
                SELECT FROM order_events e WHERE e.order_id = o.id AND e.kind = 'created' AND e.at = o.created_at))"),
    together: 100,
};

/// What is known from round to round.
#[derive(Debug, Default)]
pub(super) struct Audit {
    products: Mutex<Known>,
    orders: Mutex<Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    /// What was found wrong.
    wrong: BTreeSet<i64>,
    /// The last of the page before.
    after: i64,
}

impl Audit {
    /// One round: compares the stock of some products with what their ledger and reservations say, and some orders with their
    /// lines and reservations. How many products and orders are known to be wrong.
    ///
    /// # Errors
    /// When Postgres cannot be used. What takes too long to look at is passed over.
    pub(super) async fn round(&self, database: &Database, metrics: &AuditMetrics) -> Result<(usize, usize)> {
        let products = look_at(&PRODUCTS, &self.products, database, &metrics.products, &metrics.mismatched).await;
        let orders = look_at(&ORDERS, &self.orders, database, &metrics.orders, &metrics.inconsistent).await;
        let found = (products?, orders?);
        metrics.rounds.inc();
        Ok(found)
    }
}

/// How many are known to be wrong, which is measured, as is how many were looked at.
async fn look_at(
    subject: &Subject,
    known: &Mutex<Known>,
    database: &Database,
    looked: &Counter,
    mismatched: &Gauge,
) -> Result<usize> {
    let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
    let db = database.reads();
    let Known { after, wrong: mut page } = known().clone();
    page.extend(sqlx::query_scalar::<_, i64>(subject.lately).fetch_all(db).await?);
    let next: Vec<i64> = sqlx::query_scalar(subject.next).bind(after).bind(subject.page).fetch_all(db).await?;
    // After the last page the first one follows.
    known().after = next.last().copied().filter(|_| next.len() as i64 == subject.page).unwrap_or(0);
    page.extend(next);
    let suspects: Vec<i64> = page.into_iter().collect();
    for some in suspects.chunks(subject.together) {
        match sqlx::query_scalar::<_, i64>(subject.wrong).bind(some).fetch_all(db).await {
            Ok(wrong) => {
                looked.inc_by(some.len() as u64);
                wrong.iter().for_each(|id| tracing::error!(id, "{}", subject.found));
                let mut known = known();
                known.wrong.retain(|id| !some.contains(id));
                known.wrong.extend(wrong);
            }
            Err(error) => {
                let error = platform::Error::from(error);
                tracing::warn!(%error, number = some.len(), "cannot check whether {}", subject.found);
                database.ping().await?;
            }
        }
    }
    let wrong = known().wrong.len();
    mismatched.set(i64::try_from(wrong).unwrap_or(i64::MAX));
    Ok(wrong)
}
