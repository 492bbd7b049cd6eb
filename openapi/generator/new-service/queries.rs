//! The SQL of @many@: each is visible to its owner and to superusers.

use @crate@_api::apis::@many@::List@Many@Params;
use @crate@_api::models::{@One@, @One@Create, @One@Update};
use platform::identity::Principal;
use platform::page::{Key, Kind, Order, Page, fingerprint};
use platform::{Result, read, sql, sql_shapes};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};

/// The columns of one, named after its fields.
const @ONE@: &str = "id, title, text, owner_id, created_at, updated_at";

/// A page of those the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    params: &List@Many@Params,
) -> Result<(Vec<@One@>, Option<String>)> {
    let owner = (!caller.is_superuser()).then(|| caller.user_id());
    let rows = page_sql(owner, params)?.build().fetch_all(db).await?;
    let mut found = rows.iter().map(read).collect::<sqlx::Result<Vec<@One@>>>()?;
    let next = page(params).cut(&mut found, |one| (Key::Id, one.id));
    Ok((found, next))
}

fn page(params: &List@Many@Params) -> Page<'_> {
    Page {
        list: fingerprint("@many@"),
        order: Order { name: "id", key: "id", kind: Kind::Id, descending: false },
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    }
}

/// Those of one owner, or all.
fn page_sql(owner: Option<i64>, params: &List@Many@Params) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(@ONE@).push(" FROM @table@ WHERE TRUE");
    if let Some(owner) = owner {
        sql.push(" AND owner_id = ").push_bind(owner);
    }
    page(params).finish(&mut sql, "id")?;
    Ok(sql)
}

// All shapes of the dynamic statement; a test prepares them, as it does those in `sql!`.
sql_shapes!(|| {
    let params = List@Many@Params { skip: 1, limit: 1, cursor: None };
    let shapes = |owner| page(&params).shapes(|cursor| page_sql(owner, &List@Many@Params { cursor, ..params.clone() }));
    [None, Some(1)].into_iter().flat_map(shapes).collect()
});

/// One that the caller may see.
pub(crate) async fn find(db: impl PgExecutor<'_>, caller: &Principal, id: i64) -> Result<Option<@One@>> {
    let sql = sql!("SELECT {@ONE@} FROM @table@ WHERE id = $1 AND (owner_id = $2 OR $3)", @ONE@);
    let row = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The same, locked until the transaction ends.
pub(crate) async fn lock(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<Option<@One@>> {
    let sql = sql!("SELECT {@ONE@} FROM @table@ WHERE id = $1 AND (owner_id = $2 OR $3) FOR NO KEY UPDATE", @ONE@);
    let row = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Inserts one of the caller's.
pub(crate) async fn insert(db: &mut PgConnection, caller: &Principal, new: &@One@Create) -> Result<@One@> {
    let sql = sql!(
        "INSERT INTO @table@ (owner_id, title, text)
         SELECT $1, new.title, coalesce(new.text, '') FROM jsonb_populate_record(NULL::@table@, $2) new
         RETURNING {@ONE@}",
        @ONE@
    );
    Ok(read(&sqlx::query(sql).bind(caller.user_id()).bind(Json(new)).fetch_one(db).await?)?)
}

/// Changes the fields in the update of a locked one, and nothing else.
pub(crate) async fn update(db: &mut PgConnection, id: i64, update: &@One@Update) -> Result<@One@> {
    let sql = sql!(
        "UPDATE @table@ old SET (title, text, updated_at) = (
             SELECT new.title, new.text, now() FROM jsonb_populate_record(old, $2) new)
         WHERE id = $1 RETURNING {@ONE@}",
        @ONE@
    );
    Ok(read(&sqlx::query(sql).bind(id).bind(Json(update)).fetch_one(db).await?)?)
}

/// Deletes one that the caller may see; returns whether there was one.
pub(crate) async fn delete(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<bool> {
    let sql = sql!("DELETE FROM @table@ WHERE id = $1 AND (owner_id = $2 OR $3)");
    let done = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).execute(db).await?;
    Ok(done.rows_affected() > 0)
}
