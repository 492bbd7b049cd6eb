//! Consistency checks of the data in a database that may be in use.
//!
//! All checks of a service read one snapshot, so that they see no incomplete transaction; they are read-only.

use platform_settings::DatabaseSettings;
use platform_store::{Error, Result, Servers, Wanted, sql};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

/// When a check can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At any time, also under load.
    Always,
    /// When the system is quiescent: nothing is in progress and nothing is pending.
    AtRest,
}

/// An invariant.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The invariant it belongs to, such as `O1`.
    pub invariant: &'static str,
    /// The invariant in words.
    pub name: &'static str,
    /// When it holds.
    pub when: When,
    /// A table without which the check is skipped.
    table: &'static str,
    /// A query with one column of text and a row for each violation.
    sql: &'static str,
}

impl Check {
    /// A check that can be made at any time. `sql` returns a row for each violation, with one column of text.
    pub const fn always(invariant: &'static str, name: &'static str, table: &'static str, sql: &'static str) -> Self {
        Self { invariant, name, when: When::Always, table, sql }
    }

    /// A check of a quiescent system.
    pub const fn at_rest(invariant: &'static str, name: &'static str, table: &'static str, sql: &'static str) -> Self {
        Self { invariant, name, when: When::AtRest, table, sql }
    }
}

/// How many violations of each kind are shown.
const MAX_EXAMPLES: i64 = 5;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It holds.
    Holds,
    /// There is nothing to check.
    Nothing,
    /// It does not hold.
    Violated {
        /// The number of violations.
        count: i64,
        /// The first few violations.
        examples: Vec<String>,
    },
}

/// A check and its result.
pub type Checked = (&'static Check, Finding);

/// Runs all checks of a database, those of a quiescent system only if `at_rest` is set.
///
/// # Errors
/// Those of the database.
pub async fn run(settings: &DatabaseSettings, checks: &'static [Check], at_rest: bool) -> Result<Vec<Checked>> {
    let servers = Servers::new(settings, "verify", Wanted::Any).map_err(Error::internal)?;
    let mut db = servers.open().await?.connection;
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let findings = make(&mut db, checks, at_rest).await?;
    // Nothing was written, so that nothing is lost when this fails.
    let _ = db.close().await;
    Ok(findings)
}

/// Runs the checks on a connection, in a transaction that reads one snapshot.
///
/// # Errors
/// Those of the database.
pub async fn make(db: &mut PgConnection, checks: &'static [Check], at_rest: bool) -> Result<Vec<Checked>> {
    let mut findings = Vec::with_capacity(checks.len());
    for check in checks.iter().filter(|check| at_rest || check.when == When::Always) {
        findings.push((check, one(db, check).await?));
    }
    Ok(findings)
}

async fn one(db: &mut PgConnection, check: &Check) -> Result<Finding> {
    let there: bool =
        sqlx::query_scalar(sql!("SELECT to_regclass($1) IS NOT NULL")).bind(check.table).fetch_one(&mut *db).await?;
    if !there {
        return Ok(Finding::Nothing);
    }
    let sql =
        format!("SELECT count(*) OVER () AS count, example FROM ({}) found (example) LIMIT {MAX_EXAMPLES}", check.sql);
    let rows: Vec<PgRow> = sqlx::query(AssertSqlSafe(sql)).fetch_all(db).await?;
    let Some(first) = rows.first() else { return Ok(Finding::Holds) };
    let examples = rows.iter().map(|row| row.try_get("example")).collect::<sqlx::Result<_>>()?;
    Ok(Finding::Violated { count: first.try_get("count")?, examples })
}
