//! The SQL of orders. The caller is an argument of every query, so that orders of others cannot be found.

use contract::{Problem, StorageQuota};
use platform::identity::Principal;
use platform::traces::TraceContext;
use platform::{Columns, Result, read, sql};
use platform_outbox::OUTBOX;
use shop_api::apis::orders::CREATE_ORDER;
use shop_api::models::{Order, OrderCreate};
use sqlx::postgres::{PgConnection, PgExecutor, PgRow};

use crate::pipeline::ORDER_CREATED;
use crate::projection::{ITEM, ORDER};

/// The largest total in cents: 2^53, up to which floating-point numbers are exact.
const MOST_CENTS: i64 = 9_007_199_254_740_992;

/// The quotas of a user, in the order in which `order_quota` counts.
const QUOTAS: [&StorageQuota; 4] = [
    CREATE_ORDER.quota("too_many_unpaid_orders"),
    CREATE_ORDER.quota("too_many_unpaid_units"),
    CREATE_ORDER.quota("too_many_unpaid_units_of_product"),
    CREATE_ORDER.quota("too_many_orders"),
];

/// Accepts an order: the order, its lines, the first event of its timeline and the message to the workers, in one
/// statement and so all or nothing; the message carries on the request's trace. Names, SKUs and prices are those of this moment.
///
/// Users, not superusers, have quotas; those of one user take turns until they are committed (`order_quota`).
///
/// # Errors
/// 404 `product_not_found`, 409 `mixed_currencies`, 409 `order_total_too_large`, and those of the [quotas](QUOTAS).
pub(crate) async fn insert(
    db: &mut PgConnection,
    caller: &Principal,
    order: &OrderCreate,
    trace: Option<TraceContext>,
) -> Result<Order> {
    let sql = sql!(
        "WITH quota AS MATERIALIZED (
             SELECT CASE WHEN $6::bigint[] IS NULL THEN 0 ELSE order_quota($1, $2, $3, $6) END AS exceeded
         ), wanted AS (
             SELECT w.place, p.id, p.sku, p.name, p.price_cents, p.currency, w.quantity
             FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (product_id, quantity, place)
             JOIN products p ON p.id = w.product_id AND p.deleted_at IS NULL
         ), sums AS (
             SELECT count(*) = cardinality($2) AS complete, count(DISTINCT currency) = 1 AS one_currency,
                    min(currency) AS currency, sum(quantity::numeric * price_cents) AS total FROM wanted
         ), o AS (
             INSERT INTO orders (user_id, total_cents, currency)
             SELECT $1, total::bigint, currency FROM sums, quota
             WHERE complete AND one_currency AND total <= $4 AND exceeded = 0
             RETURNING *
         ), i AS (
             INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
             SELECT o.id, w.id, w.sku, w.name, w.quantity, w.price_cents FROM o, wanted w ORDER BY w.place
             RETURNING *
         ), told AS (
             INSERT INTO order_events (order_id, kind, status) SELECT id, 'created', status FROM o
         ), sent AS (
             INSERT INTO {OUTBOX} SELECT '{ORDER_CREATED}', id, '{\"order_id\":' || id || '}', $5 FROM o
         ) SELECT sums.complete, sums.one_currency, coalesce(sums.total <= $4, false) AS countable, quota.exceeded,
                  o.id IS NOT NULL AS accepted, {ORDER}, {ITEM}
         FROM sums CROSS JOIN quota LEFT JOIN o ON true LEFT JOIN i ON true ORDER BY i.id",
        OUTBOX,
        ORDER_CREATED,
        ORDER,
        ITEM
    );
    let (products, quantities) = merged(order);
    let query = sqlx::query(sql).bind(caller.user_id()).bind(products).bind(quantities).bind(MOST_CENTS);
    let most = (!caller.is_superuser()).then(|| QUOTAS.map(|quota| quota.amount));
    // There is a row at least.
    let rows = query.bind(trace.map(|trace| trace.to_string())).bind(most).fetch_all(db).await?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let mut columns = Columns::of(first);
    let (complete, one_currency): (bool, bool) = (columns.get("complete")?, columns.get("one_currency")?);
    let (countable, exceeded): (bool, i32) = (columns.get("countable")?, columns.get("exceeded")?);
    let exceeded = usize::try_from(exceeded - 1).ok().and_then(|place| QUOTAS.get(place));
    if columns.get("accepted")? {
        return Ok(with_items(first, &rows)?);
    }
    Err(match exceeded {
        _ if !complete => crate::products::product_not_found(),
        _ if !one_currency => {
            Problem::conflict("mixed_currencies", "All products of an order must have the same currency.")
        }
        Some(quota) if countable => quota.exceeded(),
        _ => Problem::conflict("order_total_too_large", "The total must not exceed 2^53 cents."),
    }
    .into())
}

/// An order from the rows of its lines, each of which has the order's columns, too.
fn with_items(first: &PgRow, rows: &[PgRow]) -> sqlx::Result<Order> {
    let items = rows.iter().map(|row| Columns::of(row).field("item")).collect::<sqlx::Result<_>>()?;
    Ok(Order { items, ..read(first)? })
}

fn whole(rows: &[PgRow]) -> Result<Option<Order>> {
    Ok(rows.first().map(|first| with_items(first, rows)).transpose()?)
}

/// The lines of an order, merged by product; in the order in which the products are first named.
fn merged(order: &OrderCreate) -> (Vec<i64>, Vec<i64>) {
    let mut lines: Vec<(i64, i64)> = Vec::with_capacity(order.items.len());
    for item in &order.items {
        match lines.iter_mut().find(|(product, _)| *product == item.product_id) {
            // At most 100 lines of at most 2^31: far below 2^63.
            Some((_, quantity)) => *quantity += item.quantity,
            None => lines.push((item.product_id, item.quantity)),
        }
    }
    lines.into_iter().unzip()
}

/// An order the caller may see.
pub(crate) async fn find(db: impl PgExecutor<'_>, caller: &Principal, id: i64) -> Result<Option<Order>> {
    let sql = sql!(
        "SELECT {ORDER}, {ITEM} FROM orders o JOIN order_items i ON i.order_id = o.id
         WHERE o.id = $1 AND order_is_visible(o, $2, $3) ORDER BY i.id",
        ORDER,
        ITEM
    );
    let rows = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_all(db).await?;
    whole(&rows)
}

/// Pays an order of the caller's with a valid reservation; `None` when there is none. Its reserved stock is sold.
pub(crate) async fn pay(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<Option<Order>> {
    let sql = sql!(
        "WITH o AS (
             UPDATE orders o SET status = 'PAID', expires_at = NULL, updated_at = clock_timestamp()
             WHERE o.id = $1 AND order_is_visible(o, $2, $3) AND o.status IN ('RESERVED', 'CONFIRMED')
                 AND coalesce(o.expires_at > clock_timestamp(), true) RETURNING *
         ), sold AS (
             UPDATE reservations r SET state = 'committed' FROM o WHERE r.order_id = o.id AND r.state = 'held'
             RETURNING r.order_id, r.product_id
         ), booked AS (
             INSERT INTO stock_entries (product_id, kind, quantity, order_id)
             SELECT product_id, 'commit', 0, order_id FROM sold
         ), told AS (
             INSERT INTO order_events (order_id, kind, status) SELECT id, 'paid', status FROM o
         ) SELECT {ORDER}, {ITEM} FROM o JOIN order_items i ON i.order_id = o.id ORDER BY i.id",
        ORDER,
        ITEM
    );
    let rows = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_all(db).await?;
    whole(&rows)
}

/// Cancels an unpaid order of the caller's; `None` when there is none. Its reserved stock is released.
pub(crate) async fn cancel(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<Option<Order>> {
    // `returned` is evaluated because it is joined, and after `changed`, whose rows it needs: the order is locked first.
    let sql = sql!(
        "WITH changed AS (
             UPDATE orders o SET status = 'CANCELLED', reason = 'cancelled_by_user', expires_at = NULL,
                                 updated_at = clock_timestamp()
             WHERE o.id = $1 AND order_is_visible(o, $2, $3) AND o.status IN ('PENDING', 'RESERVED', 'CONFIRMED')
             RETURNING *
         ), returned AS (
             SELECT release_stock(array_agg(id)) FROM changed
         ), told AS (
             INSERT INTO order_events (order_id, kind, status, reason)
             SELECT id, 'cancelled', status, reason FROM changed
         ), o AS (SELECT changed.* FROM changed, returned)
         SELECT {ORDER}, {ITEM} FROM o JOIN order_items i ON i.order_id = o.id ORDER BY i.id",
        ORDER,
        ITEM
    );
    let rows = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_all(db).await?;
    whole(&rows)
}
