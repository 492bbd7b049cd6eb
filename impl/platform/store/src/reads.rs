//! Reading: single statements outside transactions.

use std::fmt;
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, TryStreamExt};
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, Postgres, SqlStr};
use tokio::time::timeout;

use crate::connections::Connections;

/// The client-side timeout of a read, a little above the statement timeout of the server: when it passes, the server does not
/// respond at all.
const READ_TIMEOUT: Duration = Duration::from_millis(4_500);

/// Connections that can only read; `&Reads` is a sqlx `Executor`. All rows are read before the first is returned, so a slow
/// consumer never holds a connection.
#[derive(Clone)]
pub struct Reads(pub(crate) Connections);

impl fmt::Debug for Reads {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Reads").field(&self.0.state()).finish()
    }
}

impl<'c> Executor<'c> for &'c Reads {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let rows = async move {
            let mut lease = self.0.lease().await?;
            let watch = lease.watch();
            let read = lease.connection().fetch_many(query).try_collect::<Vec<_>>();
            let result = timeout(READ_TIMEOUT, watch.over(read)).await.ok().flatten().unwrap_or_else(|| Err(silent()));
            lease.settle(&result);
            result
        };
        Box::pin(rows.map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten_stream())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let mut lease = self.0.lease().await?;
            let watch = lease.watch();
            let read = lease.connection().fetch_optional(query);
            let result = timeout(READ_TIMEOUT, watch.over(read)).await.ok().flatten().unwrap_or_else(|| Err(silent()));
            lease.settle(&result);
            result
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut lease = self.0.lease().await?;
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
            let mut lease = self.0.lease().await?;
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
