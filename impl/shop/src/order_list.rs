//! Lists of orders.

use std::collections::HashMap;

use platform::identity::Principal;
use platform::page::{self, Key, Kind, Order as Sorted, Page, fingerprint};
use platform::{Columns, Result, read, sql, sql_shapes};
use shop_api::apis::orders::ListOrdersParams;
use shop_api::models::{Order, OrderItem, OrderSort, OrderStatus};
use sqlx::postgres::PgExecutor;
use sqlx::{Postgres, QueryBuilder};

use crate::projection::{ITEM, ORDER};

/// A page of the orders the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_> + Copy,
    caller: &Principal,
    params: &ListOrdersParams,
) -> Result<(Vec<Order>, Option<String>)> {
    let rows = page_sql(viewer(caller), params)?.build().fetch_all(db).await?;
    let mut orders = rows.iter().map(read).collect::<sqlx::Result<Vec<Order>>>()?;
    let next = page(params).cut(&mut orders, |order| (key(sort(params), order), order.id));
    if orders.is_empty() {
        return Ok((orders, next));
    }
    let ids: Vec<i64> = orders.iter().map(|order| order.id).collect();
    let items =
        sql!("SELECT i.order_id, {ITEM} FROM order_items i WHERE i.order_id = ANY($1) ORDER BY i.order_id, i.id", ITEM);
    let rows = sqlx::query(items).bind(&ids).fetch_all(db).await?;
    let mut lines: HashMap<i64, Vec<OrderItem>> = HashMap::with_capacity(orders.len());
    for row in &rows {
        let mut columns = Columns::of(row);
        lines.entry(columns.get("order_id")?).or_default().push(columns.field("item")?);
    }
    for order in &mut orders {
        order.items = lines.remove(&order.id).unwrap_or_default();
    }
    Ok((orders, next))
}

/// The total number of orders in the list.
pub(crate) async fn count(db: impl PgExecutor<'_>, caller: &Principal, params: &ListOrdersParams) -> Result<i64> {
    Ok(count_sql(viewer(caller), params).build_query_scalar().fetch_one(db).await?)
}

/// Whose orders are listed: everyone's, or those of one user.
fn viewer(caller: &Principal) -> Option<i64> {
    (!caller.is_superuser()).then(|| caller.user_id())
}

fn sort(params: &ListOrdersParams) -> OrderSort {
    params.sort.unwrap_or(OrderSort::Id)
}

fn page(params: &ListOrdersParams) -> Page<'_> {
    let ListOrdersParams { user_id, created_after, created_before, skip, limit, .. } = *params;
    Page {
        list: fingerprint(("orders", statuses(params), user_id, created_after, created_before)),
        order: order(sort(params)),
        cursor: params.cursor.as_deref(),
        skip,
        limit,
    }
}

fn page_sql(viewer: Option<i64>, params: &ListOrdersParams) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(ORDER).push(" FROM orders o WHERE true");
    filter(&mut sql, viewer, params);
    page(params).finish(&mut sql, "o.id")?;
    Ok(sql)
}

fn count_sql(viewer: Option<i64>, params: &ListOrdersParams) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT FROM orders o WHERE true");
        filter(sql, viewer, params);
    });
    sql
}

sql_shapes!(|| {
    let mut shapes = Vec::new();
    for (viewer, is_filtered) in [(None, false), (Some(1), false), (None, true), (Some(1), true)] {
        for (_, sort) in OrderSort::ALL {
            let params = ListOrdersParams {
                skip: 1,
                limit: 1,
                cursor: None,
                count: true,
                sort: Some(*sort),
                status: is_filtered.then(|| vec![OrderStatus::Paid]),
                user_id: is_filtered.then_some(1),
                created_after: is_filtered.then_some(contract::EARLIEST),
                created_before: is_filtered.then_some(contract::EARLIEST),
            };
            shapes.push(count_sql(viewer, &params).into_string());
            let with = |cursor| page_sql(viewer, &ListOrdersParams { cursor, ..params.clone() });
            shapes.extend(page(&params).shapes(with));
        }
    }
    shapes
});

fn filter(sql: &mut QueryBuilder<Postgres>, viewer: Option<i64>, params: &ListOrdersParams) {
    if let Some(owner) = viewer {
        sql.push(" AND o.user_id = ").push_bind(owner);
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

/// The requested statuses, without duplicates, in one order.
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
