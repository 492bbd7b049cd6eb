//! Opening connections to Postgres: the one place that knows its addresses, and what each connection has to be before it is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use platform_settings::{DatabaseSettings, InvalidSettings};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use tokio::time::timeout;

use crate::failure::breaks_connection;
use crate::server_state::{NotWritable, Pooled, ServerState};
use crate::sql;

/// The timeout of opening a connection, all servers together.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// How often two sessions are compared: others may use the pooler as well.
const POOLER_CHECKS: u32 = 3;

/// The servers of a URL, one of which accepts writes. Clones share what is known of them.
#[derive(Clone)]
pub struct Servers(Arc<Inner>);

struct Inner {
    settings: DatabaseSettings,
    application: String,
    wanted: Wanted,
    /// Settings of each session, as `SET` statements. They are no startup options: poolers reject or drop those.
    session: &'static str,
    /// The server that was right last.
    preferred: AtomicUsize,
}

/// Which server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Only one that accepts writes.
    Writable,
    /// One that accepts writes, else any.
    Any,
}

/// An open connection, and what its server said of itself.
pub struct Opened {
    /// The connection.
    pub connection: PgConnection,
    /// Whether its server accepts writes.
    pub is_writable: bool,
    /// The process id of its session in `pg_stat_activity`.
    pub(crate) session: i32,
    /// Which server it is, in the order of the URL.
    pub(crate) server: usize,
    /// The id of the database and, where writes are wanted, the timeline: another after each promotion and each recovery to a point in
    /// time; a database that was restored from a dump has another id.
    pub(crate) database: String,
}

impl Servers {
    /// The servers of the settings; `application` is visible in `pg_stat_activity`.
    ///
    /// # Errors
    /// When the URL is invalid.
    pub fn new(
        settings: &DatabaseSettings,
        application: impl Into<String>,
        wanted: Wanted,
    ) -> Result<Self, InvalidSettings> {
        Self::with_session(settings, application, wanted, "")
    }

    /// The same; `session` are `SET` statements for each session.
    pub fn with_session(
        settings: &DatabaseSettings,
        application: impl Into<String>,
        wanted: Wanted,
        session: &'static str,
    ) -> Result<Self, InvalidSettings> {
        settings.servers()?;
        let (settings, application, preferred) = (settings.clone(), application.into(), AtomicUsize::new(0));
        Ok(Self(Arc::new(Inner { settings, application, wanted, session, preferred })))
    }

    /// A connection to the server that is wanted, within five seconds.
    ///
    /// # Errors
    /// When there is none: of several failures the one that tells most.
    pub async fn open(&self) -> sqlx::Result<Opened> {
        // Passwords and certificates may have been replaced since the last one.
        let servers = self.options()?;
        if servers.is_empty() {
            // Of a file that names fewer than it did at the start.
            return Err(sqlx::Error::Configuration("the URL does not name this server any more".into()));
        }
        let patience = OPEN_TIMEOUT / u32::try_from(servers.len()).unwrap_or(u32::MAX);
        let preferred = self.0.preferred.load(Ordering::Relaxed);
        let (mut failure, mut read_only) = (None, None);
        for at in (0..servers.len()).map(|step| (preferred + step) % servers.len()) {
            match timeout(patience, self.open_one(&servers[at], at)).await {
                Ok(Ok(opened)) if opened.is_writable => {
                    self.0.preferred.store(at, Ordering::Relaxed);
                    return Ok(opened);
                }
                Ok(Ok(opened)) if read_only.is_none() => read_only = Some(opened),
                Ok(Ok(other)) => forget(other.connection),
                Ok(Err(error)) => failure = Some(telling(failure, error)),
                Err(_) => failure = Some(telling(failure, sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
            }
        }
        match read_only {
            Some(opened) if self.0.wanted == Wanted::Any => Ok(opened),
            Some(opened) => {
                forget(opened.connection);
                Err(sqlx::Error::AnyDriverError(Box::new(NotWritable)))
            }
            None => Err(failure.unwrap_or(sqlx::Error::PoolClosed)),
        }
    }

    /// A connection to one of them, whatever it is.
    pub(crate) async fn open_at(&self, server: usize) -> sqlx::Result<PgConnection> {
        let servers = self.options()?;
        let options = servers.get(server).ok_or(sqlx::Error::PoolClosed)?;
        PgConnection::connect_with(options).await
    }

    /// A connection whose session is one's own: what belongs to it (limits, prepared statements, locks, notifications) would be others' behind a
    /// pooler that gives each transaction another one.
    ///
    /// # Errors
    /// When it is not, and when there is no connection.
    pub async fn open_checked(&self) -> sqlx::Result<PgConnection> {
        const SQL: &str = sql!("SELECT pg_backend_pid()");
        let Opened { connection: mut one, server, .. } = self.open().await?;
        let check = async {
            let mut other = self.open_at(server).await?;
            for _ in 0..POOLER_CHECKS {
                let of_one: i32 = sqlx::raw_sql(SQL).fetch_one(&mut one).await?.try_get(0)?;
                // Held, so that the pooler has to give it one.
                if let Err(error) = other.execute("BEGIN").await {
                    // A pooler of statements knows no transactions, and hangs up; a server that went away does not respond to the other, either.
                    let goes_on = sqlx::raw_sql(SQL).fetch_one(&mut one).await.is_ok();
                    return Err(if goes_on { pooled() } else { error });
                }
                let of_other: i32 = sqlx::raw_sql(SQL).fetch_one(&mut other).await?.try_get(0)?;
                let of_one_now: i32 = sqlx::raw_sql(SQL).fetch_one(&mut one).await?.try_get(0)?;
                other.execute("ROLLBACK").await?;
                if of_one == of_other || of_one != of_one_now {
                    return Err(pooled());
                }
            }
            Ok(other)
        };
        // A pooler with a single session left lets the other one wait: that is no answer.
        let checked = timeout(OPEN_TIMEOUT, check).await;
        forget(checked.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))?);
        Ok(one)
    }

    /// The options of the server that [`Servers::open`] finds, for drivers that open connections themselves.
    ///
    /// # Errors
    /// As [`Servers::open`].
    pub async fn locate(&self) -> sqlx::Result<PgConnectOptions> {
        let opened = self.open().await?;
        forget(opened.connection);
        self.options()?.into_iter().nth(opened.server).ok_or(sqlx::Error::PoolClosed)
    }

    fn options(&self) -> sqlx::Result<Vec<PgConnectOptions>> {
        let servers = self.0.settings.servers().map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
        // Numbers are exact without extra_float_digits since Postgres 12, and poolers know no other startup parameters than those of sessions.
        let named = |options: PgConnectOptions| options.application_name(&self.0.application).extra_float_digits(None);
        Ok(servers.into_iter().map(named).collect())
    }

    async fn open_one(&self, options: &PgConnectOptions, server: usize) -> sqlx::Result<Opened> {
        const SQL: &str = sql!(
            "SELECT pg_backend_pid(), NOT (pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean),
                 (SELECT oid::text FROM pg_database WHERE datname = current_database())"
        );
        // Engines that are no Postgres but speak like one may have no write-ahead log.
        const TIMELINE: &str = sql!("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)");
        let mut connection = PgConnection::connect_with(options).await?;
        // A pooler may hand on a session with what others have left in it.
        connection.execute("DISCARD ALL").await?;
        // One round trip, since nothing is prepared. The name is the pooler's otherwise.
        let name = self.0.application.replace('\'', "''");
        let begin = AssertSqlSafe(format!("{SQL}; SET application_name = '{name}'; {}", self.0.session));
        let row = sqlx::raw_sql(begin)
            .fetch_all(&mut connection)
            .await?
            .into_iter()
            .next()
            .ok_or(sqlx::Error::RowNotFound)?;
        let (session, is_writable) = (row.try_get(0)?, row.try_get(1)?);
        let mut database: String = row.try_get(2)?;
        if is_writable && self.0.wanted == Wanted::Writable {
            match sqlx::raw_sql(TIMELINE).fetch_one(&mut connection).await {
                Ok(timeline) => database.push_str(timeline.try_get(0)?),
                Err(error) if breaks_connection(&error) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Opened { connection, is_writable, session, server, database })
    }
}

/// What a pooler does that cannot be used.
fn pooled() -> sqlx::Error {
    sqlx::Error::AnyDriverError(Box::new(Pooled(
        "a connection pooler gives each transaction another session: let it pool sessions (PgBouncer: pool_mode = session), or connect to Postgres itself",
    )))
}

/// Closes a connection without waiting for the goodbye.
fn forget(connection: PgConnection) {
    tokio::spawn(connection.close());
}

/// Of two failures the one that a server told, else the one that time may mend: then the other server may come.
fn telling(before: Option<sqlx::Error>, error: sqlx::Error) -> sqlx::Error {
    let rank = |error: &sqlx::Error| match error {
        sqlx::Error::Database(_) => 2,
        error if ServerState::of_postgres(error).is_permanent() => 0,
        _ => 1,
    };
    match before {
        Some(before) if rank(&before) >= rank(&error) => before,
        _ => error,
    }
}
