//! What Postgres tells of itself.

use platform_store::{ServerState, Servers, sql};
use sqlx::PgConnection;

use super::found::Failure;

/// A connection that is kept open, and whether it holds the lock of the reporter.
pub(super) type Kept = Option<(PgConnection, bool)>;

/// Takes that lock.
const TRY_REPORTER_LOCK: &str = sql!("SELECT pg_try_advisory_lock(7305423198540024)");
/// What it tells.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Postgres {
    pub(super) connections: i64,
    pub(super) connections_limit: i64,
    pub(super) bytes: i64,
    pub(super) deadlocks: i64,
    is_writable: bool,
    #[sqlx(skip)]
    pub(super) oldest_transaction: Option<f64>,
}

/// The state of Postgres, and why it accepts no writes; a connection that fails or was interrupted is not used again.
pub(super) async fn postgres_state(servers: &Servers, kept: &mut Kept) -> sqlx::Result<(Postgres, Option<Failure>)> {
    const SQL: &str = sql!(
        "SELECT (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS connections,
             current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                 AS connections_limit,
             pg_database_size(current_database()) AS bytes, d.deadlocks,
             NOT (pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean) AS is_writable
         FROM pg_stat_database d WHERE d.datname = current_database()"
    );
    // The kept connection may be from before a restart.
    let mut found = None;
    if let Some((mut connection, reporter)) = kept.take()
        && let Ok(state) = sqlx::query_as::<_, Postgres>(SQL).fetch_one(&mut connection).await
    {
        found = Some((connection, reporter, state));
    }
    let (mut connection, mut reporter, mut state) = match found {
        Some(found) => found,
        None => {
            let mut connection = servers.open_checked().await?;
            let state = sqlx::query_as(SQL).fetch_one(&mut connection).await?;
            (connection, false, state)
        }
    };
    if !reporter {
        reporter = sqlx::query_scalar(TRY_REPORTER_LOCK).fetch_one(&mut connection).await?;
    }
    // By a function, since the start times of other roles' sessions are not visible; it exists after the migrations.
    let oldest = sqlx::query_scalar(sql!("SELECT oldest_transaction_seconds()")).fetch_one(&mut connection).await;
    state.oldest_transaction = oldest.ok();
    // The next poll goes where the address leads then.
    *kept = state.is_writable.then_some((connection, reporter));
    let failure = (!state.is_writable).then(|| Failure {
        state: ServerState::ReadOnly,
        error: "a standby, or read-only (pg_is_in_recovery, transaction_read_only)".to_owned(),
    });
    Ok((state, failure))
}
