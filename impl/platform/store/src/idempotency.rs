//! Requests with an `Idempotency-Key` are executed once: the response is stored in the transaction of the effect, for 24 hours.
//!
//! An advisory lock on user and key, held until the transaction ends, detects that the first copy of a request is still in
//! progress; it is tried, never waited for, so that copies of a request cannot use up the connections. Only successes are
//! stored: an error response had no effect, so a retry is executed. So the stored responses are bounded by the operations.

use std::sync::Arc;

use bytes::Bytes;
use contract::{Answer, IdempotencyKey, KeyedRequest, Once, Problem, Reply, StoredReply};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::columns::Columns;
use crate::database::{Database, Transaction};
use crate::error::{Error, OnConstraint, Result};
use crate::slices::delete_in_slices;
use crate::sql;

/// The stored response or, without one, whether the lock was free; it is held then. In that order, so that copies of a completed
/// request do not block each other.
const FIND_OR_LOCK: &str = sql!(
    "SELECT kept.fingerprint, kept.status, kept.headers, kept.body,
           CASE WHEN kept.user_id IS NULL THEN pg_try_advisory_xact_lock($3) ELSE false END AS locked
    FROM (VALUES (1)) AS once LEFT JOIN idempotency_keys AS kept
      ON kept.user_id = $1 AND kept.key = $2 AND kept.created_at > now() - interval '24 hours'"
);

const FIND: &str = sql!(
    "SELECT fingerprint, status, headers, body FROM idempotency_keys
    WHERE user_id = $1 AND key = $2 AND created_at > now() - interval '24 hours'"
);

/// No row is affected when there is a response already.
const STORE: &str = sql!(
    "INSERT INTO idempotency_keys AS kept (user_id, key, fingerprint, status, headers, body)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
    SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
        body = excluded.body, created_at = excluded.created_at
    WHERE kept.created_at <= now() - interval '24 hours'"
);

/// Locked rows are being replaced.
const DELETE_EXPIRED: &str = sql!(
    "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency_keys WHERE created_at <= now() - interval '24 hours'
        ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED))"
);

/// Makes the COMMIT that follows wait for the synchronous standby, which a transaction that only read does not: what it read may have
/// been committed without (somebody ended the wait), and is lost with the primary.
const AWAIT_STANDBY: &str = sql!("SELECT pg_logical_emit_message(true, 'replay', '')");

/// Rows deleted by one statement.
const BATCH_ROWS: i64 = 1000;

impl Database {
    /// Runs `work` in a transaction unless the user has sent this request before, and stores the response in the same
    /// transaction. A request without a key is executed each time, as by [`Database::write`].
    ///
    /// ```ignore
    /// let response = db.write_idempotent(user_id, params.idempotency_key, move |mut tx| async move {
    ///     insert_order(&mut tx, user_id, &body).await.map(created)
    /// });
    /// ```
    /// An error of `work` is rolled back and not stored.
    ///
    /// # Errors
    /// As [`Database::write`]. 409 `idempotency_in_flight` while the first request is in progress, 422
    /// `idempotency_key_reused` when it was a different request, 401 when the user does not exist any more.
    pub async fn write_idempotent<R, F, W>(&self, user_id: i64, key: IdempotencyKey, work: W) -> Result<Once<R>>
    where
        R: Answer + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Clone + Send + 'static,
    {
        match key.sent() {
            None => self.write(work).await.map(Once::Fresh),
            Some(request) => self.write_keyed(Keyed::new(user_id, request), work).await,
        }
    }

    /// As [`Database::write_idempotent`] for `work` that is exactly one statement: without a key it runs without BEGIN
    /// and COMMIT around it, as by [`Database::write_once`].
    ///
    /// # Errors
    /// As [`Database::write_idempotent`].
    pub async fn write_once_idempotent<R, F, W>(&self, user_id: i64, key: IdempotencyKey, work: W) -> Result<Once<R>>
    where
        R: Answer + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Clone + Send + 'static,
    {
        match key.sent() {
            None => self.write_once(work).await.map(Once::Fresh),
            Some(request) => self.write_keyed(Keyed::new(user_id, request), work).await,
        }
    }

    async fn write_keyed<R, F, W>(&self, keyed: Keyed, work: W) -> Result<Once<R>>
    where
        R: Answer + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Clone + Send + 'static,
    {
        let attempted = keyed.clone();
        let refusal = match self.write(move |tx| async move { attempted.attempt(tx, work).await }).await {
            Ok(Attempt::Done(reply)) => return Ok(Once::Encoded(reply)),
            Ok(Attempt::Known(kept)) => return keyed.replay(kept),
            Ok(Attempt::InFlight) => return Err(Problem::idempotency_in_flight().into()),
            Err(Error::Problem(refusal)) if refusal.status().is_client_error() => refusal,
            Err(failure) => return Err(failure),
        };
        // Another copy of the request may have completed between the lookup of its response and the lock: then its response is
        // returned for both.
        let find = keyed.clone();
        let found = self.write(move |mut tx| async move { find.find(&mut tx).await }).await?;
        found.map_or(Err(Error::Problem(refusal)), |kept| keyed.replay(kept))
    }
}

/// Deletes responses that are older than 24 hours, and returns their number.
///
/// # Errors
/// Those of the database; earlier batches stay deleted.
pub async fn forget_old(database: &Database) -> Result<u64> {
    delete_in_slices(database, BATCH_ROWS, DELETE_EXPIRED).await
}

/// A request with its key and the user the key belongs to.
#[derive(Clone)]
struct Keyed {
    user_id: i64,
    request: Arc<KeyedRequest>,
}

enum Attempt {
    Done(Reply),
    Known(Kept),
    InFlight,
}

struct Kept {
    fingerprint: Vec<u8>,
    reply: StoredReply,
}

impl Keyed {
    fn new(user_id: i64, request: KeyedRequest) -> Self {
        Self { user_id, request: Arc::new(request) }
    }

    /// All of it inside one transaction.
    async fn attempt<R, F, W>(&self, mut tx: Transaction, work: W) -> Result<Attempt>
    where
        R: Answer,
        F: Future<Output = Result<R>>,
        W: FnOnce(Transaction) -> F,
    {
        // A hash collision only makes a client retry.
        let lock = xxh3_64_with_seed(self.request.key.as_bytes(), self.user_id.cast_unsigned()).cast_signed();
        let query = sqlx::query(FIND_OR_LOCK).bind(self.user_id).bind(&self.request.key).bind(lock);
        let row = query.fetch_one(&mut *tx).await?;
        let mut columns = Columns::of(&row);
        if columns.get::<Option<&[u8]>>("fingerprint")?.is_some() {
            sqlx::query(AWAIT_STANDBY).execute(&mut *tx).await?;
            return Ok(Attempt::Known(Kept::read(&row)?));
        }
        if !columns.get::<bool>("locked")? {
            return Ok(Attempt::InFlight);
        }
        let (result, mut tx) = tx.lend(work).await?;
        let reply = result?.into_reply()?;
        // The snapshot of the statement that took the lock may be older than the commit of the previous holder.
        match self.keep(&mut tx, &reply.stored()?).await? {
            true => Ok(Attempt::Done(reply)),
            false => Err(Problem::idempotency_in_flight().into()),
        }
    }

    /// The stored response.
    async fn find(&self, connection: &mut PgConnection) -> Result<Option<Kept>> {
        let find = sqlx::query(FIND).bind(self.user_id).bind(&self.request.key);
        let Some(row) = find.fetch_optional(&mut *connection).await? else { return Ok(None) };
        sqlx::query(AWAIT_STANDBY).execute(connection).await?;
        Kept::read(&row).map(Some)
    }

    /// Stores the response; false when there is one already.
    async fn keep(&self, connection: &mut PgConnection, reply: &StoredReply) -> Result<bool> {
        let headers: Vec<&str> = reply.headers.iter().flat_map(|(name, value)| [&**name, &**value]).collect();
        let kept = sqlx::query(STORE)
            .bind(self.user_id)
            .bind(&self.request.key)
            .bind(&self.request.fingerprint.to_be_bytes()[..])
            .bind(reply.status.cast_signed())
            .bind(headers)
            .bind(&reply.body[..])
            .execute(connection)
            .await
            .on_constraint("idempotency_keys_user_id_fkey", || {
                Problem::unauthorized("invalid_token", "The token's user was deleted.")
            })?;
        Ok(kept.rows_affected() == 1)
    }

    fn replay<R>(&self, kept: Kept) -> Result<Once<R>> {
        if kept.fingerprint == self.request.fingerprint.to_be_bytes() {
            Ok(Once::Replayed(kept.reply))
        } else {
            Err(Problem::idempotency_key_reused().into())
        }
    }
}

impl Kept {
    fn read(row: &PgRow) -> Result<Self> {
        let mut columns = Columns::of(row);
        let fingerprint = columns.get("fingerprint")?;
        let status = columns.get::<i16>("status")?.cast_unsigned();
        let fields: Vec<String> = columns.get("headers")?;
        let body = Bytes::from(columns.get::<Vec<u8>>("body")?);
        let headers = fields.chunks_exact(2).map(|field| (field[0].clone(), field[1].clone())).collect();
        Ok(Self { fingerprint, reply: StoredReply { status, headers, body } })
    }
}
