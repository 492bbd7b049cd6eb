//! The SQL of exports and deletions.

use chrono::{DateTime, Utc};
use platform::{Result, pair, sql};
use sqlx::postgres::{PgConnection, PgExecutor};

/// When a user's account will be deleted.
pub(super) async fn deletion_at(db: impl PgExecutor<'_>, user: i64) -> Result<Option<DateTime<Utc>>> {
    let sql = sql!("SELECT deletion_at FROM account_deletions WHERE user_id = $1");
    Ok(sqlx::query_scalar(sql).bind(user).fetch_optional(db).await?)
}

/// Has the account of a locked user deleted after so many days, unless it is to be deleted already; when, and whether that is new.
pub(super) async fn schedule(db: &mut PgConnection, user: i64, days: u16) -> Result<(DateTime<Utc>, bool)> {
    let sql = sql!(
        "WITH made AS (
             INSERT INTO account_deletions (user_id, deletion_at, due_at)
             SELECT $1, at, at FROM (SELECT now() + make_interval(days => $2) AS at) scheduled
             ON CONFLICT (user_id) DO NOTHING RETURNING deletion_at
         ) SELECT deletion_at, true AS is_new FROM made
         UNION ALL SELECT deletion_at, false FROM account_deletions WHERE user_id = $1 AND NOT EXISTS (SELECT FROM made)"
    );
    Ok(pair(&sqlx::query(sql).bind(user).bind(i32::from(days)).fetch_one(db).await?, "deletion_at", "is_new")?)
}

/// Keeps the account of a locked user; whether it was to be deleted.
pub(super) async fn cancel(db: &mut PgConnection, user: i64) -> Result<bool> {
    let sql = sql!("DELETE FROM account_deletions WHERE user_id = $1");
    Ok(sqlx::query(sql).bind(user).execute(db).await?.rows_affected() > 0)
}

/// Accounts that are to be deleted now, those that wait longest first.
pub(super) async fn due(db: impl PgExecutor<'_>, most: i64) -> Result<Vec<i64>> {
    let sql = sql!("SELECT user_id FROM account_deletions WHERE due_at <= now() ORDER BY due_at, user_id LIMIT $1");
    Ok(sqlx::query_scalar(sql).bind(most).fetch_all(db).await?)
}

/// Locks the user of an account that is to be deleted now; false when it was kept, is gone, or is locked by somebody else.
pub(super) async fn claim(db: &mut PgConnection, user: i64) -> Result<bool> {
    let lock = sql!("SELECT id FROM users WHERE id = $1 FOR UPDATE SKIP LOCKED");
    let is_due = sql!("SELECT EXISTS (SELECT FROM account_deletions WHERE user_id = $1 AND deletion_at <= now())");
    let locked: Option<i64> = sqlx::query_scalar(lock).bind(user).fetch_optional(&mut *db).await?;
    // After the lock, so that a cancellation which was committed before is seen.
    Ok(locked.is_some() && sqlx::query_scalar(is_due).bind(user).fetch_one(db).await?)
}

/// Tries an account again later: after twice as long each time, 30 seconds at first and an hour at most.
pub(super) async fn put_off(db: &mut PgConnection, user: i64) -> Result<()> {
    let sql = sql!(
        "UPDATE account_deletions SET attempts = attempts + 1, due_at = now() + least(interval '1 hour', interval '30 seconds' * 2 ^ least(attempts, 10))
         WHERE user_id = $1"
    );
    sqlx::query(sql).bind(user).execute(db).await?;
    Ok(())
}

/// How many accounts should have been deleted so many seconds ago.
pub(super) async fn overdue(db: impl PgExecutor<'_>, seconds: f64) -> Result<i64> {
    let sql = sql!("SELECT count(*) FROM account_deletions WHERE deletion_at < now() - make_interval(secs => $1)");
    Ok(sqlx::query_scalar(sql).bind(seconds).fetch_one(db).await?)
}

/// The views that export something.
pub(super) async fn exports(db: &mut PgConnection) -> Result<Vec<String>> {
    let sql = sql!(
        "SELECT DISTINCT exported_by FROM personal_data_columns WHERE exported_by IS NOT NULL ORDER BY exported_by"
    );
    Ok(sqlx::query_scalar(sql).fetch_all(db).await?)
}

/// Opens the cursor on what a view exports of a user.
pub(super) async fn open(db: &mut PgConnection, export: &str, user: i64) -> Result<()> {
    sqlx::query(sql!("SELECT open_personal_data($1, $2)")).bind(export).bind(user).execute(db).await?;
    Ok(())
}

/// The next rows of the cursor, as JSON; none at its end, where it is closed.
pub(super) async fn fetch(db: &mut PgConnection) -> Result<Vec<String>> {
    // Not kept as prepared: what a cursor returns is known while it is open.
    let fetch = sqlx::query_scalar(sql!("FETCH 200 FROM personal_data")).persistent(false);
    let rows = fetch.fetch_all(&mut *db).await?;
    if rows.is_empty() {
        sqlx::query(sql!("CLOSE personal_data")).persistent(false).execute(db).await?;
    }
    Ok(rows)
}
