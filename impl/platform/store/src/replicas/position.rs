//! Positions in the write-ahead log: how far the primary has written and a replica replayed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sqlx::{PgConnection, Row as _};

use crate::sql;
use platform_connections::Servers;
use platform_connections::pool::Connections;

/// A position, in bytes since the beginning of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(pub(super) i64);

impl Position {
    /// The beginning, which every replica has.
    pub(super) const START: Self = Self(0);
    /// What no replica has.
    pub(super) const END: Self = Self(i64::MAX);
}

/// Where a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Of its cluster: another `initdb`, another number.
    pub(super) system: i64,
    /// How far it has written, or replayed; nothing of a server that does not: it was promoted, and whether it is the primary that is
    /// written to is not known.
    pub(super) position: Option<Position>,
}

/// Positions of the primary, by when they were asked for.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(Instant, Position)>);

impl History {
    /// Adds the newest; those that are older than `kept` tell nothing any more.
    pub(super) fn add(&mut self, asked_at: Instant, position: Position, kept: Duration) {
        // Another primary after a failover, which has not got as far.
        if self.0.back().is_some_and(|(_, last)| *last > position) {
            self.0.clear();
        }
        self.0.push_back((asked_at, position));
        while self.0.len() > 2 && self.0[1].0.elapsed() > kept {
            self.0.pop_front();
        }
    }

    /// Everything that was written before this is at or before a position; `None` when it is further behind than the history.
    pub(super) fn complete_until(&self, position: Position) -> Option<Instant> {
        self.0.iter().rev().find(|(_, written)| *written <= position).map(|(asked_at, _)| *asked_at)
    }
}

const CURRENT: &str = sql!("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint");

/// How far a replica has replayed.
pub(super) async fn replayed(servers: &Servers, kept: &mut Option<PgConnection>) -> sqlx::Result<Place> {
    const SQL: &str = sql!(
        "SELECT (SELECT system_identifier FROM pg_control_system()),
             CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint END"
    );
    ask(SQL, servers, kept).await
}

/// How far the primary has written.
pub(super) async fn current(servers: &Servers, kept: &mut Option<PgConnection>) -> sqlx::Result<Place> {
    const SQL: &str = sql!(
        "SELECT (SELECT system_identifier FROM pg_control_system()), (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint"
    );
    ask(SQL, servers, kept).await
}

async fn ask(sql: &'static str, servers: &Servers, kept: &mut Option<PgConnection>) -> sqlx::Result<Place> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => servers.open().await?.connection,
    };
    let row = sqlx::raw_sql(sql).fetch_one(&mut connection).await?;
    *kept = Some(connection);
    Ok(Place { system: row.try_get(0)?, position: row.try_get::<Option<i64>, _>(1)?.map(Position) })
}

/// A position that includes what was committed before; the last one when that is not known.
pub(super) async fn written(writes: &Connections) -> Position {
    let ask = async {
        let mut lease = writes.lease().await?;
        let asked = sqlx::raw_sql(CURRENT).fetch_one(lease.connection()).await;
        lease.settle(&asked);
        asked?.try_get(0)
    };
    ask.await.map_or(Position::END, Position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_replica_has_is_as_old_as_the_last_position_it_has_reached() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut history = History::default();
        assert_eq!(history.complete_until(Position(1)), None);
        for (seconds, position) in [(0, 10), (1, 20), (2, 20), (3, 30)] {
            history.add(at(seconds), Position(position), Duration::from_secs(60));
        }
        for (position, until) in
            [(9, None), (10, Some(0)), (19, Some(0)), (20, Some(2)), (29, Some(2)), (30, Some(3)), (99, Some(3))]
        {
            assert_eq!(history.complete_until(Position(position)), until.map(at), "{position}");
        }
        history.add(at(4), Position(25), Duration::from_secs(60));
        assert_eq!(history.complete_until(Position(24)), None, "another primary, with another history");
    }
}
