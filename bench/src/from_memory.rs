//! What the peers that answer from memory have in common: they are started and served as the server's own roles are.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use clap::Parser;
use platform::http::{self, App, Description, Readiness};
use platform::identity::Accounts;
use platform::settings::Settings;
use platform::{Cache, Database, Result, telemetry};

#[derive(Parser)]
struct Arguments {
    /// Port to listen on
    #[arg(long, env = "PORT")]
    port: u16,
    #[command(flatten)]
    settings: Settings,
}

/// Serves what `make` makes of the settings, a database and the accounts in it, until it is told to stop.
///
/// # Errors
/// Settings that are not good, a port that is taken, and what `make` fails with.
pub async fn serve(
    service: &str,
    document: &'static str,
    make: impl AsyncFnOnce(&Settings, Database, Accounts) -> Result<Router>,
) -> std::result::Result<(), Box<dyn Error>> {
    let Arguments { port, settings } = Arguments::parse();
    telemetry::start(&settings.app, &settings.log)?;
    let shutdown = http::shutdown_signal()?;
    let database = Database::new(&settings.database, "from-memory")?;
    let accounts = Accounts::start(database.clone(), &settings.database, &settings.auth, "from-memory")?;
    let router = make(&settings, database.clone(), accounts).await?;
    let needs = Readiness {
        database: Some(database),
        cache: Cache::new(&settings.redis, "from-memory:")?,
        ..Readiness::default()
    };
    let description = Description { service: service.to_owned(), version: "0".to_owned(), document };
    let app = App::new(description, router, &settings.http, needs);
    let address = SocketAddr::new(settings.exposure.bind_address.reachable(), port);
    http::serve(vec![(http::listen(address)?, app)], &settings.http, shutdown.clone(), shutdown.child_token()).await;
    Ok(())
}
