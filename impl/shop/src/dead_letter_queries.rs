//! The SQL of dead letters, and of what waits in the pipeline besides them. Only superusers get here.

use platform::page::{self, Key, Kind, Order, Page, fingerprint};
use platform::{Result, read, sql, sql_shapes};
use shop_api::apis::operations::ListDeadLettersParams;
use shop_api::models::{DeadLetter, DeadLetterState};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};

/// The columns of a dead letter `d`.
const DEAD_LETTER: &str =
    "d.id, d.state, d.order_id, d.topic, d.payload, d.reason, d.attempts, d.created_at, d.settled_at";

/// A dead letter.
pub(crate) async fn find(db: impl PgExecutor<'_>, id: i64) -> Result<Option<DeadLetter>> {
    let sql = sql!("SELECT {DEAD_LETTER} FROM dead_letters d WHERE d.id = $1", DEAD_LETTER);
    let row = sqlx::query(sql).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Locks a dead letter until the transaction ends; before the order it concerns.
pub(crate) async fn lock(db: &mut PgConnection, id: i64) -> Result<Option<DeadLetter>> {
    let sql = sql!("SELECT {DEAD_LETTER} FROM dead_letters d WHERE d.id = $1 FOR NO KEY UPDATE", DEAD_LETTER);
    let row = sqlx::query(sql).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Says what was decided about a dead letter that was locked.
pub(crate) async fn settle(db: &mut PgConnection, id: i64, state: DeadLetterState) -> Result<DeadLetter> {
    let sql = sql!(
        "UPDATE dead_letters d SET state = $2, settled_at = now() WHERE d.id = $1 RETURNING {DEAD_LETTER}",
        DEAD_LETTER
    );
    Ok(read(&sqlx::query(sql).bind(id).bind(state.as_str()).fetch_one(db).await?)?)
}

/// Lets an order wait for its reservation again, if it failed for a reason that can pass.
pub(crate) async fn reopen_order(db: &mut PgConnection, order_id: i64) -> Result<()> {
    let sql = sql!(
        "WITH reopened AS (
             UPDATE orders SET status = 'PENDING', reason = NULL, expires_at = NULL,
                 updated_at = next_change(coalesce(updated_at, created_at))
             WHERE id = $1 AND status = 'FAILED' AND reason IN ('processing_failed', 'product_unavailable') RETURNING id
         ) INSERT INTO order_events (order_id, kind, status) SELECT id, 'requeued', 'PENDING' FROM reopened"
    );
    sqlx::query(sql).bind(order_id).execute(db).await?;
    Ok(())
}

/// A page of dead letters, newest first, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    params: &ListDeadLettersParams,
) -> Result<(Vec<DeadLetter>, Option<String>)> {
    let rows = page_sql(params)?.build().fetch_all(db).await?;
    let mut letters = rows.iter().map(read).collect::<sqlx::Result<Vec<DeadLetter>>>()?;
    let next = page(params).cut(&mut letters, |letter| (Key::Id, letter.id));
    Ok((letters, next))
}

/// How many dead letters the whole list has.
pub(crate) async fn count(db: impl PgExecutor<'_>, params: &ListDeadLettersParams) -> Result<i64> {
    Ok(count_sql(params).build_query_scalar().fetch_one(db).await?)
}

fn page(params: &ListDeadLettersParams) -> Page<'_> {
    Page {
        list: fingerprint(("dead_letters", params.state, params.order_id)),
        order: Order { name: "-id", key: "d.id", kind: Kind::Id, descending: true },
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    }
}

fn page_sql(params: &ListDeadLettersParams) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(DEAD_LETTER).push(" FROM dead_letters d WHERE TRUE");
    filter(&mut sql, params);
    page(params).finish(&mut sql, "d.id")?;
    Ok(sql)
}

fn count_sql(params: &ListDeadLettersParams) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT FROM dead_letters d WHERE TRUE");
        filter(sql, params);
    });
    sql
}

sql_shapes!(|| {
    let mut shapes = Vec::new();
    for (state, order_id) in [(None, None), (Some(DeadLetterState::Waiting), Some(1))] {
        let params = ListDeadLettersParams { skip: 1, limit: 1, cursor: None, count: true, state, order_id };
        shapes.push(count_sql(&params).into_string());
        shapes.extend(page(&params).shapes(|cursor| page_sql(&ListDeadLettersParams { cursor, ..params.clone() })));
    }
    shapes
});

fn filter(sql: &mut QueryBuilder<Postgres>, params: &ListDeadLettersParams) {
    if let Some(state) = params.state {
        sql.push(" AND d.state = ").push_bind(state.as_str());
    }
    if let Some(order) = params.order_id {
        sql.push(" AND d.order_id = ").push_bind(order);
    }
}
