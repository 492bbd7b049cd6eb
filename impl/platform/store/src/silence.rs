//! Sessions that went silent: half-open connections are found within seconds, slow statements are left alone.
//!
//! A network can lose a connection without telling either side; whoever waits for an answer then waits for a timeout, and
//! there is no way to see that from the connection itself. So when an answer is late, the server is asked over a new
//! connection what the session does. One that works is slow. One that is idle, or gone, never got the question or has
//! answered it in vain: it is ended, so that it holds no locks, and its siblings are not used any more.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::sql;

/// An answer that takes longer makes one wonder. Most of our statements take milliseconds.
const SILENCE: Duration = Duration::from_secs(1);
/// The server has this long to say what the session does.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Whether a session has been idle for nearly as long as it is waited for; then it is ended. Others keep their rights: a
/// session of another user tells nothing of itself, and one of that number on another server is not of this name.
const ASK: &str = sql!(
    "SELECT CASE WHEN session.pid IS NULL THEN true
                WHEN session.state LIKE 'idle%' AND clock_timestamp() - session.state_change > interval '0.9 s'
                THEN pg_terminate_backend(session.pid)
                ELSE false END
    FROM (VALUES (1)) AS once LEFT JOIN pg_stat_activity AS session
      ON session.pid = $1 AND session.application_name = current_setting('application_name')"
);

/// Asks the server about sessions, one at a time: it may be in trouble already.
pub(crate) struct Witness {
    options: PgConnectOptions,
    turn: Mutex<()>,
}

impl Witness {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, turn: Mutex::new(()) }
    }

    /// Waits for work that a session does; `None` when the session will never answer.
    pub(crate) async fn watch<T>(&self, session: i32, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = sleep(SILENCE) => {}
            }
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                lost = self.is_lost(session) => if lost {
                    tracing::warn!(session, "a session of Postgres does not answer, though the server does");
                    return None;
                }
            }
        }
    }

    /// Only what the server says for sure: when it does not answer either, it is for the timeouts to decide.
    async fn is_lost(&self, session: i32) -> bool {
        let asked = async {
            let _turn = self.turn.lock().await;
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let lost: bool = sqlx::query_scalar(ASK).bind(session).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(lost)
        };
        matches!(timeout(PATIENCE, asked).await, Ok(Ok(true)))
    }
}
