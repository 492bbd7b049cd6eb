//! How rows become orders and events of their timeline, once for each.

use platform::Columns;
use shop_api::models::{Order, OrderEvent, OrderEventKind, OrderItem, OrderReason, OrderStatus};
use sqlx::Result;
use sqlx::postgres::PgRow;

use crate::projection::named;

/// Columns of an order `o`.
macro_rules! order_columns {
    () => {
        "o.id, o.user_id, o.status, o.reason, o.total_cents, o.currency, o.expires_at, o.created_at, \
         coalesce(o.updated_at, o.created_at)"
    };
}

/// Columns of a line `i`.
macro_rules! item_columns {
    () => {
        "i.id, i.product_id, i.sku, i.name, i.quantity, i.unit_price_cents"
    };
}

/// An order of the WITH query `o` with its lines: a row for each line, see [`order_with_items`].
macro_rules! order_with_items {
    () => {
        concat!(
            "SELECT ",
            $crate::order_projection::order_columns!(),
            ", ",
            $crate::order_projection::item_columns!(),
            " FROM o JOIN order_items i ON i.order_id = o.id ORDER BY i.id"
        )
    };
}

/// Columns of an event `e`.
macro_rules! event_columns {
    () => {
        "e.id, e.order_id, e.kind, e.status, e.reason, e.at"
    };
}

pub(crate) use {event_columns, item_columns, order_columns, order_with_items};

const ORDER_COLUMNS: usize = 9;

/// A row of `order_columns!`, without its lines.
pub(crate) fn order(row: &PgRow) -> Result<Order> {
    order_at(row, 0)
}

fn order_at(row: &PgRow, skipped: usize) -> Result<Order> {
    let mut columns = Columns::after(row, skipped);
    Ok(Order {
        id: columns.take()?,
        user_id: columns.take()?,
        status: named(OrderStatus::ALL, columns.take()?)?,
        reason: columns.take::<Option<&str>>()?.map(|reason| named(OrderReason::ALL, reason)).transpose()?,
        total_cents: columns.take()?,
        currency: columns.take()?,
        expires_at: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
        items: Vec::new(),
    })
}

/// The line whose columns begin after `skipped` others.
fn item_at(row: &PgRow, skipped: usize) -> Result<OrderItem> {
    let mut columns = Columns::after(row, skipped);
    Ok(OrderItem {
        id: columns.take()?,
        product_id: columns.take()?,
        sku: columns.take()?,
        name: columns.take()?,
        quantity: columns.take()?,
        unit_price_cents: columns.take()?,
    })
}

/// The order of rows that each have the columns of the order and of a line, `skipped` others before them.
pub(crate) fn whole_order(rows: &[PgRow], skipped: usize) -> Result<Option<Order>> {
    let Some(first) = rows.first() else { return Ok(None) };
    let items = rows.iter().map(|row| item_at(row, skipped + ORDER_COLUMNS)).collect::<Result<_>>()?;
    Ok(Some(Order { items, ..order_at(first, skipped)? }))
}

/// A row of an order's id and `item_columns!`.
pub(crate) fn item_of(row: &PgRow) -> Result<(i64, OrderItem)> {
    Ok((Columns::of(row).take()?, item_at(row, 1)?))
}

/// The event whose `event_columns!` begin after `skipped` others.
pub(crate) fn event(row: &PgRow, skipped: usize) -> Result<OrderEvent> {
    let mut columns = Columns::after(row, skipped);
    Ok(OrderEvent {
        id: columns.take()?,
        order_id: columns.take()?,
        kind: named(OrderEventKind::ALL, columns.take()?)?,
        status: named(OrderStatus::ALL, columns.take()?)?,
        reason: columns.take::<Option<&str>>()?.map(|reason| named(OrderReason::ALL, reason)).transpose()?,
        at: columns.take()?,
    })
}
