//! The columns of each resource, named after its fields; those of a nested object have its name as a prefix.

/// Of a product `p`.
pub(crate) const PRODUCT: &str = "p.id, p.sku, p.name, p.description, p.price_cents, p.currency, p.stock, p.created_at, \
     coalesce(p.updated_at, p.created_at) AS updated_at";

/// Of an order `o`, without its lines.
pub(crate) const ORDER: &str = "o.id, o.user_id, o.status, o.reason, o.total_cents, o.currency, o.expires_at, o.created_at, \
     coalesce(o.updated_at, o.created_at) AS updated_at";

/// Of a line `i`.
pub(crate) const ITEM: &str = r#"i.id AS "item.id", i.product_id AS "item.product_id", i.sku AS "item.sku",
     i.name AS "item.name", i.quantity AS "item.quantity", i.unit_price_cents AS "item.unit_price_cents""#;
