//! The SQL of @many@: each is visible to its owner and to superusers.

use @crate@_api::apis::@many@::List@Many@Params;
use @crate@_api::models::{@One@, @One@Create, @One@Update};
use platform::Result;
use platform::identity::Principal;
use platform::page::{Key, Kind, Order, Page, fingerprint};
use sqlx::postgres::{PgConnection, PgExecutor, PgRow};
use sqlx::{QueryBuilder, Row};

fn @one@(row: &PgRow) -> sqlx::Result<@One@> {
    Ok(@One@ {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        text: row.try_get("text")?,
        owner_id: row.try_get("owner_id")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// A page of what the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    params: &List@Many@Params,
) -> Result<(Vec<@One@>, Option<String>)> {
    let page = Page {
        list: fingerprint("@many@"),
        order: Order { name: "id", key: "id", kind: Kind::Id, descending: false },
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    };
    let mut sql = QueryBuilder::new("SELECT id, title, text, owner_id, created_at, updated_at FROM @table@ WHERE TRUE");
    if !caller.is_superuser() {
        sql.push(" AND owner_id = ").push_bind(caller.user_id());
    }
    page.finish(&mut sql, "id")?;
    let rows = sql.build().fetch_all(db).await?;
    let mut found = rows.iter().map(@one@).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut found, |one| (Key::Id, one.id));
    Ok((found, next))
}

/// One that the caller may see.
pub(crate) async fn find(db: impl PgExecutor<'_>, caller: &Principal, id: i64) -> Result<Option<@One@>> {
    const SQL: &str = "
        SELECT id, title, text, owner_id, created_at, updated_at FROM @table@ WHERE id = $1 AND (owner_id = $2 OR $3)";
    let row = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.as_ref().map(@one@).transpose()?)
}

/// The same, locked until the transaction ends.
pub(crate) async fn lock(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<Option<@One@>> {
    const SQL: &str = "
        SELECT id, title, text, owner_id, created_at, updated_at FROM @table@ WHERE id = $1 AND (owner_id = $2 OR $3)
        FOR NO KEY UPDATE";
    let row = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.as_ref().map(@one@).transpose()?)
}

/// Creates one of the caller's.
pub(crate) async fn insert(db: &mut PgConnection, caller: &Principal, new: &@One@Create) -> Result<@One@> {
    const SQL: &str = "
        INSERT INTO @table@ (owner_id, title, text) VALUES ($1, $2, coalesce($3, ''))
        RETURNING id, title, text, owner_id, created_at, updated_at";
    let row = sqlx::query(SQL).bind(caller.user_id()).bind(&new.title).bind(&new.text).fetch_one(db).await?;
    Ok(@one@(&row)?)
}

/// Changes what the update names of one that was locked, and nothing else.
pub(crate) async fn update(db: &mut PgConnection, id: i64, update: &@One@Update) -> Result<@One@> {
    const SQL: &str = "
        UPDATE @table@ SET title = coalesce($2, title), text = coalesce($3, text), updated_at = now() WHERE id = $1
        RETURNING id, title, text, owner_id, created_at, updated_at";
    let row = sqlx::query(SQL).bind(id).bind(&update.title).bind(&update.text).fetch_one(db).await?;
    Ok(@one@(&row)?)
}

/// Deletes one that the caller may see; whether there was one.
pub(crate) async fn delete(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<bool> {
    const SQL: &str = "DELETE FROM @table@ WHERE id = $1 AND (owner_id = $2 OR $3)";
    let done = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).execute(db).await?;
    Ok(done.rows_affected() > 0)
}
