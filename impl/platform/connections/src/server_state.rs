//! What Postgres and Redis are to this process, by how they respond to a write: a name for each state, for readiness, metrics and the runbook.

use std::error::Error as _;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use deadpool_redis::redis::RedisError;
use deadpool_redis::{PoolError, redis};
use sqlx::error::DatabaseError;

use crate::cache::CacheError;

/// The state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// Accepts writes.
    Writable,
    /// Responds, and accepts no writes: a standby, a demoted primary, `default_transaction_read_only`, a replica of Redis.
    ReadOnly,
    /// Starts, recovers or loads its data.
    Starting,
    /// Has no connection, memory or disk left.
    Full,
    /// Does not accept the credentials, or what they may do.
    Refused,
    /// Redis writes nothing as long as it cannot save, or has too few replicas; Postgres has no such database.
    Misconfigured,
    /// A Redis Cluster, whose keys are on several servers.
    Cluster,
    /// A pooler that gives each transaction another session, so that settings and prepared statements of a session are others'.
    Pooled,
    /// Its certificate is not accepted, it does not accept ours, or it cannot encrypt.
    Untrusted,
    /// Nothing listens at its address.
    Unreachable,
    /// Does not respond in time.
    Silent,
    /// Anything else.
    Failing,
}

impl ServerState {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Writable,
        Self::ReadOnly,
        Self::Starting,
        Self::Full,
        Self::Refused,
        Self::Misconfigured,
        Self::Cluster,
        Self::Pooled,
        Self::Untrusted,
        Self::Unreachable,
        Self::Silent,
        Self::Failing,
    ];

    /// `read_only`, as metrics and readiness have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Writable => "writable",
            Self::ReadOnly => "read_only",
            Self::Starting => "starting",
            Self::Full => "full",
            Self::Refused => "refused",
            Self::Misconfigured => "misconfigured",
            Self::Cluster => "cluster",
            Self::Pooled => "pooled",
            Self::Untrusted => "untrusted",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::Failing => "failing",
        }
    }

    /// Whether no time mends it, so that a process had better not start: somebody has to change a setting.
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::Cluster | Self::Pooled | Self::Untrusted)
    }

    /// Whether it responds to anything.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Writable | Self::ReadOnly | Self::Full | Self::Misconfigured | Self::Cluster)
    }

    /// Of Postgres.
    pub fn of_postgres(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(failure) => Self::of_sqlstate(&**failure),
            sqlx::Error::Io(error) => Self::of_io(error.kind()),
            sqlx::Error::AnyDriverError(error) if error.is::<NotWritable>() => Self::ReadOnly,
            sqlx::Error::AnyDriverError(error) if error.is::<Pooled>() => Self::Pooled,
            sqlx::Error::Tls(_) => Self::Untrusted,
            // Files with certificates that are gone, a URL in a file that became another.
            sqlx::Error::Configuration(_) => Self::Misconfigured,
            // Ours are exhausted, or those of a pooler: the server is busy.
            sqlx::Error::PoolTimedOut => Self::Full,
            _ => Self::Failing,
        }
    }

    fn of_sqlstate(failure: &dyn DatabaseError) -> Self {
        match failure.code().as_deref().unwrap_or_default() {
            "25006" => Self::ReadOnly,
            "3D000" => Self::Misconfigured,
            // cannot_connect_now; admin_shutdown and crash_shutdown come before it starts again.
            "57P01" | "57P02" | "57P03" => Self::Starting,
            code if code.starts_with("28") || code == "42501" => Self::Refused,
            code if code.starts_with("53") => Self::Full,
            _ => Self::Failing,
        }
    }

    /// Of Redis.
    pub fn of_redis(error: &RedisError) -> Self {
        match error.code() {
            Some("READONLY" | "MASTERDOWN") => Self::ReadOnly,
            Some("OOM") => Self::Full,
            Some("LOADING" | "BUSY" | "BUSYLOADING") => Self::Starting,
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Self::Refused,
            Some("MISCONF" | "NOREPLICAS") => Self::Misconfigured,
            Some("MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" | "TRYAGAIN") => Self::Cluster,
            _ if error.kind() == redis::ErrorKind::AuthenticationFailed => Self::Refused,
            _ if error.is_timeout() => Self::Silent,
            _ if error.is_connection_refusal() => Self::Unreachable,
            _ => io_kind(error).map_or(Self::Failing, Self::of_io),
        }
    }

    /// Of Redis, by way of the pool.
    pub fn of_cache(error: &CacheError) -> Self {
        match error {
            CacheError::Redis(error) | CacheError::Pool(PoolError::Backend(error)) => Self::of_redis(error),
            CacheError::Pool(PoolError::Timeout(_)) => Self::Silent,
            CacheError::Pool(_) => Self::Failing,
        }
    }

    fn of_io(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Silent,
            // What rustls reports of a handshake.
            ErrorKind::InvalidData => Self::Untrusted,
            _ => Self::Unreachable,
        }
    }
}

/// What kind of failure of input or output an error of Redis is; its source is shared, and so one level further down.
fn io_kind(error: &RedisError) -> Option<ErrorKind> {
    let source = error.source()?;
    let shared = source
        .downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()
        .map(|source| &**source as &dyn std::error::Error);
    shared.unwrap_or(source).downcast_ref::<std::io::Error>().map(std::io::Error::kind)
}

impl fmt::Display for ServerState {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

/// A server to which a connection for writing was opened accepts none.
#[derive(Debug, thiserror::Error)]
#[error("the server accepts no writes: it is a standby, or read-only")]
pub struct NotWritable;

/// What two sessions at once had in common.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Pooled(pub &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_fails_with_is_told_by_its_cause() {
        let of = |kind: ErrorKind| ServerState::of_redis(&std::io::Error::from(kind).into());
        assert_eq!(of(ErrorKind::InvalidData), ServerState::Untrusted);
        assert_eq!(of(ErrorKind::ConnectionReset), ServerState::Unreachable);
        assert_eq!(of(ErrorKind::TimedOut), ServerState::Silent);
    }

    #[test]
    fn every_state_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = ServerState::ALL.iter().map(|state| state.name()).collect();
        assert_eq!(names.len(), ServerState::ALL.len());
    }
}
