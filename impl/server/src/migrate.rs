//! `server migrate`: migrates the schema to this version.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use platform::settings::{
    AppSettings, ConsoleSettings, DatabaseSettings, ExposureSettings, LogSettings, RoleSettings, Secret, SecretParser,
    given,
};
use platform::{migrate, telemetry};

use crate::serve::plain;

/// Arguments of `migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    settings: AppSettings,
    /// Where the services will listen: what others can reach gets no demo data.
    #[command(flatten)]
    exposure: ExposureSettings,
    #[command(flatten)]
    database: DatabaseSettings,
    /// Connection URL of Postgres itself, where DATABASE_URL leads to a connection pooler
    #[arg(long, env = "MIGRATE_DATABASE_URL", hide_env_values = true, value_parser = SecretParser, help_heading = "Postgres")]
    migrate_database_url: Option<Secret>,
    #[command(flatten)]
    roles: RoleSettings,
    #[command(flatten)]
    consoles: ConsoleSettings,
    #[command(flatten)]
    log: LogSettings,
}

/// Migrates the database's schema.
pub(crate) fn run(args: &MigrateArgs) -> Result<ExitCode> {
    telemetry::start(&args.settings, &args.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let environment = args.exposure.effective()?;
    let direct = given(&args.migrate_database_url);
    let database = &direct.map_or_else(|| args.database.clone(), |url| args.database.at("MIGRATE_DATABASE_URL", url));
    database.validate(environment)?;
    args.roles.validate(environment)?;
    args.consoles.validate(environment)?;
    let migrated = runtime.block_on(migrate::run_with_roles(database, environment, &args.roles));
    let migrated = migrated.map_err(|error| plain(database, "migrate", &error))?;
    let migrate::Migrated { applied, demo, closed, without_role } = migrated;
    if let Some(reason) = without_role {
        tracing::warn!(%reason, "creating Postgres role of a service failed: grant CREATEROLE, or create the role by hand");
    }
    tracing::info!(?applied, demo_data = demo, demo_accounts_closed = closed, "database migrated");
    Ok(ExitCode::SUCCESS)
}
