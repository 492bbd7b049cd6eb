//! Migrations are applied while processes use the database: none waits long for a lock, since everybody else would wait behind it.

use std::time::Duration;

use platform_background::backoff;
use platform_store::{Error, Result, has_code, sql};
use refinery::{Migration, Runner, Target};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

use crate::connection::{Migrating, execute};

/// How long a statement waits for a lock. While it waits for a table, every later statement on this table waits behind it, so it
/// is less than requests wait for a lock (2 s) or a connection (1 s).
const LOCK_TIMEOUT: &str = sql!("SET lock_timeout = '500ms'");
/// Outside of a transaction statements wait for older transactions, and nobody waits for them.
const NO_LOCK_TIMEOUT: &str = sql!("SET lock_timeout = 0");
/// How long a migration is tried again because a table is in use.
const RETRIED: Duration = Duration::from_secs(300);
/// The first line of a migration that is one statement and runs outside of a transaction, such as CREATE INDEX CONCURRENTLY. The
/// linter knows it as well (`.ci/migrations`).
const OUTSIDE: &str = "-- squawk-disable-assume-in-transaction\n";
/// Indexes named in a text that a run which was broken off has left incomplete: IF NOT EXISTS would take them for done.
const INCOMPLETE: &str = sql!(
    "SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, c.relname)
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT i.indisvalid AND n.nspname = current_schema() AND $1 ~ ('\\y' || c.relname || '\\y')"
);

/// SQLSTATE lock_not_available.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// SQLSTATE deadlock_detected.
const DEADLOCK_DETECTED: &str = "40P01";

/// Applies migrations that the database lacks, in order, and returns their names. `first` runs before, under the same conditions.
///
/// # Errors
/// Those of the database. What was applied before the failed migration stays; a migration in a transaction is applied as a whole
/// or not at all.
pub async fn apply(db: &mut PgConnection, first: &str, migrations: &[Migration]) -> Result<Vec<String>> {
    let (mut applied, deadline) = (Vec::new(), Instant::now() + RETRIED);
    let mut attempt = 0;
    loop {
        match attempted(db, first, migrations, &mut applied).await {
            Ok(()) => return Ok(applied),
            Err(error) if is_in_use(&*error) && Instant::now() < deadline => {
                attempt += 1;
                let pause = backoff(attempt);
                tracing::warn!(%error, attempt, pause_seconds = pause.as_secs_f64(), "waiting for a table in use; retrying migration");
                sleep(pause).await;
            }
            Err(error) => return Err(Error::internal(error)),
        }
    }
}

type Attempt<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

async fn attempted(
    db: &mut PgConnection,
    first: &str,
    migrations: &[Migration],
    applied: &mut Vec<String>,
) -> Attempt<()> {
    execute(db, LOCK_TIMEOUT).await?;
    execute(db, first).await?;
    let mut outside: Vec<_> =
        migrations.iter().filter(|one| one.sql().is_some_and(|sql| sql.starts_with(OUTSIDE))).collect();
    outside.sort();
    for migration in outside {
        run(db, migrations, Target::Version(migration.version() - 1), applied).await?;
        let known = runner(migrations).get_applied_migrations_async(&mut Migrating(db)).await?;
        if known.iter().all(|known| known.version() < migration.version()) {
            run_outside(db, migration).await?;
            // Enters it as applied, without running it.
            run(db, migrations, Target::FakeVersion(migration.version()), applied).await?;
            applied.push(migration.to_string());
        }
    }
    run(db, migrations, Target::Latest, applied).await
}

/// Runs what is missing up to `target`, each migration in a transaction of its own.
async fn run(
    db: &mut PgConnection,
    migrations: &[Migration],
    target: Target,
    applied: &mut Vec<String>,
) -> Attempt<()> {
    let result = runner(migrations).set_target(target).run_async(&mut Migrating(db)).await;
    let report = match &result {
        Ok(report) => Some(report),
        Err(error) => error.report(),
    };
    applied.extend(report.into_iter().flat_map(|report| report.applied_migrations()).map(ToString::to_string));
    result.map(drop).map_err(Into::into)
}

async fn run_outside(db: &mut PgConnection, migration: &Migration) -> Attempt<()> {
    let text = migration.sql().unwrap_or_default();
    execute(db, NO_LOCK_TIMEOUT).await?;
    for drop in sqlx::query_scalar::<_, String>(INCOMPLETE).bind(text).fetch_all(&mut *db).await? {
        execute(db, &drop).await?;
    }
    execute(db, text).await?;
    execute(db, LOCK_TIMEOUT).await?;
    Ok(())
}

/// A program that is a release behind must still start on a database that is ahead of it.
fn runner(migrations: &[Migration]) -> Runner {
    Runner::new(migrations).set_abort_missing(false)
}

/// Whether the database gave up waiting for a lock, or for a deadlock: the same again may succeed.
fn is_in_use(error: &(dyn std::error::Error + 'static)) -> bool {
    let failure = std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<sqlx::Error>());
    failure.is_some_and(|failure| has_code(failure, &[LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED]))
}
