//! Unresponsive sessions: half-open connections are detected within seconds, slow statements are left alone.
//!
//! A network can lose a connection without notifying either side; a pending statement then waits for its timeout, and the
//! connection itself does not show it. So when a response is late, the server is asked over a new connection for the state of the
//! session. An active session is slow. A session that is idle or does not exist has not received the statement, or its response
//! was lost: it is terminated, so that it holds no locks, and the other connections of its generation are not used any more.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::sql;

/// A statement that takes longer is checked. Most statements take milliseconds.
const CHECK_DELAY: Duration = Duration::from_secs(1);
/// The timeout of that check.
const CHECK_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Whether a session has been idle for nearly as long as the statement is pending; then it is terminated. Other sessions are
/// safe: the state of another user's session is not visible, and a session with this process id on another server has another
/// name.
const TERMINATE_IF_IDLE: &str = sql!(
    "SELECT CASE WHEN session.pid IS NULL THEN true
                WHEN session.state LIKE 'idle%' AND clock_timestamp() - session.state_change > interval '0.9 s'
                THEN pg_terminate_backend(session.pid)
                ELSE false END
    FROM (VALUES (1)) AS once LEFT JOIN pg_stat_activity AS session
      ON session.pid = $1 AND session.application_name = current_setting('application_name')"
);

/// Checks sessions, one at a time: the server may be overloaded.
pub(crate) struct Witness {
    options: PgConnectOptions,
    turn: Mutex<()>,
}

impl Witness {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, turn: Mutex::new(()) }
    }

    /// Waits for work of a session; `None` when the session is lost.
    pub(crate) async fn watch<T>(&self, session: i32, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = sleep(CHECK_DELAY) => {}
            }
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                lost = self.is_lost(session) => if lost {
                    tracing::warn!(session, "Postgres session lost: server responds, session does not");
                    return None;
                }
            }
        }
    }

    /// True only if the server says so: when it does not respond, the timeouts apply.
    async fn is_lost(&self, session: i32) -> bool {
        let asked = async {
            let _turn = self.turn.lock().await;
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let lost: bool = sqlx::query_scalar(TERMINATE_IF_IDLE).bind(session).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(lost)
        };
        matches!(timeout(CHECK_TIMEOUT, asked).await, Ok(Ok(true)))
    }
}
