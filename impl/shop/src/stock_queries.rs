//! The SQL of the stock ledger: stock changes together with an entry that says so, or not at all.

use platform::Result;
use platform::page::{Key, Kind, Order, Page, fingerprint};
use shop_api::apis::operations::ListStockEntriesParams;
use shop_api::models::{Product, StockEntry, StockEntryKind};
use sqlx::QueryBuilder;
use sqlx::postgres::{PgConnection, PgExecutor};

use crate::product_queries::touched;
use crate::projection::{self, product_columns, stock_entry_columns};

/// What orders hold of a product and may still give back. It stays while the product is locked, or shrinks.
pub(crate) async fn held(db: &mut PgConnection, product_id: i64) -> Result<i64> {
    const SQL: &str =
        "SELECT coalesce(sum(quantity), 0)::bigint FROM reservations WHERE product_id = $1 AND state = 'held'";
    Ok(sqlx::query_scalar(SQL).bind(product_id).fetch_one(db).await?)
}

/// Changes the stock of a product that was locked, and books it.
pub(crate) async fn change(
    db: &mut PgConnection,
    product_id: i64,
    kind: StockEntryKind,
    delta: i64,
) -> Result<Product> {
    const SQL: &str = concat!(
        "WITH booked AS (INSERT INTO stock_entries (product_id, kind, quantity) VALUES ($1, $2, $3)) \
         UPDATE products p SET stock = p.stock + $3, updated_at = ",
        touched!(),
        " WHERE p.id = $1 RETURNING ",
        product_columns!()
    );
    let row = sqlx::query(SQL).bind(product_id).bind(kind.as_str()).bind(delta).fetch_one(db).await?;
    Ok(projection::product(&row)?)
}

/// A page of the ledger of a product, newest first, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    params: &ListStockEntriesParams,
) -> Result<(Vec<StockEntry>, Option<String>)> {
    const SQL: &str = concat!("SELECT ", stock_entry_columns!(), " FROM stock_entries e WHERE e.product_id = ");
    let page = Page {
        list: fingerprint(("stock_entries", params.product_id)),
        order: Order { name: "-id", key: "e.id", kind: Kind::Id, descending: true },
        cursor: params.cursor.as_deref(),
        skip: 0,
        limit: params.limit,
    };
    let mut sql = QueryBuilder::new(SQL);
    sql.push_bind(params.product_id);
    page.finish(&mut sql, "e.id")?;
    let rows = sql.build().fetch_all(db).await?;
    let mut entries = rows.iter().map(projection::stock_entry).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut entries, |entry| (Key::Id, entry.id));
    Ok((entries, next))
}
