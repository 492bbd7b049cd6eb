//! The database of a Postgres that is not ours: made when only it is missing.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

const PATIENCE: Duration = Duration::from_secs(15);

/// Makes the database `url` names if the server has none of that name; the name if it was made.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn make_if_missing(url: &str) -> Result<Option<String>> {
    let config: Config = url.parse().context("DATABASE_URL")?;
    timeout(PATIENCE, make(config))
        .await
        .context("the database of DATABASE_URL does not respond")?
        .context("cannot use the database of DATABASE_URL")
}

/// Whether Postgres lets in who the URL names.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn lets_in(url: &str) -> Result<bool> {
    let config: Config = url.parse().context("DATABASE_URL")?;
    match timeout(PATIENCE, connect(&config)).await.context("the database does not respond")? {
        Ok(_) => Ok(true),
        // Class 28: it does not.
        Err(error) if error.code().is_some_and(|code| code.code().starts_with("28")) => Ok(false),
        Err(error) => Err(error).context("cannot use the database"),
    }
}

/// How many connections it accepts.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn max_connections(url: &str) -> Result<u32> {
    let config: Config = url.parse().context("DATABASE_URL")?;
    let ask = async {
        let client = connect(&config).await?;
        client.query_one("SELECT current_setting('max_connections')::int", &[]).await
    };
    let row =
        timeout(PATIENCE, ask).await.context("the database does not respond")?.context("cannot use the database")?;
    Ok(u32::try_from(row.get::<_, i32>(0))?)
}

async fn make(mut config: Config) -> Result<Option<String>, tokio_postgres::Error> {
    match connect(&config).await {
        Ok(_) => Ok(None),
        Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
            let name = config.get_dbname().unwrap_or_default().to_owned();
            let client = connect(config.dbname("postgres")).await?;
            // Statements of this kind take no parameters.
            client.batch_execute(&format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""))).await?;
            Ok(Some(name))
        }
        Err(error) => Err(error),
    }
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // Its failures are the client's.
    tokio::spawn(connection);
    Ok(client)
}
