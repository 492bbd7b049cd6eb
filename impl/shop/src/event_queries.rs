//! The SQL of what happens to orders.

use platform::identity::Principal;
use platform::{Columns, Result, sql};
use shop_api::models::{OrderEvent, OrderStatus};
use sqlx::postgres::PgExecutor;

/// The columns of an event `e`.
const EVENT: &str = r#"e.id AS "event.id", e.order_id AS "event.order_id", e.kind AS "event.kind",
     e.status AS "event.status", e.reason AS "event.reason", e.at AS "event.at""#;

/// What happened to an order the caller may see since the event `after`, oldest first, at most `limit` events; nothing
/// when there is no such order.
pub(crate) async fn events(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    id: i64,
    after: i64,
    limit: i64,
) -> Result<Option<Timeline>> {
    let sql = sql!(
        "SELECT o.status, {EVENT}
         FROM orders o
         LEFT JOIN (SELECT * FROM order_events WHERE order_id = $1 AND id > $4 ORDER BY id LIMIT $5) e ON true
         WHERE o.id = $1 AND order_is_visible(o, $2, $3) ORDER BY e.id",
        EVENT
    );
    let rows = sqlx::query(sql)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(after)
        .bind(limit)
        .fetch_all(db)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let status = Columns::of(first).field("status")?;
    // One row without an event where there are none.
    let events = rows.iter().filter_map(|row| Columns::of(row).field("event").transpose());
    Ok(Some(Timeline { status, events: events.collect::<sqlx::Result<_>>()? }))
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
    let sql = sql!(
        "SELECT {EVENT} FROM unnest($1::bigint[], $2::bigint[]) AS w (order_id, after),
             LATERAL (SELECT * FROM order_events WHERE order_id = w.order_id AND id > w.after ORDER BY id LIMIT $3) e
         ORDER BY e.id",
        EVENT
    );
    let rows = sqlx::query(sql).bind(orders).bind(afters).bind(limit).fetch_all(db).await?;
    Ok(rows.iter().map(|row| Columns::of(row).field("event")).collect::<sqlx::Result<_>>()?)
}

/// `event`, if it is one of this order; otherwise the place before the first.
pub(crate) async fn place(db: impl PgExecutor<'_>, order: i64, event: i64) -> Result<i64> {
    let sql = sql!("SELECT id FROM order_events WHERE order_id = $1 AND id = $2");
    let known: Option<i64> = sqlx::query_scalar(sql).bind(order).bind(event).fetch_optional(db).await?;
    Ok(known.unwrap_or(0))
}
