//! Who waits where: recipients and hosts with something pending, one after the other, however much it is.

use platform::{Columns, Database, Result, sql};

use crate::slots::Lane;

/// Lanes of one statement. An account may name as many hosts as its quota allows, and there may be many accounts.
pub(crate) const LANES: usize = 200;

/// The first row of each lane after a given one: a loose index scan, one look into the index for each lane, also when a lane is
/// long. That row is the one that is due first. After the first lane of an account that has no room the others are left out: no
/// host sorts after DEL.
const WAITING: &str = sql!(
    "WITH RECURSIVE lanes AS (
         (SELECT recipient, host, due_at, 1 AS place FROM webhook_deliveries
          WHERE service = $1 AND state = 'pending' AND (recipient, host) > ($2, $3)
          ORDER BY recipient, host, due_at LIMIT 1)
         UNION ALL
         SELECT next.recipient, next.host, next.due_at, lanes.place + 1
         FROM lanes CROSS JOIN LATERAL (
             SELECT recipient, host, due_at FROM webhook_deliveries
             WHERE service = $1 AND state = 'pending' AND (recipient, host)
                 > (lanes.recipient, CASE WHEN lanes.recipient = ANY ($5) THEN chr(127) ELSE lanes.host END)
             ORDER BY recipient, host, due_at LIMIT 1) AS next
         WHERE lanes.place < $4
     ) SELECT recipient, host, due_at <= now() AS is_due FROM lanes ORDER BY place"
);

/// The place in the order of lanes, from where a process goes on looking, so that each has its turn.
#[derive(Debug)]
pub(crate) struct Place {
    recipient: i64,
    host: String,
}

impl Place {
    /// Before all lanes.
    pub(crate) fn first() -> Self {
        Self { recipient: i64::MIN, host: String::new() }
    }

    /// After a lane.
    pub(crate) fn after(lane: &Lane) -> Self {
        Self { recipient: lane.recipient, host: lane.host.clone() }
    }

    /// The next lanes, at most [`LANES`], without those of accounts that have no room, but one of each; fewer: there are no
    /// others.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn next(&self, database: &Database, service: &str, without_room: Vec<i64>) -> Result<Vec<Lane>> {
        let limit = i32::try_from(LANES).unwrap_or(i32::MAX);
        let query =
            sqlx::query(WAITING).bind(service).bind(self.recipient).bind(&self.host).bind(limit).bind(without_room);
        // Planned each time: a plan from when the table was empty reads all of it.
        let rows = query.persistent(false).fetch_all(database.reads()).await?;
        let lane = |row| {
            let mut columns = Columns::of(row);
            Ok(Lane {
                recipient: columns.get("recipient")?,
                host: columns.get("host")?,
                is_due: columns.get("is_due")?,
            })
        };
        Ok(rows.iter().map(lane).collect::<sqlx::Result<_>>()?)
    }
}
