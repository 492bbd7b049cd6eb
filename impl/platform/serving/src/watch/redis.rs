//! What Redis tells of itself.

use deadpool_redis::redis;
use deadpool_redis::redis::aio::MultiplexedConnection;
use platform_store::{Cache, ServerState};

use super::found::Failure;

/// Why a Redis Cluster cannot be used.
const CLUSTER: &str = "it is a Redis Cluster, which keeps keys on several servers; use one server, or several with Sentinel (redis-sentinel://)";

/// What it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redis {
    pub(super) used: i64,
    pub(super) limit: i64,
    pub(super) evicted: i64,
    pub(super) clients: i64,
}

/// The state of Redis, and why it accepts no writes; a connection that fails or was interrupted is not used again.
pub(super) async fn redis_state(
    cache: &Cache,
    kept: &mut Option<MultiplexedConnection>,
) -> redis::RedisResult<(Redis, Option<Failure>)> {
    let info = redis::cmd("INFO");
    let mut found = None;
    if let Some(mut connection) = kept.take()
        && let Ok(info) = info.query_async::<String>(&mut connection).await
    {
        found = Some((connection, info));
    }
    let (mut connection, info) = match found {
        Some(found) => found,
        None => {
            // A response that is too late for everybody else is none.
            let mut connection = cache.dedicated(cache.timeout()).await?;
            let info = info.query_async::<String>(&mut connection).await?;
            (connection, info)
        }
    };
    let (state, cluster) = Redis::parse(&info);
    let write = cache.probe_on(&mut connection).await;
    let refused = write.err().map(|error| Failure { state: ServerState::of_redis(&error), error: error.to_string() });
    let failure = refused.or(cluster);
    // The next poll goes where the address leads then.
    if failure.as_ref().is_none_or(|failure| failure.state != ServerState::ReadOnly) {
        *kept = Some(connection);
    }
    Ok((state, failure))
}

impl Redis {
    /// Parses lines such as `used_memory:1048576`, also of a server that cannot be used. One without a limit has the memory of its machine.
    fn parse(info: &str) -> (Self, Option<Failure>) {
        let number = |name: &str| {
            let values = info.lines().filter_map(|line| line.split_once(':'));
            let mut values = values.filter(|(key, _)| *key == name).filter_map(|(_, value)| value.trim().parse().ok());
            values.next().unwrap_or(0)
        };
        let limit = match number("maxmemory") {
            0 => number("total_system_memory"),
            limit => limit,
        };
        let cluster = || Failure { state: ServerState::Cluster, error: CLUSTER.to_owned() };
        let told = Self {
            used: number("used_memory"),
            limit,
            evicted: number("evicted_keys"),
            clients: number("connected_clients"),
        };
        (told, (number("cluster_enabled") == 1).then(cluster))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_tells_is_read() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1M\r\nmaxmemory:2097152\r\n\
                    total_system_memory:99\r\nevicted_keys:3\r\nconnected_clients:4\r\n";
        assert_eq!(Redis::parse(info), (Redis { used: 1_048_576, limit: 2_097_152, evicted: 3, clients: 4 }, None));
        let (unlimited, _) = Redis::parse("used_memory:1\r\nmaxmemory:0\r\ntotal_system_memory:99\r\n");
        assert_eq!(unlimited.limit, 99);
        let (_, cluster) = Redis::parse("cluster_enabled:1\r\n");
        assert_eq!(cluster.map(|fault| fault.state), Some(ServerState::Cluster));
    }
}
