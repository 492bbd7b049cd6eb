//! The SQL of products. Everybody may see those on the shelf; one that was taken off it is known to its orders and its
//! ledger only.

use platform::Result;
use platform::page::{self, Key, Kind, Order, Page, fingerprint};
use shop_api::apis::products::ListProductsParams;
use shop_api::models::{Product, ProductCreate, ProductSort, ProductUpdate};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};

use crate::projection::{self, product_columns};

/// When a change of a product `p` happens. It strictly grows, so that an ETag never repeats, whatever the clock does.
macro_rules! touched {
    () => {
        "greatest(now(), coalesce(p.updated_at, p.created_at) + interval '1 microsecond')"
    };
}
pub(crate) use touched;

/// A product on the shelf.
pub(crate) async fn find(db: impl PgExecutor<'_>, id: i64) -> Result<Option<Product>> {
    const SQL: &str =
        concat!("SELECT ", product_columns!(), " FROM products p WHERE p.id = $1 AND p.deleted_at IS NULL");
    let row = sqlx::query(SQL).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(projection::product).transpose()?)
}

/// Locks a product on the shelf until the transaction ends: neither it nor its stock can be changed by others.
pub(crate) async fn lock(db: &mut PgConnection, id: i64) -> Result<Option<Product>> {
    const SQL: &str = concat!(
        "SELECT ",
        product_columns!(),
        " FROM products p WHERE p.id = $1 AND p.deleted_at IS NULL FOR NO KEY UPDATE"
    );
    let row = sqlx::query(SQL).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(projection::product).transpose()?)
}

/// Whether there is such a product, on the shelf or not.
pub(crate) async fn exists(db: impl PgExecutor<'_>, id: i64) -> Result<bool> {
    let row = sqlx::query("SELECT FROM products WHERE id = $1").bind(id).fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Puts a product on the shelf and books its initial stock as received.
pub(crate) async fn insert(db: &mut PgConnection, product: &ProductCreate) -> Result<Product> {
    const SQL: &str = concat!(
        "WITH p AS (INSERT INTO products (sku, name, description, price_cents, currency, stock) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING *), \
         booked AS (INSERT INTO stock_entries (product_id, kind, quantity) \
         SELECT id, 'receive', stock FROM p WHERE stock > 0) SELECT ",
        product_columns!(),
        " FROM p"
    );
    let row = sqlx::query(SQL)
        .bind(&product.sku)
        .bind(&product.name)
        .bind(product.description.as_ref().and_then(Option::as_ref))
        .bind(product.price_cents)
        .bind(&product.currency)
        .bind(product.stock)
        .fetch_one(db)
        .await?;
    Ok(projection::product(&row)?)
}

/// Changes what the update names, and nothing else; what changes nothing leaves no trace.
pub(crate) async fn update(db: &mut PgConnection, id: i64, update: &ProductUpdate) -> Result<Product> {
    const SQL: &str = concat!(
        "WITH wanted AS (SELECT coalesce($2, sku) AS sku, coalesce($3, name) AS name, \
         CASE WHEN $4 THEN $5 ELSE description END AS description, coalesce($6, price_cents) AS price_cents, \
         coalesce($7, currency) AS currency FROM products WHERE id = $1) \
         UPDATE products p SET sku = w.sku, name = w.name, description = w.description, price_cents = w.price_cents, \
         currency = w.currency, updated_at = CASE WHEN (p.sku, p.name, p.description, p.price_cents, p.currency) \
         IS DISTINCT FROM (w.sku, w.name, w.description, w.price_cents, w.currency) THEN ",
        touched!(),
        " ELSE p.updated_at END FROM wanted w WHERE p.id = $1 RETURNING ",
        product_columns!()
    );
    let row = sqlx::query(SQL)
        .bind(id)
        .bind(&update.sku)
        .bind(&update.name)
        .bind(update.description.is_some())
        .bind(update.description.as_ref().and_then(Option::as_ref))
        .bind(update.price_cents)
        .bind(&update.currency)
        .fetch_one(db)
        .await?;
    Ok(projection::product(&row)?)
}

/// Takes a product that was locked off the shelf. Its row stays, for the orders and ledger entries that mention it.
pub(crate) async fn delete(db: &mut PgConnection, id: i64) -> Result<()> {
    const SQL: &str = concat!("UPDATE products p SET deleted_at = now(), updated_at = ", touched!(), " WHERE id = $1");
    sqlx::query(SQL).bind(id).execute(db).await?;
    Ok(())
}

/// A page of the products on the shelf, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    params: &ListProductsParams,
) -> Result<(Vec<Product>, Option<String>)> {
    const SQL: &str = concat!("SELECT ", product_columns!(), " FROM products p WHERE p.deleted_at IS NULL");
    let sort = params.sort.unwrap_or(ProductSort::Id);
    let page = Page {
        list: fingerprint(("products", params.q.as_deref(), params.in_stock)),
        order: order(sort),
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    };
    let mut sql = QueryBuilder::new(SQL);
    filter(&mut sql, params);
    page.finish(&mut sql, "p.id")?;
    let rows = sql.build().persistent(params.q.is_none()).fetch_all(db).await?;
    let mut products = rows.iter().map(projection::product).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut products, |product| (key(sort, product), product.id));
    Ok((products, next))
}

/// How many products the whole list has.
pub(crate) async fn count(db: impl PgExecutor<'_>, params: &ListProductsParams) -> Result<i64> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT FROM products p WHERE p.deleted_at IS NULL");
        filter(sql, params);
    });
    Ok(sql.build_query_scalar().persistent(params.q.is_none()).fetch_one(db).await?)
}

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
