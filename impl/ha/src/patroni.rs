//! The configuration of a node's Patroni.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::cluster_plan::{ClusterPlan, PASSWORD};

/// Seconds after which a leader that is not heard of is none; Patroni allows no less.
const LEADER_TTL_S: u32 = 20;
/// Seconds between two looks at the cluster.
const LOOP_WAIT_S: u32 = 1;
/// Seconds that etcd may be unavailable before a primary steps down; Patroni allows no less than 3.
const RETRY_TIMEOUT_S: u32 = 5;

/// What is special about a node.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a str,
    /// Where Postgres and the REST interface listen.
    pub(crate) own: [SocketAddr; 2],
    /// Where others reach them.
    pub(crate) advertised: [SocketAddr; 2],
    /// Where it reaches the servers of etcd.
    pub(crate) etcd: Vec<String>,
    pub(crate) folder: &'a Path,
    pub(crate) data: &'a Path,
    pub(crate) programs: &'a Path,
}

/// The configuration, in JSON, which is YAML.
pub(crate) fn configuration(parts: &Parts<'_>, plan: &ClusterPlan) -> Value {
    let &Parts { name, own, advertised, ref etcd, folder, data, programs } = parts;
    json!({
        "scope": "ha",
        "name": name,
        "restapi": {"listen": own[1].to_string(), "connect_address": advertised[1].to_string()},
        // These addresses only: it would ask etcd for those of its members, past the proxies.
        "etcd3": {"hosts": etcd, "use_proxies": true},
        "bootstrap": {
            "dcs": {
                "ttl": LEADER_TTL_S,
                "loop_wait": LOOP_WAIT_S,
                "retry_timeout": RETRY_TIMEOUT_S,
                "synchronous_mode": plan.synchronous,
                "synchronous_mode_strict": plan.strict,
                // Another takes over instead of waiting for the primary to start again.
                "primary_start_timeout": 0,
                "maximum_lag_on_failover": 16 << 20,
                "postgresql": {"use_pg_rewind": true, "use_slots": true, "parameters": parameters()},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"lc-ctype": "C.UTF-8"}, {"wal-segsize": "4"}, "data-checksums"],
        },
        "postgresql": {
            "listen": own[0].to_string(),
            "connect_address": advertised[0].to_string(),
            "data_dir": data,
            "bin_dir": programs,
            "pgpass": folder.join("pgpass"),
            "authentication": {
                "superuser": {"username": "postgres", "password": PASSWORD},
                "replication": {"username": "replicator", "password": PASSWORD},
                "rewind": {"username": "rewinder", "password": PASSWORD},
            },
            "parameters": {"unix_socket_directories": folder},
            "pg_hba": [
                "local all all trust",
                "host replication replicator 127.0.0.1/32 scram-sha-256",
                "host all all 127.0.0.1/32 scram-sha-256",
            ],
            "remove_data_directory_on_rewind_failure": true,
            "remove_data_directory_on_diverged_timelines": true,
            "create_replica_methods": ["basebackup"],
            "basebackup": {"checkpoint": "fast"},
        },
        "watchdog": {"mode": "off"},
        "tags": {},
    })
}

/// For a small machine and a small disk, and so that a connection that leads nowhere is noticed within seconds.
fn parameters() -> Value {
    json!({
        "max_connections": 200,
        "shared_buffers": "64MB",
        "max_wal_size": "64MB",
        "min_wal_size": "16MB",
        "wal_keep_size": "64MB",
        "max_slot_wal_keep_size": "128MB",
        "checkpoint_timeout": "30s",
        "wal_sender_timeout": "5s",
        "wal_receiver_timeout": "5s",
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "password_encryption": "scram-sha-256",
    })
}
