//! The SQL of the stock ledger: stock changes together with a ledger entry, or not at all.

use platform::page::{Key, Kind, Order, Page, fingerprint};
use platform::{Result, read, sql, sql_shapes};
use shop_api::apis::operations::ListStockEntriesParams;
use shop_api::models::{Product, StockEntry, StockEntryKind};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};

use crate::projection::PRODUCT;

/// The stock that orders hold of a product and may still release. While the product is locked it does not grow.
pub(crate) async fn held(db: &mut PgConnection, product_id: i64) -> Result<i64> {
    const SQL: &str =
        sql!("SELECT coalesce(sum(quantity), 0)::bigint FROM reservations WHERE product_id = $1 AND state = 'held'");
    Ok(sqlx::query_scalar(SQL).bind(product_id).fetch_one(db).await?)
}

/// Changes the stock of a locked product, with a ledger entry.
pub(crate) async fn change(
    db: &mut PgConnection,
    product_id: i64,
    kind: StockEntryKind,
    delta: i64,
) -> Result<Product> {
    let sql = sql!(
        "WITH booked AS (INSERT INTO stock_entries (product_id, kind, quantity) VALUES ($1, $2, $3))
         UPDATE products p SET stock = p.stock + $3, updated_at = next_change(coalesce(p.updated_at, p.created_at))
         WHERE p.id = $1 RETURNING {PRODUCT}",
        PRODUCT
    );
    Ok(read(&sqlx::query(sql).bind(product_id).bind(kind.as_str()).bind(delta).fetch_one(db).await?)?)
}

/// A page of the ledger of a product, newest first, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    params: &ListStockEntriesParams,
) -> Result<(Vec<StockEntry>, Option<String>)> {
    let rows = page_sql(params)?.build().fetch_all(db).await?;
    let mut entries = rows.iter().map(read).collect::<sqlx::Result<Vec<StockEntry>>>()?;
    let next = page(params).cut(&mut entries, |entry| (Key::Id, entry.id));
    Ok((entries, next))
}

fn page(params: &ListStockEntriesParams) -> Page<'_> {
    Page {
        list: fingerprint(("stock_entries", params.product_id)),
        order: Order { name: "-id", key: "e.id", kind: Kind::Id, descending: true },
        cursor: params.cursor.as_deref(),
        skip: 0,
        limit: params.limit,
    }
}

fn page_sql(params: &ListStockEntriesParams) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new(
        "SELECT e.id, e.product_id, e.kind, e.quantity, e.order_id, e.created_at
         FROM stock_entries e WHERE e.product_id = ",
    );
    sql.push_bind(params.product_id);
    page(params).finish(&mut sql, "e.id")?;
    Ok(sql)
}

sql_shapes!(|| {
    let params = ListStockEntriesParams { product_id: 1, limit: 1, cursor: None };
    page(&params).shapes(|cursor| page_sql(&ListStockEntriesParams { cursor, ..params.clone() }))
});
