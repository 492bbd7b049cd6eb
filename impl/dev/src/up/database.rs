//! The database of a Postgres that is not ours: made when only it is missing.

use std::time::Duration;

use anyhow::{Context, Result};
use platform::settings::DatabaseSettings;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(15);
/// SQLSTATE invalid_catalog_name.
const NO_SUCH_DATABASE: &str = "3D000";

/// Makes the database `url` names if the server has none of that name; the name if it was made.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn make_if_missing(url: &str) -> Result<Option<String>> {
    timeout(PATIENCE, make(first_of(url)?))
        .await
        .context("the database of DATABASE_URL does not respond")?
        .context("cannot use the database of DATABASE_URL")
}

/// Whether Postgres lets in who the URL names.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn lets_in(url: &str) -> Result<bool> {
    let options = first_of(url)?;
    match timeout(PATIENCE, PgConnection::connect_with(&options)).await.context("the database does not respond")? {
        Ok(_) => Ok(true),
        // Class 28: it does not.
        Err(error) if code(&error).is_some_and(|code| code.starts_with("28")) => Ok(false),
        Err(error) => Err(error).context("cannot use the database"),
    }
}

/// How many connections it accepts.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn max_connections(url: &str) -> Result<u32> {
    let options = first_of(url)?;
    let ask = async {
        let mut db = PgConnection::connect_with(&options).await?;
        sqlx::query_scalar("SHOW max_connections").fetch_one(&mut db).await
    };
    let max: String =
        timeout(PATIENCE, ask).await.context("the database does not respond")?.context("cannot use the database")?;
    Ok(max.parse()?)
}

/// The options of the first server that a URL names.
fn first_of(url: &str) -> Result<PgConnectOptions> {
    DatabaseSettings::of_url(url).servers()?.into_iter().next().context("DATABASE_URL names no server")
}

async fn make(options: PgConnectOptions) -> sqlx::Result<Option<String>> {
    match PgConnection::connect_with(&options).await {
        Ok(_) => Ok(None),
        Err(error) if code(&error).as_deref() == Some(NO_SUCH_DATABASE) => {
            let name = options.get_database().unwrap_or_default().to_owned();
            let mut db = PgConnection::connect_with(&options.database("postgres")).await?;
            // Statements of this kind take no parameters.
            let create = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut db).await?;
            Ok(Some(name))
        }
        Err(error) => Err(error),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(|code| code.into_owned())
}
