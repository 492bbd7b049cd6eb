//! Unresponsive sessions: half-open connections are detected within seconds, slow statements are left alone.
//!
//! A network can lose a connection without notifying either side; a pending statement then waits for its timeout, and the
//! connection itself does not show it. So when a response is late, the server is asked over a new connection for the state of the
//! session. An active session is slow. A session that is idle or does not exist has not received the statement, or its response
//! was lost: it is terminated, so that it holds no locks, and the other connections of its generation are not used any more.

use std::time::Duration;

use sqlx::Connection as _;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::servers::Servers;
use crate::sql;

/// A statement that takes longer is checked. Most statements take milliseconds.
const CHECK_DELAY: Duration = Duration::from_secs(1);
/// The timeout of that check.
const CHECK_TIMEOUT: Duration = Duration::from_millis(1_500);

/// A server that could not be asked this often in a row is gone.
const MAX_UNANSWERED: u32 = 3;

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
    servers: Servers,
    turn: Mutex<()>,
}

impl Witness {
    pub(crate) fn new(servers: Servers) -> Self {
        Self { servers, turn: Mutex::new(()) }
    }

    /// Waits for work of a session of a server; `None` when the session is lost.
    pub(crate) async fn watch<T>(&self, session: i32, server: usize, work: impl Future<Output = T>) -> Option<T> {
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
                lost = self.is_lost(session, server) => if lost {
                    tracing::warn!(session, "Postgres session lost: server responds, session does not");
                    return None;
                }
            }
        }
    }

    /// Waits until a session has ended what it does, or does not exist any more, or its server does not respond: of a server that is gone
    /// nothing is to be waited for.
    pub(crate) async fn end(&self, session: i32, server: usize, work: impl Future) {
        let (mut work, mut unanswered) = (std::pin::pin!(work), 0);
        while unanswered < MAX_UNANSWERED {
            tokio::select! {
                biased;
                _ = &mut work => return,
                lost = async {
                    sleep(CHECK_DELAY).await;
                    self.ask(session, server).await
                } => match lost {
                    Some(true) => return,
                    Some(false) => unanswered = 0,
                    None => unanswered += 1,
                },
            }
        }
    }

    /// True only if the server says so: when it does not respond, the timeouts apply.
    async fn is_lost(&self, session: i32, server: usize) -> bool {
        self.ask(session, server).await == Some(true)
    }

    /// Whether a session is lost; nothing when its server does not respond.
    async fn ask(&self, session: i32, server: usize) -> Option<bool> {
        let asked = async {
            let _turn = self.turn.lock().await;
            let mut connection = self.servers.open_at(server).await?;
            let lost: bool = sqlx::query_scalar(TERMINATE_IF_IDLE).bind(session).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(lost)
        };
        timeout(CHECK_TIMEOUT, asked).await.ok()?.ok()
    }
}
