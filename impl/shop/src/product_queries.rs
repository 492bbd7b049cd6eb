//! The SQL of products. Everyone may see active ones; an archived one is visible in its orders and its ledger
//! only.

use platform::page::{self, Key, Kind, Order, Page, fingerprint};
use platform::{Result, read, sql, sql_shapes};

use shop_api::apis::products::ListProductsParams;
use shop_api::models::{Product, ProductCreate, ProductSort, ProductUpdate};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};

use crate::projection::PRODUCT;

/// An active product.
pub(crate) async fn find(db: impl PgExecutor<'_>, id: i64) -> Result<Option<Product>> {
    let sql = sql!("SELECT {PRODUCT} FROM products p WHERE p.id = $1 AND p.deleted_at IS NULL", PRODUCT);
    let row = sqlx::query(sql).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Locks an active product until the transaction ends: neither it nor its stock can be changed by others.
pub(crate) async fn lock(db: &mut PgConnection, id: i64) -> Result<Option<Product>> {
    let sql =
        sql!("SELECT {PRODUCT} FROM products p WHERE p.id = $1 AND p.deleted_at IS NULL FOR NO KEY UPDATE", PRODUCT);
    let row = sqlx::query(sql).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Whether a product exists, active or archived.
pub(crate) async fn exists(db: impl PgExecutor<'_>, id: i64) -> Result<bool> {
    let row = sqlx::query(sql!("SELECT FROM products WHERE id = $1")).bind(id).fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Inserts a product and records its initial stock as received.
pub(crate) async fn insert(db: &mut PgConnection, product: &ProductCreate) -> Result<Product> {
    let sql = sql!(
        "WITH p AS (
             INSERT INTO products (sku, name, description, price_cents, currency, stock)
             SELECT new.sku, new.name, new.description, new.price_cents, new.currency, new.stock
             FROM jsonb_populate_record(NULL::products, $1) new RETURNING *
         ), booked AS (
             INSERT INTO stock_entries (product_id, kind, quantity) SELECT id, 'receive', stock FROM p WHERE stock > 0
         ) SELECT {PRODUCT} FROM p",
        PRODUCT
    );
    Ok(read(&sqlx::query(sql).bind(Json(product)).fetch_one(db).await?)?)
}

/// Changes the fields in the update, and nothing else; an update without changes has no effect.
pub(crate) async fn update(db: &mut PgConnection, id: i64, update: &ProductUpdate) -> Result<Product> {
    let sql = sql!(
        "WITH wanted AS (
             SELECT new.* FROM products p, jsonb_populate_record(p, $2) new WHERE p.id = $1
         ) UPDATE products p SET sku = w.sku, name = w.name, description = w.description, price_cents = w.price_cents,
             currency = w.currency,
             updated_at = CASE WHEN (p.sku, p.name, p.description, p.price_cents, p.currency)
                     IS DISTINCT FROM (w.sku, w.name, w.description, w.price_cents, w.currency)
                 THEN next_change(coalesce(p.updated_at, p.created_at)) ELSE p.updated_at END
         FROM wanted w WHERE p.id = $1 RETURNING {PRODUCT}",
        PRODUCT
    );
    Ok(read(&sqlx::query(sql).bind(id).bind(Json(update)).fetch_one(db).await?)?)
}

/// Archives a locked product. Its row stays, for the orders and ledger entries that refer to it.
pub(crate) async fn delete(db: &mut PgConnection, id: i64) -> Result<()> {
    let sql = sql!(
        "UPDATE products SET deleted_at = now(), updated_at = next_change(coalesce(updated_at, created_at)) WHERE id = $1"
    );
    sqlx::query(sql).bind(id).execute(db).await?;
    Ok(())
}

/// A page of the active products, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    params: &ListProductsParams,
) -> Result<(Vec<Product>, Option<String>)> {
    let rows = page_sql(params)?.build().persistent(params.q.is_none()).fetch_all(db).await?;
    let mut products = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page(params).cut(&mut products, |product| (key(sort(params), product), product.id));
    Ok((products, next))
}

/// The total number of products in the list.
pub(crate) async fn count(db: impl PgExecutor<'_>, params: &ListProductsParams) -> Result<i64> {
    Ok(count_sql(params).build_query_scalar().persistent(params.q.is_none()).fetch_one(db).await?)
}

fn sort(params: &ListProductsParams) -> ProductSort {
    params.sort.unwrap_or(ProductSort::Id)
}

fn page(params: &ListProductsParams) -> Page<'_> {
    Page {
        list: fingerprint(("products", params.q.as_deref(), params.in_stock)),
        order: order(sort(params)),
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    }
}

fn page_sql(params: &ListProductsParams) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(PRODUCT).push(" FROM products p WHERE p.deleted_at IS NULL");
    filter(&mut sql, params);
    page(params).finish(&mut sql, "p.id")?;
    Ok(sql)
}

fn count_sql(params: &ListProductsParams) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT FROM products p WHERE p.deleted_at IS NULL");
        filter(sql, params);
    });
    sql
}

sql_shapes!(|| {
    let mut shapes = Vec::new();
    for (q, in_stock) in [(None, None), (None, Some(true)), (Some("text"), Some(false)), (Some("Straße"), None)] {
        for (_, sort) in ProductSort::ALL {
            let (q, sort) = (q.map(str::to_owned), Some(*sort));
            let params = ListProductsParams { skip: 1, limit: 1, cursor: None, count: true, q, sort, in_stock };
            shapes.push(count_sql(&params).into_string());
            shapes.extend(page(&params).shapes(|cursor| page_sql(&ListProductsParams { cursor, ..params.clone() })));
        }
    }
    shapes
});

fn filter(sql: &mut QueryBuilder<Postgres>, params: &ListProductsParams) {
    match params.in_stock {
        Some(true) => sql.push(" AND p.stock > 0"),
        Some(false) => sql.push(" AND p.stock = 0"),
        None => sql,
    };
    if let Some(text) = &params.q {
        page::search(sql, "p.search_text", text);
    }
}

fn order(sort: ProductSort) -> Order {
    let (key, kind, descending) = match sort {
        ProductSort::Id => ("p.id", Kind::Id, false),
        ProductSort::IdDesc => ("p.id", Kind::Id, true),
        ProductSort::CreatedAt => ("p.created_at", Kind::Time, false),
        ProductSort::CreatedAtDesc => ("p.created_at", Kind::Time, true),
        ProductSort::Name => ("p.name_key", Kind::Text, false),
        ProductSort::NameDesc => ("p.name_key", Kind::Text, true),
        ProductSort::PriceCents => ("p.price_cents", Kind::Integer, false),
        ProductSort::PriceCentsDesc => ("p.price_cents", Kind::Integer, true),
    };
    Order { name: sort.as_str(), key, kind, descending }
}

fn key(sort: ProductSort, product: &Product) -> Key {
    match sort {
        ProductSort::Id | ProductSort::IdDesc => Key::Id,
        ProductSort::CreatedAt | ProductSort::CreatedAtDesc => Key::Time(Some(product.created_at)),
        ProductSort::Name | ProductSort::NameDesc => Key::Text(product.name.clone()),
        ProductSort::PriceCents | ProductSort::PriceCentsDesc => Key::Integer(product.price_cents),
    }
}
