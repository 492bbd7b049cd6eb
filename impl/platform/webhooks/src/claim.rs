//! What is due, taken by one process at a time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::{Columns, Result, sql};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::slots::Share;
use crate::webhooks::Webhooks;

/// Rows that others claim at this moment are skipped. What is claimed is due again when its lease has ended, and not before.
const CLAIM: &str = sql!(
    "WITH due AS (
         SELECT waiting.id FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS lane (recipient, host, room)
         CROSS JOIN LATERAL (
             SELECT id FROM webhook_deliveries
             WHERE service = $1 AND state = 'pending' AND recipient = lane.recipient AND host = lane.host AND due_at <= now()
             ORDER BY due_at LIMIT lane.room FOR UPDATE SKIP LOCKED) AS waiting
     ) UPDATE webhook_deliveries AS claimed SET due_at = clock_timestamp() + make_interval(secs => $5)
     FROM due WHERE claimed.id = due.id
     RETURNING claimed.id, claimed.recipient, claimed.operation, claimed.host, claimed.method, claimed.url, claimed.headers,
         claimed.body, claimed.trace, claimed.attempts, claimed.due_at"
);

/// A request that this process is to send.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) recipient: i64,
    pub(crate) operation: String,
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) url: String,
    /// Name, value, name, value, ...
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) trace: Option<String>,
    /// Failed ones.
    pub(crate) attempts: i32,
    /// When the lease ends, by which it is told from other claims of the same row.
    pub(crate) lease: DateTime<Utc>,
}

impl Webhooks {
    /// Claims what is due of these lanes, for the time that an attempt may take.
    ///
    /// # Errors
    /// Those of the database. When it is not known whether the claim was committed, its lease ends like that of a dead process.
    pub(crate) async fn claim(&self, shares: Vec<Share>, lease: Duration) -> Result<Vec<Delivery>> {
        let service = self.0.service;
        let claim = move |mut tx: platform::Transaction| async move {
            let recipients: Vec<i64> = shares.iter().map(|share| share.recipient).collect();
            let rooms: Vec<i64> = shares.iter().map(|share| share.room).collect();
            let hosts: Vec<String> = shares.into_iter().map(|share| share.host).collect();
            let query = sqlx::query(CLAIM).bind(service).bind(recipients).bind(hosts).bind(rooms);
            // Planned each time, as the other one.
            let query = query.bind(lease.as_secs_f64()).persistent(false);
            let rows = query.fetch_all(&mut *tx).await?;
            Ok(rows.iter().map(delivery).collect::<sqlx::Result<_>>()?)
        };
        self.0.database.write_once(claim).await
    }
}

fn delivery(row: &PgRow) -> sqlx::Result<Delivery> {
    let mut columns = Columns::of(row);
    Ok(Delivery {
        id: columns.get("id")?,
        recipient: columns.get("recipient")?,
        operation: columns.get("operation")?,
        host: columns.get("host")?,
        method: columns.get("method")?,
        url: columns.get("url")?,
        headers: columns.get("headers")?,
        body: columns.get("body")?,
        trace: columns.get("trace")?,
        attempts: columns.get("attempts")?,
        lease: columns.get("due_at")?,
    })
}
