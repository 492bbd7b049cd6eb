//! Whether data are as they must be, asked of a database that may be in use.
//!
//! All questions of a service are put to one snapshot, so that nothing is half done in what they see; the database is only
//! read.

use platform_settings::DatabaseSettings;
use platform_store::{Error, Result, sql};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};

/// When a check can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At any moment, also while everything works.
    Always,
    /// When nothing is being done and nothing waits.
    AtRest,
}

/// One thing that must hold.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The invariant it belongs to, such as `O1`.
    pub invariant: &'static str,
    /// What holds, in words.
    pub name: &'static str,
    /// When it holds.
    pub when: When,
    /// A table without which there is nothing to check.
    table: &'static str,
    /// One column of text, a row for each violation.
    sql: &'static str,
}

impl Check {
    /// A check that can be made at any moment. `sql` yields a row for each violation, of one column of text.
    pub const fn always(invariant: &'static str, name: &'static str, table: &'static str, sql: &'static str) -> Self {
        Self { invariant, name, when: When::Always, table, sql }
    }

    /// A check of a system in which nothing is being done.
    pub const fn at_rest(invariant: &'static str, name: &'static str, table: &'static str, sql: &'static str) -> Self {
        Self { invariant, name, when: When::AtRest, table, sql }
    }
}

/// How many violations are shown of each kind.
const EXAMPLES: i64 = 5;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It holds.
    Holds,
    /// There is nothing to check.
    Nothing,
    /// It does not hold.
    Violated {
        /// How often.
        count: i64,
        /// The first few, in words.
        examples: Vec<String>,
    },
}

/// A check and what it found.
pub type Checked = (&'static Check, Finding);

/// Makes every check of a database, those for a system at rest only if it is said to be.
///
/// # Errors
/// Those of the database.
pub async fn run(settings: &DatabaseSettings, checks: &'static [Check], at_rest: bool) -> Result<Vec<Checked>> {
    let options = settings.connect_options().map_err(Error::internal)?;
    let mut db = options.application_name("verify").connect().await?;
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let findings = make(&mut db, checks, at_rest).await?;
    // Nothing was written, so that nothing is lost when this fails.
    let _ = db.close().await;
    Ok(findings)
}

/// Makes the checks on a connection in a transaction that sees one snapshot.
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
        format!("SELECT count(*) OVER () AS count, example FROM ({}) found (example) LIMIT {EXAMPLES}", check.sql);
    let rows: Vec<PgRow> = sqlx::query(AssertSqlSafe(sql)).fetch_all(db).await?;
    let Some(first) = rows.first() else { return Ok(Finding::Holds) };
    let examples = rows.iter().map(|row| row.try_get("example")).collect::<sqlx::Result<_>>()?;
    Ok(Finding::Violated { count: first.try_get("count")?, examples })
}
