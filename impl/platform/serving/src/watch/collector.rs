//! The metrics of the watched servers.

use std::fmt;
use std::sync::PoisonError;

use platform_store::ServerState;
use platform_telemetry::{counter, counters, gauge, gauges};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Watch;
use super::found::Found;
use super::redis::Redis;

impl Collector for Watch {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(found) = &seen.postgres {
            let states = ServerState::ALL.into_iter().map(|state| ([("state", state.name())], is(found, state)));
            gauges(&mut encoder, "postgres_state", "The state of Postgres is the one that is 1", states)?;
            let mut gauge = |name: &str, help: &str, value: f64| gauge(&mut encoder, name, help, value);
            gauge(
                "postgres_up",
                "Whether this process reaches Postgres (1) or not (0)",
                f64::from(u8::from(found.told.is_some())),
            )?;
            gauge(
                "postgres_probe_duration_seconds",
                "Duration of the last probe of Postgres",
                found.took.as_secs_f64(),
            )?;
            if found.told.is_some() {
                let help = "Whether Postgres accepts writes (1) or not (0), while it is reached";
                gauge("postgres_writable", help, is(found, ServerState::Writable).into())?;
            }
            if let (Some(state), true) = (&found.told, seen.reporter) {
                gauge(
                    "postgres_connections",
                    "Open connections of Postgres, of all clients",
                    state.connections as f64,
                )?;
                let help = "Maximum number of connections of Postgres";
                gauge("postgres_connections_limit", help, state.connections_limit as f64)?;
                if let Some(oldest) = state.oldest_transaction {
                    gauge("postgres_oldest_transaction_age_seconds", "Age of the oldest open transaction", oldest)?;
                }
                gauge("postgres_database_size_bytes", "Size of the database on disk", state.bytes as f64)?;
                let deadlocks = u64::try_from(state.deadlocks).unwrap_or(0);
                counter(&mut encoder, "postgres_deadlocks", "Deadlocks detected in the database", deadlocks)?;
            }
        }
        if seen.redis.is_empty() {
            return Ok(());
        }
        let states = seen.redis.iter().flat_map(|(purpose, found)| {
            ServerState::ALL
                .into_iter()
                .map(|state| ([("purpose", *purpose), ("state", state.name())], is(found, state)))
        });
        gauges(&mut encoder, "redis_state", "The state of Redis is the one that is 1", states)?;
        let mut family = |name: &str, help: &str, value: fn(&Found<Redis>) -> Option<f64>| {
            let values =
                seen.redis.iter().filter_map(|(purpose, found)| Some(([("purpose", *purpose)], value(found)?)));
            gauges(&mut encoder, name, help, values)
        };
        family("redis_up", "Whether this process can write to Redis (1) or not (0)", |found| {
            Some(is(found, ServerState::Writable).into())
        })?;
        family("redis_probe_duration_seconds", "Duration of the last probe of Redis", |found| {
            Some(found.took.as_secs_f64())
        })?;
        if !seen.reporter {
            return Ok(());
        }
        family("redis_memory_used_bytes", "Memory used by Redis", |found| Some(found.told.as_ref()?.used as f64))?;
        let help = "Memory available to Redis: maxmemory, else the memory of its machine";
        family("redis_memory_limit_bytes", help, |found| Some(found.told.as_ref()?.limit as f64))?;
        family("redis_connected_clients", "Client connections of Redis", |found| {
            Some(found.told.as_ref()?.clients as f64)
        })?;
        let evicted = seen.redis.iter().filter_map(|(purpose, found)| {
            Some(([("purpose", *purpose)], u64::try_from(found.told.as_ref()?.evicted).unwrap_or(0)))
        });
        counters(&mut encoder, "redis_evicted_keys", "Keys evicted by Redis because of maxmemory", evicted)
    }
}

/// 1 for the state that it is in, 0 for any other.
fn is<T>(found: &Found<T>, state: ServerState) -> u32 {
    u32::from(found.state() == state)
}
