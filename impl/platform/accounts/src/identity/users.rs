//! The users table: the projection of a user and the statements that every service shares.

use chrono::{DateTime, Utc};
use contract::Problem;
use platform_store::{Database, OnConstraint, Result, sql};
use serde::Serialize;
use sqlx::{Executor, FromRow, PgConnection, Postgres};

use super::addresses;
use super::passwords::HashedPassword;
use super::text::email_key;

/// A user as the API shows it; the password's hash is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct User {
    /// The id.
    pub id: i64,
    /// The login name, in its original case.
    pub email: String,
    /// The display name.
    pub full_name: Option<String>,
    /// Whether the user may log in and use tokens.
    pub is_active: bool,
    /// Whether the user may do everything.
    pub is_superuser: bool,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed; `None` before the first change.
    pub updated_at: Option<DateTime<Utc>>,
}

/// The data of a new account; the password is hashed already.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The login name.
    pub email: String,
    /// From [`Passwords::hash`](super::Passwords::hash).
    pub hashed_password: HashedPassword,
    /// The display name.
    pub full_name: Option<String>,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Whether the user may do everything; only superusers may set it.
    pub is_superuser: bool,
}

/// A change of an account; `None` leaves a field unchanged.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// The login name; a change ends every session.
    pub email: Option<String>,
    /// The display name; `Some(None)` removes it.
    pub full_name: Option<Option<String>>,
    /// From [`Passwords::hash`](super::Passwords::hash); ends every session of the user.
    pub hashed_password: Option<HashedPassword>,
    /// Whether the user may log in; `false` ends every session.
    pub is_active: Option<bool>,
    /// Whether the user may do everything.
    pub is_superuser: Option<bool>,
}

/// A user by id.
///
/// # Errors
/// Those of the database.
pub async fn find<'c>(db: impl Executor<'c, Database = Postgres>, id: i64) -> Result<Option<User>> {
    const SQL: &str = sql!(
        "SELECT id, email, full_name, is_active, is_superuser, created_at, updated_at
        FROM users WHERE id = $1"
    );
    Ok(sqlx::query_as(SQL).bind(id).fetch_optional(db).await?)
}

/// A user by id, locked until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &mut PgConnection, id: i64) -> Result<Option<User>> {
    const SQL: &str = sql!(
        "SELECT id, email, full_name, is_active, is_superuser, created_at, updated_at
        FROM users WHERE id = $1 FOR UPDATE"
    );
    Ok(sqlx::query_as(SQL).bind(id).fetch_optional(tx).await?)
}

/// Adds an account. Must run in a transaction.
///
/// # Errors
/// 409 `email_taken`, also when the e-mail is another spelling of a known one.
pub async fn insert(tx: &mut PgConnection, user: &NewUser) -> Result<User> {
    const SQL: &str = sql!(
        "INSERT INTO users (email, hashed_password, full_name, is_active, is_superuser)
        VALUES ($1, $2, $3, $4, $5)
        RETURNING id, email, full_name, is_active, is_superuser, created_at, updated_at"
    );
    claim_email(tx, &user.email, None).await?;
    sqlx::query_as(SQL)
        .bind(&user.email)
        .bind(&user.hashed_password)
        .bind(&user.full_name)
        .bind(user.is_active)
        .bind(user.is_superuser)
        .fetch_one(tx)
        .await
        .on_constraint("users_email_key", email_taken)
}

/// Changes an account; `None` when there is none. Must run in a transaction.
///
/// # Errors
/// 409 `email_taken`.
pub async fn update(tx: &mut PgConnection, id: i64, change: &UserChange) -> Result<Option<User>> {
    const SQL: &str = sql!(
        "UPDATE users SET
            email = coalesce($2, email),
            full_name = CASE WHEN $3 THEN $4 ELSE full_name END,
            hashed_password = coalesce($5, hashed_password),
            is_active = coalesce($6, is_active),
            is_superuser = coalesce($7, is_superuser),
            session_epoch = session_epoch + CASE WHEN $5 IS NOT NULL OR $6 = false OR $2 <> email THEN 1 ELSE 0 END
        WHERE id = $1
        RETURNING id, email, full_name, is_active, is_superuser, created_at, updated_at"
    );
    if let Some(email) = &change.email {
        claim_email(tx, email, Some(id)).await?;
    }
    if change.hashed_password.is_some() {
        addresses::forget(tx, id).await?;
    }
    sqlx::query_as(SQL)
        .bind(id)
        .bind(&change.email)
        .bind(change.full_name.is_some())
        .bind(change.full_name.as_ref().and_then(Option::as_ref))
        .bind(&change.hashed_password)
        .bind(change.is_active)
        .bind(change.is_superuser)
        .fetch_optional(tx)
        .await
        .on_constraint("users_email_key", email_taken)
}

/// Checks that no other user has the e-mail in any spelling. The unique constraint covers the exact spelling only, because
/// older databases hold pairs that differ by case; the lock serializes two sign-ups with one e-mail.
async fn claim_email(tx: &mut PgConnection, email: &str, owner: Option<i64>) -> Result<()> {
    const LOCK: &str = sql!("SELECT pg_advisory_xact_lock(hashtextextended('users.email ' || $1, 0))");
    const TAKEN: &str = sql!(
        "SELECT EXISTS (SELECT FROM users WHERE login_key = $1 AND id IS DISTINCT FROM $3
                       -- whoever has the spelling already may keep it beside its twin
                       AND NOT EXISTS (SELECT FROM users WHERE id = $3 AND email = $2))"
    );
    let key = email_key(email);
    sqlx::query(LOCK).bind(&key).execute(&mut *tx).await?;
    let keyless = keyless(&mut *tx).await?;
    if !keyless.is_empty() {
        fill(&mut *tx, &keyless).await?;
    }
    let taken: bool = sqlx::query_scalar(TAKEN).bind(key).bind(email).bind(owner).fetch_one(tx).await?;
    if taken { Err(email_taken().into()) } else { Ok(()) }
}

fn email_taken() -> Problem {
    Problem::conflict("email_taken", "An account with this e-mail address already exists.")
}

/// Sets the keys of e-mails without one: those outside ASCII that scripts inserted. Costs one query where there are none.
///
/// # Errors
/// Those of the database.
pub async fn fill_email_keys(db: &Database) -> Result<()> {
    let keyless = keyless(db.latest_reads()).await?;
    if keyless.is_empty() {
        return Ok(());
    }
    db.write_once(move |mut tx| async move { fill(&mut tx, &keyless).await }).await
}

/// Users whose e-mail has no key, a bounded number; the next call continues.
async fn keyless<'c>(db: impl Executor<'c, Database = Postgres>) -> Result<Vec<(i64, String)>> {
    const SQL: &str = sql!("SELECT id, email FROM users WHERE login_key IS NULL ORDER BY id LIMIT 1000");
    Ok(sqlx::query_as(SQL).fetch_all(db).await?)
}

async fn fill(db: &mut PgConnection, keyless: &[(i64, String)]) -> Result<()> {
    const SQL: &str = sql!("SELECT fill_login_keys($1, $2, $3)");
    let (ids, emails): (Vec<i64>, Vec<&str>) = keyless.iter().map(|(id, email)| (*id, email.as_str())).unzip();
    let keys: Vec<String> = emails.iter().map(|email| email_key(email)).collect();
    sqlx::query(SQL).bind(ids).bind(emails).bind(keys).execute(db).await?;
    Ok(())
}
