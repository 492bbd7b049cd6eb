//! Bringing a database to the schema this program was built for.
//!
//! Any number of processes may start together: an advisory lock lets one of them migrate while the others wait, and
//! they find the work done.

use std::time::Duration;

use refinery::Runner;
use secrecy::ExposeSecret;
use tokio_postgres::NoTls;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::settings::{DatabaseSettings, Environment, InvalidSettings};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

const DEMO: &str = include_str!("../../../migrations/demo.sql");
const DEMO_LOCK: &str = include_str!("../../../migrations/demo_lock.sql");

/// The lock's key: any number that nothing else in these databases uses.
const LOCK: i64 = 0x6d69_6772_6174_6521;
/// How long to wait for another process that migrates, and for locks of its own on tables in use.
const PATIENCE: &str = "60s";
const CONNECT: Duration = Duration::from_secs(5);

/// Why a database could not be migrated. Nothing in it repeats the password.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No valid connection URL.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    /// Postgres cannot be reached or refused a statement; another process may hold the lock for too long.
    #[error("migrating: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// A migration failed, or one that was applied has been changed since.
    #[error("migrating: {0}")]
    Migration(#[from] refinery::Error),
}

/// What [`run`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations that were applied.
    pub applied: Vec<String>,
    /// Whether demo data was put into an empty database.
    pub demo: bool,
    /// Demo accounts that were closed because this is production.
    pub closed: u64,
}

/// Applies what is missing. Outside production an empty database gets demo data; in production demo accounts that
/// still have their published passwords are closed.
///
/// # Errors
/// See [`MigrateError`]; what was applied before stays applied.
pub async fn run(settings: &DatabaseSettings, environment: Environment) -> Result<Migrated, MigrateError> {
    let (mut client, connection) = connect_config(settings)?.connect(NoTls).await?;
    // Ends when the client is dropped, which also gives the lock back.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the migrating connection ended");
        }
    });
    client.batch_execute(&format!("SET lock_timeout = '{PATIENCE}'; SET client_min_messages = warning")).await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;

    let report = runner().run_async(&mut client).await?;
    let applied: Vec<String> = report.applied_migrations().iter().map(ToString::to_string).collect();
    let mut migrated = Migrated { applied, demo: false, closed: 0 };
    if environment.is_production() {
        migrated.closed = client.execute(DEMO_LOCK, &[]).await?;
    } else if client.query_one("SELECT NOT EXISTS (SELECT FROM users)", &[]).await?.get(0) {
        let demo = client.transaction().await?;
        demo.batch_execute(DEMO).await?;
        demo.commit().await?;
        migrated.demo = true;
    }
    Ok(migrated)
}

/// Whether every migration this program knows is applied; a database that is ahead of it is fine.
///
/// # Errors
/// When Postgres does not answer.
pub async fn is_complete(db: &Database) -> Result<bool> {
    const SQL: &str = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
    let applied: i64 = match sqlx::query_scalar(SQL).fetch_one(db.reads()).await.map_err(Error::from) {
        Ok(version) => version,
        // No such table: nothing was ever applied.
        Err(error) if error.sqlstate().as_deref() == Some("42P01") => return Ok(false),
        Err(error) => return Err(error),
    };
    let known = runner().get_migrations().iter().map(|migration| i64::from(migration.version())).max();
    Ok(known.is_none_or(|known| applied >= known))
}

/// A program that is a release behind must still start on a database that is ahead.
fn runner() -> Runner {
    embedded::migrations::runner().set_abort_missing(false)
}

fn connect_config(settings: &DatabaseSettings) -> Result<tokio_postgres::Config, InvalidSettings> {
    let url = settings.url();
    let url = url.expose_secret();
    // sqlx takes parameters that this driver does not know.
    let plain = url.split('?').next().unwrap_or(url);
    let mut config: tokio_postgres::Config = url
        .parse()
        .or_else(|_| plain.parse())
        .map_err(|_| InvalidSettings("DATABASE_URL is not a valid connection URL".into()))?;
    config.application_name("migrate").connect_timeout(CONNECT);
    Ok(config)
}
