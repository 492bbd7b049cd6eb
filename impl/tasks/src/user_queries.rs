//! The SQL of user administration; identity itself is the platform's.

use platform::page::{self, Key, Kind, Order, Page, fingerprint};
use platform::{Result, read, sql, sql_shapes};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};
use tasks_api::apis::users::ListUsersParams;
use tasks_api::models::{User, UserSort};

use crate::projection::USER;

/// Whether a user is the only active superuser whose account is not to be deleted. Locks all of them, in id order, until the transaction ends; only against
/// changes, so that objects of a superuser can still be created and assigned.
pub(crate) async fn is_last_superuser(db: &mut PgConnection, id: i64) -> Result<bool> {
    let lock = sql!("SELECT id FROM users WHERE is_superuser AND is_active ORDER BY id FOR NO KEY UPDATE");
    let remaining = sql!(
        "SELECT u.id FROM users u WHERE u.is_superuser AND u.is_active
           AND NOT EXISTS (SELECT FROM account_deletions d WHERE d.user_id = u.id) LIMIT 2"
    );
    sqlx::query(lock).execute(&mut *db).await?;
    // After the locks, so that what others have committed before is seen.
    let superusers: Vec<i64> = sqlx::query_scalar(remaining).fetch_all(db).await?;
    Ok(superusers == [id])
}

/// Erases at most `most` rows of a locked user's personal data, and returns their number: fewer when nothing is left. The owner
/// of each table defines its part (`personal_data`); orders stay, without their user.
pub(crate) async fn erase(db: &mut PgConnection, id: i64, most: i64) -> Result<i64> {
    Ok(sqlx::query_scalar(sql!("SELECT erase_personal_data($1, $2)")).bind(id).bind(most).fetch_one(db).await?)
}

/// Closes a user's account permanently: every session ends, and logins fail.
pub(crate) async fn close(db: &mut PgConnection, id: i64) -> Result<()> {
    let sql = sql!(
        "UPDATE users SET is_active = false, hashed_password = '!', session_epoch = session_epoch + 1 WHERE id = $1"
    );
    sqlx::query(sql).bind(id).execute(db).await?;
    Ok(())
}

/// Deletes a locked user without any remaining data.
pub(crate) async fn delete(db: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query(sql!("DELETE FROM users WHERE id = $1")).bind(id).execute(db).await?;
    Ok(())
}

/// A page of all users, and the cursor of the next one.
pub(crate) async fn list(db: impl PgExecutor<'_>, params: &ListUsersParams) -> Result<(Vec<User>, Option<String>)> {
    let rows = page_sql(params)?.build().persistent(params.q.is_none()).fetch_all(db).await?;
    let mut users = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page(params).cut(&mut users, |user| (key(sort(params), user), user.id));
    Ok((users, next))
}

/// The total number of users in the list.
pub(crate) async fn count(db: impl PgExecutor<'_>, params: &ListUsersParams) -> Result<i64> {
    Ok(count_sql(params).build_query_scalar().persistent(params.q.is_none()).fetch_one(db).await?)
}

fn sort(params: &ListUsersParams) -> UserSort {
    params.sort.unwrap_or(UserSort::Id)
}

fn page(params: &ListUsersParams) -> Page<'_> {
    Page {
        list: fingerprint(("users", params.q.as_deref())),
        order: order(sort(params)),
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    }
}

fn page_sql(params: &ListUsersParams) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(USER).push(" FROM users u WHERE TRUE");
    filter(&mut sql, params);
    page(params).finish(&mut sql, "u.id")?;
    Ok(sql)
}

fn count_sql(params: &ListUsersParams) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT FROM users u WHERE TRUE");
        filter(sql, params);
    });
    sql
}

fn filter(sql: &mut QueryBuilder<Postgres>, params: &ListUsersParams) {
    if let Some(text) = &params.q {
        page::search(sql, "u.search_text", text);
    }
}

sql_shapes!(|| {
    let mut shapes = Vec::new();
    for q in [None, Some("text"), Some("Straße")] {
        for (_, sort) in UserSort::ALL {
            let (q, sort) = (q.map(str::to_owned), Some(*sort));
            let params = ListUsersParams { skip: 1, limit: 1, cursor: None, count: true, q, sort };
            shapes.push(count_sql(&params).into_string());
            shapes.extend(page(&params).shapes(|cursor| page_sql(&ListUsersParams { cursor, ..params.clone() })));
        }
    }
    shapes
});

fn order(sort: UserSort) -> Order {
    let (key, kind, descending) = match sort {
        UserSort::Id => ("u.id", Kind::Id, false),
        UserSort::IdDesc => ("u.id", Kind::Id, true),
        UserSort::CreatedAt => ("u.created_at", Kind::Time, false),
        UserSort::CreatedAtDesc => ("u.created_at", Kind::Time, true),
        UserSort::Email => ("u.email_key", Kind::Text, false),
        UserSort::EmailDesc => ("u.email_key", Kind::Text, true),
    };
    Order { name: sort.as_str(), key, kind, descending }
}

fn key(sort: UserSort, user: &User) -> Key {
    match sort {
        UserSort::Id | UserSort::IdDesc => Key::Id,
        UserSort::CreatedAt | UserSort::CreatedAtDesc => Key::Time(Some(user.created_at)),
        UserSort::Email | UserSort::EmailDesc => Key::Text(user.email.clone()),
    }
}
