//! Migrations: refinery over a dedicated connection, under a lock, so that any number of processes may start at once.

use std::time::Duration;

use platform_settings::{DatabaseSettings, Environment};
use platform_store::{Error, Result, sql};
use refinery::Runner;
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use crate::apply::apply;
use crate::connection::{execute, open};
use crate::privileges;
use crate::roles::RoleSettings;

mod embedded {
    refinery::embed_migrations!("../../../migrations");
}

/// Updates rows of the older service before the first migration.
const OLDER_STATUSES: &str = include_str!("../../../../migrations/older_statuses.sql");
/// Demo accounts and data.
const DEMO: &str = include_str!("../../../../migrations/demo.sql");
/// Opens the demo accounts of the older service.
const DEMO_OPEN: &str = include_str!("../../../../migrations/demo_open.sql");
/// Closes the demo accounts of a database that has become a production one.
const DEMO_LOCK: &str = include_str!("../../../../migrations/demo_lock.sql");

/// The key of the advisory lock: any number, the same for all versions.
const LOCK: &str = sql!("SELECT pg_advisory_lock(7305423198540021)");
/// The same without waiting.
const TRY_LOCK: &str = sql!("SELECT pg_try_advisory_lock(7305423198540021)");
/// How long a second run waits for the first.
const LOCK_TIMEOUT: &str = sql!("SET lock_timeout = '120s'");
/// The timeout of the whole run, waiting included.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// The result of a migration run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations that were applied, in order.
    pub applied: Vec<String>,
    /// Whether the demo data was inserted.
    pub demo: bool,
    /// Demo accounts that were closed.
    pub closed: u64,
    /// Why a service has no role of its own although its password is configured.
    pub without_role: Option<String>,
}

/// Migrates the database to the version of this binary. Outside production an empty database gets the demo data; in
/// production the demo accounts are closed.
///
/// # Errors
/// When the database is unavailable, another run holds the lock too long, or a migration fails; a failed migration changes
/// nothing but the statuses of older tasks, which get their current names.
pub async fn run(settings: &DatabaseSettings, environment: Environment) -> Result<Migrated> {
    run_with_roles(settings, environment, &RoleSettings::default()).await
}

/// The same, and creates the roles of the services with a password; see [`crate::privileges`].
///
/// # Errors
/// As [`run`].
pub async fn run_with_roles(
    settings: &DatabaseSettings,
    environment: Environment,
    roles: &RoleSettings,
) -> Result<Migrated> {
    let migrated = timeout(MIGRATION_TIMEOUT, connected(settings, environment.is_production(), roles)).await;
    migrated.map_err(|_| Error::internal("the migrations took too long"))?
}

async fn connected(settings: &DatabaseSettings, production: bool, roles: &RoleSettings) -> Result<Migrated> {
    let mut db = open(settings).await?;
    let migrated = locked(&mut db, production, roles).await;
    let _ = db.close().await;
    migrated
}

async fn locked(db: &mut PgConnection, production: bool, roles: &RoleSettings) -> Result<Migrated> {
    execute(db, LOCK_TIMEOUT).await?;
    if !sqlx::query_scalar::<_, bool>(TRY_LOCK).fetch_one(&mut *db).await? {
        tracing::info!("waiting for another process that migrates, for 120 s at most");
        execute(db, LOCK).await?;
    }
    // The lock ends with the connection.
    let applied = apply(db, OLDER_STATUSES, runner().get_migrations()).await?;
    // What follows locks rows, for which nobody else waits behind it.
    execute(db, "SET lock_timeout = '30s'").await?;
    let (demo, closed) = if production {
        (false, sqlx::query(DEMO_LOCK).execute(&mut *db).await?.rows_affected())
    } else {
        sqlx::query(DEMO_OPEN).execute(&mut *db).await?;
        (insert_demo(db).await?, 0)
    };
    let without_role = privileges::apply(db, roles).await?;
    Ok(Migrated { applied, demo, closed, without_role })
}

async fn insert_demo(db: &mut PgConnection) -> Result<bool> {
    let mut transaction = db.begin().await?;
    let users: bool =
        sqlx::query_scalar(sql!("SELECT EXISTS (SELECT FROM users)")).fetch_one(&mut *transaction).await?;
    if users {
        return Ok(false);
    }
    sqlx::raw_sql(DEMO).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The version of the newest migration in this binary.
pub fn newest() -> i64 {
    runner().get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// Whether the database has every migration in this binary. A newer database is fine: migrations only expand.
///
/// # Errors
/// Those of the database.
pub async fn is_current(db: &platform_store::Database) -> Result<bool> {
    const SQL: &str = sql!("SELECT max(version)::bigint FROM refinery_schema_history");
    let applied = sqlx::query_scalar::<_, Option<i64>>(SQL).fetch_one(db.reads()).await;
    match applied {
        Ok(version) => {
            let is_current = version.is_some_and(|version| version >= newest());
            if is_current {
                platform_store::known_current();
            }
            Ok(is_current)
        }
        // undefined_table: no migration was ever applied.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn runner() -> Runner {
    embedded::migrations::runner()
}

/// The texts of all migrations, the demo data, and the privileges.
pub fn texts() -> Vec<String> {
    let migrations = runner();
    let texts = migrations.get_migrations().iter().filter_map(|migration| migration.sql().map(str::to_owned));
    let privileges = privileges::ROLES.iter().chain(privileges::GROUPS).map(|(_, text)| (*text).to_owned());
    texts.chain([DEMO.to_owned()]).chain(privileges).collect()
}
