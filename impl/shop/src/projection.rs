//! How a row becomes a product, a ledger entry or a dead letter, once for each.
//!
//! Columns are read by position: the lists of columns and the functions that read them stand together here.

use platform::Columns;
use shop_api::models::{DeadLetter, DeadLetterState, Product, StockEntry, StockEntryKind};
use sqlx::Result;
use sqlx::postgres::PgRow;

/// Columns of a product `p`.
macro_rules! product_columns {
    () => {
        "p.id, p.sku, p.name, p.description, p.price_cents, p.currency, p.stock, p.created_at, \
         coalesce(p.updated_at, p.created_at)"
    };
}

/// Columns of an entry `e` of the stock ledger.
macro_rules! stock_entry_columns {
    () => {
        "e.id, e.product_id, e.kind, e.quantity, e.order_id, e.created_at"
    };
}

/// Columns of a dead letter `d`.
macro_rules! dead_letter_columns {
    () => {
        "d.id, d.state, d.order_id, d.topic, d.payload, d.reason, d.attempts, d.created_at, d.settled_at"
    };
}

pub(crate) use {dead_letter_columns, product_columns, stock_entry_columns};

/// A row of `product_columns!`.
pub(crate) fn product(row: &PgRow) -> Result<Product> {
    let mut columns = Columns::of(row);
    Ok(Product {
        id: columns.take()?,
        sku: columns.take()?,
        name: columns.take()?,
        description: columns.take()?,
        price_cents: columns.take()?,
        currency: columns.take()?,
        stock: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
    })
}

/// A row of `stock_entry_columns!`.
pub(crate) fn stock_entry(row: &PgRow) -> Result<StockEntry> {
    let mut columns = Columns::of(row);
    Ok(StockEntry {
        id: columns.take()?,
        product_id: columns.take()?,
        kind: named(StockEntryKind::ALL, columns.take()?)?,
        quantity: columns.take()?,
        order_id: columns.take()?,
        created_at: columns.take()?,
    })
}

/// A row of `dead_letter_columns!`.
pub(crate) fn dead_letter(row: &PgRow) -> Result<DeadLetter> {
    let mut columns = Columns::of(row);
    Ok(DeadLetter {
        id: columns.take()?,
        state: named(DeadLetterState::ALL, columns.take()?)?,
        order_id: columns.take()?,
        topic: columns.take()?,
        payload: columns.take()?,
        reason: columns.take()?,
        attempts: columns.take()?,
        created_at: columns.take()?,
        settled_at: columns.take()?,
    })
}

/// The value of an enumeration that is written as `name`.
pub(crate) fn named<T: Copy>(all: &[(&str, T)], name: &str) -> Result<T> {
    all.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| sqlx::Error::Decode("a column holds a name the document does not know".into()))
}
