//! Reading: single statements outside transactions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, TryStreamExt};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, Postgres, SqlStr};
use tokio::time::timeout;

use crate::replicas::Replicas;
use platform_connections::pool::Connections;

/// The limits of a session that reads.
pub(crate) const READS: &str =
    "SET default_transaction_read_only = on; SET statement_timeout = '4s'; SET lock_timeout = '2s'";
/// The client-side timeout of a read, a little above the statement timeout of the server: when it passes, the server does not
/// respond at all.
const READ_TIMEOUT: Duration = Duration::from_millis(4_500);

/// Connections that can only read; `&Reads` is a sqlx `Executor`. All rows are read before the first is returned, so a slow
/// consumer never holds a connection.
#[derive(Clone)]
pub struct Reads {
    pub(crate) primary: Connections,
    /// For requests whose operation may read from one.
    pub(crate) replicas: Option<Arc<Replicas>>,
}

/// How many rows are read.
#[derive(Clone, Copy)]
enum Rows {
    All,
    First,
}

impl Reads {
    /// Reads from a replica if the request may; else, and if that fails, from the primary.
    async fn read<'q, E: Execute<'q, Postgres> + 'q>(&self, query: E, rows: Rows) -> sqlx::Result<Vec<Found>> {
        let Some(replicas) = &self.replicas else { return on(&self.primary, query, rows).await };
        let Some(replica) = replicas.choose().await else { return on(&self.primary, query, rows).await };
        let query = Repeatable::of(query)?;
        let found = on(&replica.connections, query.clone(), rows).await;
        replicas.settle(replica, &found);
        match found {
            Ok(found) => Ok(found),
            Err(_) => on(&self.primary, query, rows).await,
        }
    }
}

type Found = Either<PgQueryResult, PgRow>;

/// Reads on a connection of a pool.
async fn on<'q, E: Execute<'q, Postgres> + 'q>(
    connections: &Connections,
    query: E,
    rows: Rows,
) -> sqlx::Result<Vec<Found>> {
    let mut lease = connections.lease().await?;
    let watch = lease.watch();
    let connection = lease.connection();
    let read = async {
        match rows {
            Rows::All => connection.fetch_many(query).try_collect().await,
            Rows::First => Ok(connection.fetch_optional(query).await?.map(Either::Right).into_iter().collect()),
        }
    };
    let result = timeout(READ_TIMEOUT, watch.over(read)).await.ok().flatten().unwrap_or_else(|| Err(silent()));
    lease.settle(&result);
    result
}

/// A query that can be run twice.
#[derive(Clone)]
struct Repeatable {
    sql: SqlStr,
    arguments: Option<PgArguments>,
    is_persistent: bool,
}

impl Repeatable {
    fn of<'q>(mut query: impl Execute<'q, Postgres>) -> sqlx::Result<Self> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        Ok(Self { arguments, is_persistent: query.persistent(), sql: query.sql() })
    }
}

impl Execute<'_, Postgres> for Repeatable {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.is_persistent
    }
}

impl fmt::Debug for Reads {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Reads").field(&self.primary.state()).finish()
    }
}

impl<'c> Executor<'c> for &'c Reads {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(self.read(query, Rows::All).map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten_stream())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let first = |found: Vec<Found>| found.into_iter().find_map(Either::right);
        Box::pin(self.read(query, Rows::First).map_ok(first))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut lease = self.primary.lease().await?;
            let result = lease.connection().prepare_with(sql, parameters).await;
            lease.settle(&result);
            result
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut lease = self.primary.lease().await?;
            let result = lease.connection().describe(sql).await;
            lease.settle(&result);
            result
        })
    }
}

/// The server did not respond, not even with the statement timeout.
fn silent() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}
