//! The SQL of orders. The caller is an argument of every query, so that orders of others cannot be found.

use std::collections::HashMap;

use contract::{Problem, StorageQuota};
use platform::identity::Principal;
use platform::page::{self, Key, Kind, Order as Sorted, Page, fingerprint};
use platform::traces::TraceContext;
use platform::{Columns, Result};
use shop_api::apis::orders::{CREATE_ORDER, ListOrdersParams};
use shop_api::models::{Order, OrderCreate, OrderEvent, OrderItem, OrderSort, OrderStatus};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};

use crate::order_projection::{self, event_columns, item_columns, order_columns, order_with_items};
use crate::projection::named;

/// The largest total: 2^53, up to where floating-point numbers count every cent.
const MOST_CENTS: i64 = 9_007_199_254_740_992;

/// How much a user may have waiting, in the order in which `order_quota` counts.
const QUOTAS: [&StorageQuota; 4] = [
    CREATE_ORDER.quota("too_many_unpaid_orders"),
    CREATE_ORDER.quota("too_many_unpaid_units"),
    CREATE_ORDER.quota("too_many_unpaid_units_of_product"),
    CREATE_ORDER.quota("too_many_orders"),
];

/// Whether the caller ($2, superuser $3) may see an order `o`.
macro_rules! visible {
    () => {
        "($3 OR o.user_id = $2)"
    };
}

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
    const SQL: &str = concat!(
        "WITH quota AS MATERIALIZED ( \
             SELECT CASE WHEN $6::bigint[] IS NULL THEN 0 ELSE order_quota($1, $2, $3, $6) END AS exceeded \
         ), wanted AS ( \
             SELECT w.place, p.id, p.sku, p.name, p.price_cents, p.currency, w.quantity \
             FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (product_id, quantity, place) \
             JOIN products p ON p.id = w.product_id AND p.deleted_at IS NULL \
         ), sums AS ( \
             SELECT count(*) = cardinality($2) AS complete, count(DISTINCT currency) = 1 AS one_currency, \
                    min(currency) AS currency, sum(quantity::numeric * price_cents) AS total FROM wanted \
         ), o AS ( \
             INSERT INTO orders (user_id, total_cents, currency) \
             SELECT $1, total::bigint, currency FROM sums, quota \
             WHERE complete AND one_currency AND total <= $4 AND exceeded = 0 \
             RETURNING * \
         ), i AS ( \
             INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents) \
             SELECT o.id, w.id, w.sku, w.name, w.quantity, w.price_cents FROM o, wanted w ORDER BY w.place \
             RETURNING * \
         ), told AS ( \
             INSERT INTO order_events (order_id, kind, status) SELECT id, 'created', status FROM o \
         ), sent AS ( \
             INSERT INTO outbox (topic, order_id, payload, trace) \
             SELECT 'order.created', id, '{\"order_id\":' || id || '}', $5 FROM o \
         ) SELECT sums.complete, sums.one_currency, coalesce(sums.total <= $4, false), quota.exceeded, o.id IS NOT NULL, ",
        order_columns!(),
        ", ",
        item_columns!(),
        " FROM sums CROSS JOIN quota LEFT JOIN o ON true LEFT JOIN i ON true ORDER BY i.id"
    );
    let (products, quantities) = merged(order);
    let query = sqlx::query(SQL).bind(caller.user_id()).bind(products).bind(quantities).bind(MOST_CENTS);
    let most = (!caller.is_superuser()).then(|| QUOTAS.map(|quota| quota.amount));
    let rows = query.bind(trace.map(|trace| trace.to_string())).bind(most).fetch_all(db).await?;
    let (mut complete, mut one_currency, mut countable, mut exceeded, mut accepted) =
        (false, false, false, 0_i32, false);
    if let Some(first) = rows.first() {
        let mut columns = Columns::of(first);
        (complete, one_currency, countable) = (columns.take()?, columns.take()?, columns.take()?);
        (exceeded, accepted) = (columns.take()?, columns.take()?);
    }
    let exceeded = usize::try_from(exceeded - 1).ok().and_then(|place| QUOTAS.get(place));
    match order_projection::whole_order(if accepted { &rows } else { &[] }, 5)? {
        Some(order) => Ok(order),
        None if !complete => Err(crate::products::product_not_found().into()),
        None if !one_currency => {
            Err(Problem::conflict("mixed_currencies", "The products of one order must have one currency.").into())
        }
        None => match exceeded {
            Some(quota) if countable => Err(quota.exceeded().into()),
            _ => Err(Problem::conflict("order_total_too_large", "The total must not exceed 2^53 cents.").into()),
        },
    }
}

/// The lines of an order, those of one product made one; in the order the products are first named in.
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
    const SQL: &str =
        concat!("WITH o AS (SELECT * FROM orders o WHERE o.id = $1 AND ", visible!(), ") ", order_with_items!());
    let rows = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_all(db).await?;
    Ok(order_projection::whole_order(&rows, 0)?)
}

/// Pays an order of the caller's whose reservation stands; nothing when there is none. What it held is sold.
pub(crate) async fn pay(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<Option<Order>> {
    const SQL: &str = concat!(
        "WITH o AS ( \
             UPDATE orders o SET status = 'PAID', expires_at = NULL, updated_at = clock_timestamp() \
             WHERE o.id = $1 AND ",
        visible!(),
        " AND o.status IN ('RESERVED', 'CONFIRMED') AND coalesce(o.expires_at > clock_timestamp(), true) RETURNING * \
         ), sold AS ( \
             UPDATE reservations r SET state = 'committed' FROM o WHERE r.order_id = o.id AND r.state = 'held' \
             RETURNING r.order_id, r.product_id \
         ), booked AS ( \
             INSERT INTO stock_entries (product_id, kind, quantity, order_id) \
             SELECT product_id, 'commit', 0, order_id FROM sold \
         ), told AS ( \
             INSERT INTO order_events (order_id, kind, status) SELECT id, 'paid', status FROM o \
         ) ",
        order_with_items!()
    );
    let rows = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_all(db).await?;
    Ok(order_projection::whole_order(&rows, 0)?)
}

/// Calls off an order of the caller's that is not paid yet; nothing when there is none. What it held is in stock again.
pub(crate) async fn cancel(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<Option<Order>> {
    // `returned` is evaluated because it is joined, and after `changed`, whose rows it needs: the order is locked first.
    const SQL: &str = concat!(
        "WITH changed AS ( \
             UPDATE orders o SET status = 'CANCELLED', reason = 'cancelled_by_user', expires_at = NULL, \
                                 updated_at = clock_timestamp() \
             WHERE o.id = $1 AND ",
        visible!(),
        " AND o.status IN ('PENDING', 'RESERVED', 'CONFIRMED') RETURNING * \
         ), returned AS ( \
             SELECT release_stock(array_agg(id)) FROM changed \
         ), told AS ( \
             INSERT INTO order_events (order_id, kind, status, reason) \
             SELECT id, 'cancelled', status, reason FROM changed \
         ), o AS (SELECT changed.* FROM changed, returned) ",
        order_with_items!()
    );
    let rows = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_all(db).await?;
    Ok(order_projection::whole_order(&rows, 0)?)
}

/// What happened to an order the caller may see since the event `after`, oldest first, at most `limit` events; nothing
/// when there is no such order.
pub(crate) async fn events(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    id: i64,
    after: i64,
    limit: i64,
) -> Result<Option<Timeline>> {
    const SQL: &str = concat!(
        "SELECT o.status, ",
        event_columns!(),
        " FROM orders o LEFT JOIN (SELECT * FROM order_events WHERE order_id = $1 AND id > $4 ORDER BY id LIMIT $5) e \
         ON true WHERE o.id = $1 AND ",
        visible!(),
        " ORDER BY e.id"
    );
    let rows = sqlx::query(SQL)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(after)
        .bind(limit)
        .fetch_all(db)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let status = named(OrderStatus::ALL, Columns::of(first).take()?)?;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        if !Columns::after(row, 1).skip_if_null(1)? {
            events.push(order_projection::event(row, 1)?);
        }
    }
    Ok(Some(Timeline { status, events }))
}

/// The state of an order and what happened to it.
pub(crate) struct Timeline {
    pub(crate) status: OrderStatus,
    pub(crate) events: Vec<OrderEvent>,
}

/// What happened to these orders since an event of each, in the order of ids, at most `limit` events of each. Whoever
/// gets to see them has found the order before.
pub(crate) async fn events_since(
    db: impl PgExecutor<'_>,
    (orders, afters): &(Vec<i64>, Vec<i64>),
    limit: i64,
) -> Result<Vec<OrderEvent>> {
    const SQL: &str = concat!(
        "SELECT ",
        event_columns!(),
        " FROM unnest($1::bigint[], $2::bigint[]) AS w (order_id, after), LATERAL \
         (SELECT * FROM order_events WHERE order_id = w.order_id AND id > w.after ORDER BY id LIMIT $3) e ORDER BY e.id"
    );
    let rows = sqlx::query(SQL).bind(orders).bind(afters).bind(limit).fetch_all(db).await?;
    Ok(rows.iter().map(|row| order_projection::event(row, 0)).collect::<sqlx::Result<_>>()?)
}

/// `event`, if it is one of this order; otherwise the place before the first.
pub(crate) async fn place(db: impl PgExecutor<'_>, order: i64, event: i64) -> Result<i64> {
    const SQL: &str = "SELECT id FROM order_events WHERE order_id = $1 AND id = $2";
    let known: Option<i64> = sqlx::query_scalar(SQL).bind(order).bind(event).fetch_optional(db).await?;
    Ok(known.unwrap_or(0))
}

/// A page of the orders the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_> + Copy,
    caller: &Principal,
    params: &ListOrdersParams,
) -> Result<(Vec<Order>, Option<String>)> {
    const SQL: &str = concat!("SELECT ", order_columns!(), " FROM orders o WHERE true");
    const ITEMS: &str = concat!(
        "SELECT i.order_id, ",
        item_columns!(),
        " FROM order_items i WHERE i.order_id = ANY($1) ORDER BY i.order_id, i.id"
    );
    let sort = params.sort.unwrap_or(OrderSort::Id);
    let ListOrdersParams { user_id, created_after, created_before, skip, limit, .. } = *params;
    let page = Page {
        list: fingerprint(("orders", statuses(params), user_id, created_after, created_before)),
        order: order(sort),
        cursor: params.cursor.as_deref(),
        skip,
        limit,
    };
    let mut sql = QueryBuilder::new(SQL);
    filter(&mut sql, caller, params);
    page.finish(&mut sql, "o.id")?;
    let rows = sql.build().fetch_all(db).await?;
    let mut orders = rows.iter().map(order_projection::order).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut orders, |order| (key(sort, order), order.id));
    if orders.is_empty() {
        return Ok((orders, next));
    }
    let ids: Vec<i64> = orders.iter().map(|order| order.id).collect();
    let rows = sqlx::query(ITEMS).bind(&ids).fetch_all(db).await?;
    let mut lines: HashMap<i64, Vec<OrderItem>> = HashMap::with_capacity(orders.len());
    for row in &rows {
        let (order, item) = order_projection::item_of(row)?;
        lines.entry(order).or_default().push(item);
    }
    for order in &mut orders {
        order.items = lines.remove(&order.id).unwrap_or_default();
    }
    Ok((orders, next))
}

/// How many orders the whole list has.
pub(crate) async fn count(db: impl PgExecutor<'_>, caller: &Principal, params: &ListOrdersParams) -> Result<i64> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT FROM orders o WHERE true");
        filter(sql, caller, params);
    });
    Ok(sql.build_query_scalar().fetch_one(db).await?)
}

fn filter(sql: &mut QueryBuilder<Postgres>, caller: &Principal, params: &ListOrdersParams) {
    if !caller.is_superuser() {
        sql.push(" AND o.user_id = ").push_bind(caller.user_id());
    }
    if let Some(user) = params.user_id {
        sql.push(" AND o.user_id = ").push_bind(user);
    }
    if let Some(statuses) = statuses(params) {
        sql.push(" AND o.status = ANY(").push_bind(statuses).push(")");
    }
    if let Some(after) = params.created_after {
        sql.push(" AND o.created_at >= ").push_bind(after);
    }
    if let Some(before) = params.created_before {
        sql.push(" AND o.created_at < ").push_bind(before);
    }
}

/// The states asked for, each once, in one order.
fn statuses(params: &ListOrdersParams) -> Option<Vec<&'static str>> {
    let mut statuses: Vec<_> = params.status.as_ref()?.iter().map(|status| status.as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    Some(statuses)
}

fn order(sort: OrderSort) -> Sorted {
    let (key, kind, descending) = match sort {
        OrderSort::Id => ("o.id", Kind::Id, false),
        OrderSort::IdDesc => ("o.id", Kind::Id, true),
        OrderSort::CreatedAt => ("o.created_at", Kind::Time, false),
        OrderSort::CreatedAtDesc => ("o.created_at", Kind::Time, true),
        OrderSort::TotalCents => ("o.total_cents", Kind::Integer, false),
        OrderSort::TotalCentsDesc => ("o.total_cents", Kind::Integer, true),
    };
    Sorted { name: sort.as_str(), key, kind, descending }
}

fn key(sort: OrderSort, order: &Order) -> Key {
    match sort {
        OrderSort::Id | OrderSort::IdDesc => Key::Id,
        OrderSort::CreatedAt | OrderSort::CreatedAtDesc => Key::Time(Some(order.created_at)),
        OrderSort::TotalCents | OrderSort::TotalCentsDesc => Key::Integer(order.total_cents),
    }
}
