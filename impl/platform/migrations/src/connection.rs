//! refinery's connection, by the driver and the settings that everything else uses.

use platform_settings::DatabaseSettings;
use platform_store::{Error, Result, Servers, Wanted};
use refinery::Migration;
use refinery_core::AsyncMigrate;
use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A connection to the server that accepts writes.
///
/// # Errors
/// Those of the database.
pub(crate) async fn open(settings: &DatabaseSettings) -> Result<PgConnection> {
    let servers = Servers::new(settings, "migrate", Wanted::Writable).map_err(Error::internal)?;
    // A lock of a session keeps two migrations apart.
    Ok(servers.open_checked().await?)
}

/// Runs statements without parameters.
pub(crate) async fn execute(db: &mut PgConnection, statements: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(db).await.map(drop)
}

/// A connection that migrates.
pub(crate) struct Migrating<'c>(pub(crate) &'c mut PgConnection);

impl AsyncTransaction for Migrating<'_> {
    type Error = sqlx::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(&'a mut self, queries: T) -> sqlx::Result<usize> {
        let mut transaction = self.0.begin().await?;
        let mut count = 0;
        for query in queries {
            sqlx::raw_sql(AssertSqlSafe(query)).execute(&mut *transaction).await?;
            count += 1;
        }
        transaction.commit().await?;
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Migrating<'_> {
    /// The rows of refinery's table: version, name, when it was applied (RFC 3339), checksum.
    async fn query<'a>(&'a mut self, query: &'a str) -> sqlx::Result<Vec<Migration>> {
        let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(&mut *self.0).await?;
        let applied = |row: sqlx::postgres::PgRow| {
            let (at, checksum): (String, String) = (row.try_get(2)?, row.try_get(3)?);
            let invalid = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
            let at = OffsetDateTime::parse(&at, &Rfc3339).map_err(|error| invalid(error.into()))?;
            let checksum = checksum.parse().map_err(|error: std::num::ParseIntError| invalid(error.into()))?;
            Ok(Migration::applied(row.try_get(0)?, row.try_get(1)?, at, checksum))
        };
        rows.into_iter().map(applied).collect()
    }
}

impl AsyncMigrate for Migrating<'_> {}
