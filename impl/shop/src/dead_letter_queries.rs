//! The SQL of dead letters, and of what waits in the pipeline besides them. Only superusers get here.

use platform::Result;
use platform::page::{self, Key, Kind, Order, Page, fingerprint};
use shop_api::apis::operations::ListDeadLettersParams;
use shop_api::models::{DeadLetter, DeadLetterState};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};

use crate::projection::{self, dead_letter_columns};

/// A dead letter.
pub(crate) async fn find(db: impl PgExecutor<'_>, id: i64) -> Result<Option<DeadLetter>> {
    const SQL: &str = concat!("SELECT ", dead_letter_columns!(), " FROM dead_letters d WHERE d.id = $1");
    let row = sqlx::query(SQL).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(projection::dead_letter).transpose()?)
}

/// Locks a dead letter until the transaction ends; before the order it concerns.
pub(crate) async fn lock(db: &mut PgConnection, id: i64) -> Result<Option<DeadLetter>> {
    const SQL: &str =
        concat!("SELECT ", dead_letter_columns!(), " FROM dead_letters d WHERE d.id = $1 FOR NO KEY UPDATE");
    let row = sqlx::query(SQL).bind(id).fetch_optional(db).await?;
    Ok(row.as_ref().map(projection::dead_letter).transpose()?)
}

/// Says what was decided about a dead letter that was locked.
pub(crate) async fn settle(db: &mut PgConnection, id: i64, state: DeadLetterState) -> Result<DeadLetter> {
    const SQL: &str = concat!(
        "UPDATE dead_letters d SET state = $2, settled_at = now() WHERE d.id = $1 RETURNING ",
        dead_letter_columns!()
    );
    let row = sqlx::query(SQL).bind(id).bind(state.as_str()).fetch_one(db).await?;
    Ok(projection::dead_letter(&row)?)
}

/// Puts the message of a dead letter into the outbox again, as if nobody had tried it yet.
pub(crate) async fn enqueue(db: &mut PgConnection, letter: &DeadLetter) -> Result<()> {
    const SQL: &str = "INSERT INTO outbox (topic, order_id, payload) VALUES ($1, $2, $3)";
    sqlx::query(SQL).bind(&letter.topic).bind(letter.order_id).bind(&letter.payload).execute(db).await?;
    Ok(())
}

/// Lets an order wait for its reservation again, if it failed for a reason that can pass.
pub(crate) async fn reopen_order(db: &mut PgConnection, order_id: i64) -> Result<()> {
    const SQL: &str = "WITH reopened AS (UPDATE orders SET status = 'PENDING', reason = NULL, expires_at = NULL, \
                       updated_at = greatest(now(), coalesce(updated_at, created_at) + interval '1 microsecond') \
                       WHERE id = $1 AND status = 'FAILED' AND reason IN ('processing_failed', 'product_unavailable') \
                       RETURNING id) \
                       INSERT INTO order_events (order_id, kind, status) \
                       SELECT id, 'requeued', 'PENDING' FROM reopened";
    sqlx::query(SQL).bind(order_id).execute(db).await?;
    Ok(())
}

/// A page of dead letters, newest first, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    params: &ListDeadLettersParams,
) -> Result<(Vec<DeadLetter>, Option<String>)> {
    const SQL: &str = concat!("SELECT ", dead_letter_columns!(), " FROM dead_letters d WHERE TRUE");
    let page = Page {
        list: fingerprint(("dead_letters", params.state, params.order_id)),
        order: Order { name: "-id", key: "d.id", kind: Kind::Id, descending: true },
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    };
    let mut sql = QueryBuilder::new(SQL);
    filter(&mut sql, params);
    page.finish(&mut sql, "d.id")?;
    let rows = sql.build().fetch_all(db).await?;
    let mut letters = rows.iter().map(projection::dead_letter).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut letters, |letter| (Key::Id, letter.id));
    Ok((letters, next))
}

/// How many dead letters the whole list has.
pub(crate) async fn count(db: impl PgExecutor<'_>, params: &ListDeadLettersParams) -> Result<i64> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT FROM dead_letters d WHERE TRUE");
        filter(sql, params);
    });
    Ok(sql.build_query_scalar().fetch_one(db).await?)
}

fn filter(sql: &mut QueryBuilder<Postgres>, params: &ListDeadLettersParams) {
    if let Some(state) = params.state {
        sql.push(" AND d.state = ").push_bind(state.as_str());
    }
    if let Some(order) = params.order_id {
        sql.push(" AND d.order_id = ").push_bind(order);
    }
}
