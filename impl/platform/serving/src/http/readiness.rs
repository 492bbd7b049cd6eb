//! Readiness: whether this replica should get requests. Liveness differs: a process that cannot reach Postgres is alive, and
//! restarting it would not help.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use platform_background::Jobs;
use platform_migrations::migrate;
use platform_store::{Cache, Database, ServerState};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::watch::Watch;

/// The timeout of a check; an orchestrator probes every few seconds.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Of a Postgres that responds and accepts no writes.
const READ_ONLY: &str = "read_only";

/// What a service needs to be ready. While Postgres accepts no writes, or Redis is unavailable, it is ready, but degraded: reads are served, and
/// Redis is not needed.
#[derive(Clone, Default)]
pub struct Readiness {
    /// Must respond and have the schema this program was built for.
    pub database: Option<Database>,
    /// Should accept writes.
    pub cache: Option<Cache>,
    /// Knows whether Postgres accepts writes.
    pub watch: Option<Watch>,
    /// Must not be stalled.
    pub jobs: Vec<Jobs>,
}

/// Caches that the schema is complete: that does not change.
#[derive(Default)]
pub(crate) struct Checks {
    pub(crate) needs: Readiness,
    migrated: AtomicBool,
    draining: AtomicBool,
    /// The latest result, and when its check began.
    found: Mutex<Option<(Instant, Found)>>,
}

/// The states of Postgres, its schema and Redis; `None` for what is not needed.
type Found = (Option<&'static str>, Option<&'static str>, Option<&'static str>);

#[derive(Serialize)]
pub(crate) struct Report {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    migrations: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<&'static str>,
    /// Background jobs that have been stalled for minutes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    standing_still: Vec<&'static str>,
}

impl Checks {
    pub(crate) fn new(needs: Readiness) -> Self {
        Self { needs, ..Self::default() }
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) async fn report(&self) -> (StatusCode, Report) {
        let (database, migrations, redis) = self.find().await;
        let standing_still: Vec<&str> = self.needs.jobs.iter().flat_map(Jobs::standing_still).collect();
        let is_down = |state: &str| !["ok", READ_ONLY].contains(&state);
        let unavailable = !standing_still.is_empty() || [database, migrations].into_iter().flatten().any(is_down);
        let (code, status) = if self.is_draining() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else if unavailable {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        } else if [database, redis].into_iter().flatten().any(|state| state != "ok") {
            (StatusCode::OK, "degraded")
        } else {
            (StatusCode::OK, "ok")
        };
        (code, Report { status, database, migrations, redis, standing_still })
    }

    /// Concurrent probes share a check: each gets a result whose check began after the probe came.
    async fn find(&self) -> Found {
        let asked = Instant::now();
        let mut last = self.found.lock().await;
        if let Some((begun, found)) = *last
            && begun >= asked
        {
            return found;
        }
        let begun = Instant::now();
        let ((database, migrations), redis) = tokio::join!(self.database(), self.redis());
        let found = (database, migrations, redis);
        *last = Some((begun, found));
        found
    }

    async fn database(&self) -> (Option<&'static str>, Option<&'static str>) {
        let Some(database) = &self.needs.database else { return (None, None) };
        let started = Instant::now();
        let check = async {
            if self.migrated.load(Ordering::Relaxed) {
                return database.ping().await.map(|()| true);
            }
            migrate::is_current(database).await
        };
        match tokio::time::timeout(CHECK_TIMEOUT, check).await {
            Ok(Ok(complete)) => {
                self.migrated.store(complete, Ordering::Relaxed);
                // Reads are served.
                let is_read_only = self.needs.watch.as_ref().and_then(Watch::postgres) == Some(ServerState::ReadOnly);
                (Some(if is_read_only { READ_ONLY } else { "ok" }), Some(if complete { "ok" } else { "pending" }))
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready: database check failed");
                (Some(named(error.server_state().unwrap_or(ServerState::Failing))), None)
            }
            Err(_) => {
                tracing::warn!(
                    duration_seconds = started.elapsed().as_secs_f64(),
                    "not ready: database check timed out"
                );
                (Some("unavailable"), None)
            }
        }
    }

    async fn redis(&self) -> Option<&'static str> {
        let cache = self.needs.cache.as_ref()?;
        Some(match tokio::time::timeout(CHECK_TIMEOUT, cache.probe()).await {
            Ok(Ok(())) => "ok",
            Ok(Err(error)) => named(ServerState::of_cache(&error)),
            Err(_) => named(ServerState::Silent),
        })
    }
}

/// Why a server cannot be used, in a word.
fn named(state: ServerState) -> &'static str {
    match state {
        ServerState::Unreachable | ServerState::Silent | ServerState::Failing => "unavailable",
        state => state.name(),
    }
}
