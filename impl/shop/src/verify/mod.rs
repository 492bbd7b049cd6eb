//! Whether the shop's data are as they must be, asked of a database that may be in use.
//!
//! All questions are put to one snapshot, so that nothing is half done in what they see; the database is only read.

mod checks;
mod stream;

use platform::settings::DatabaseSettings;
use platform::{Cache, Error, Result};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};

pub use checks::{CHECKS, Check, When};

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

/// Makes every check, those for a system at rest only if it is said to be; `cache` is where its stream is.
///
/// # Errors
/// Those of the database. A Redis that is away is none.
pub async fn run(settings: &DatabaseSettings, cache: Option<&Cache>, at_rest: bool) -> Result<Vec<Checked>> {
    let options = settings.connect_options().map_err(Error::internal)?;
    let mut db = options.application_name("verify").connect().await?;
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut findings = make(&mut db, at_rest).await?;
    // Nothing was written, so that nothing is lost when this fails.
    let _ = db.close().await;
    if at_rest && let Some(cache) = cache {
        findings.push((&stream::CHECK, stream::check(cache).await));
    }
    Ok(findings)
}

/// Makes the checks of the database on a connection in a transaction that sees one snapshot.
///
/// # Errors
/// Those of the database.
pub async fn make(db: &mut PgConnection, at_rest: bool) -> Result<Vec<Checked>> {
    let mut findings = Vec::with_capacity(CHECKS.len());
    for check in CHECKS.iter().filter(|check| at_rest || check.when == When::Always) {
        findings.push((check, one(db, check).await?));
    }
    Ok(findings)
}

async fn one(db: &mut PgConnection, check: &Check) -> Result<Finding> {
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(check.table).fetch_one(&mut *db).await?;
    if !there {
        return Ok(Finding::Nothing);
    }
    let sql = format!("SELECT count(*) OVER (), example FROM ({}) found (example) LIMIT {EXAMPLES}", check.sql);
    let rows: Vec<PgRow> = sqlx::query(AssertSqlSafe(sql)).fetch_all(db).await?;
    let Some(first) = rows.first() else { return Ok(Finding::Holds) };
    let examples = rows.iter().map(|row| row.try_get(1)).collect::<sqlx::Result<_>>()?;
    Ok(Finding::Violated { count: first.try_get(0)?, examples })
}
