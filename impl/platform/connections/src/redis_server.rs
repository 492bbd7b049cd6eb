//! The Redis that is used: one at an address, or the one that Sentinel says is the primary.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{self, AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError, Value};
use deadpool_redis::{Hook, HookError, Manager, Pool, Runtime};
use futures_util::future::select_ok;
use platform_settings::{InvalidSettings, RedisPlace, RedisSettings};

/// How often a connection that is used again is asked whether its server is still the primary.
const ROLE_INTERVAL: Duration = Duration::from_secs(1);
/// How often the Sentinels are asked, at most, while the primary is in doubt.
const ASK_INTERVAL: Duration = Duration::from_millis(250);

/// A server: a client of it, and a pool of connections.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) pool: Pool,
}

/// Finds the server.
pub(crate) struct Servers {
    place: RedisPlace,
    pool_size: usize,
    timeout: Duration,
    found: Mutex<Option<Found>>,
    /// Whether the server may not be the primary any more.
    in_doubt: Arc<AtomicBool>,
}

struct Found {
    server: Server,
    address: Option<(String, u16)>,
    asked: Instant,
}

impl Servers {
    /// # Errors
    /// When the pool cannot be built.
    pub(crate) fn new(place: RedisPlace, settings: &RedisSettings) -> Result<Self, InvalidSettings> {
        let servers = Self {
            place,
            pool_size: settings.redis_pool_size as usize,
            timeout: settings.timeout(),
            found: Mutex::default(),
            in_doubt: Arc::default(),
        };
        if let RedisPlace::Server(info) = &servers.place {
            let unusable = |error| InvalidSettings(format!("the Redis pool cannot be built: {error}"));
            let server = servers.server((**info).clone()).map_err(unusable)?;
            *servers.lock() = Some(Found { server, address: None, asked: Instant::now() });
        }
        Ok(servers)
    }

    /// Where it is: an address, or the name by which Sentinel knows it.
    pub(crate) fn place(&self) -> String {
        match &self.place {
            RedisPlace::Server(info) => info.addr().to_string(),
            RedisPlace::Sentinel { sentinels, primary, .. } => {
                let sentinels: Vec<_> = sentinels.iter().map(|info| info.addr().to_string()).collect();
                format!("{primary} of the Sentinels {}", sentinels.join(","))
            }
        }
    }

    /// Something failed: before the next connection the Sentinels are asked.
    pub(crate) fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Release);
    }

    /// The server.
    ///
    /// # Errors
    /// When no Sentinel knows it.
    pub(crate) async fn find(&self) -> Result<Server, RedisError> {
        if let Some(found) = &*self.lock()
            && (found.address.is_none()
                || !self.in_doubt.load(Ordering::Acquire)
                || found.asked.elapsed() < ASK_INTERVAL)
        {
            return Ok(found.server.clone());
        }
        let RedisPlace::Sentinel { sentinels, primary, server } = &self.place else { return Err(late()) };
        let ask = |sentinel: &ConnectionInfo| Box::pin(ask(sentinel.clone(), primary.clone()));
        let asked = tokio::time::timeout(self.timeout, select_ok(sentinels.iter().map(ask))).await;
        let (address, _) = asked.unwrap_or_else(|_| Err(late()))?;
        let mut found = self.lock();
        self.in_doubt.store(false, Ordering::Release);
        if let Some(found) = &mut *found
            && found.address.as_ref() == Some(&address)
        {
            found.asked = Instant::now();
            return Ok(found.server.clone());
        }
        tracing::info!(server.address = address.0, server.port = address.1, "Redis: Sentinel names another primary");
        let server = self.server(at((**server).clone(), &address))?;
        *found = Some(Found { server: server.clone(), address: Some(address), asked: Instant::now() });
        Ok(server)
    }

    /// Whether Sentinel says which it is.
    pub(crate) fn is_by_sentinel(&self) -> bool {
        matches!(self.place, RedisPlace::Sentinel { .. })
    }

    fn server(&self, info: ConnectionInfo) -> Result<Server, RedisError> {
        let (size, timeout) = (self.pool_size, self.timeout);
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(timeout));
        let client = Client::open(info.clone())?;
        let pool = Pool::builder(Manager::new_with_config(info, config)?)
            .max_size(size)
            // An exhausted pool is no reason to wait for the whole timeout.
            .wait_timeout(Some(timeout / 2))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .runtime(Runtime::Tokio1)
            .post_recycle(of_primary(Arc::clone(&self.in_doubt)))
            .build();
        let unusable = |error: deadpool_redis::BuildError| {
            RedisError::from((redis::ErrorKind::InvalidClientConfig, "pool", error.to_string()))
        };
        Ok(Server { client, pool: pool.map_err(unusable)? })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.place())
    }
}

/// Asks one Sentinel where the primary is.
async fn ask(sentinel: ConnectionInfo, primary: String) -> Result<(String, u16), RedisError> {
    let mut connection = Client::open(sentinel)?.get_multiplexed_async_connection().await?;
    let ask = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&primary).to_owned();
    let found: Option<(String, u16)> = ask.query_async(&mut connection).await?;
    let unknown = (redis::ErrorKind::InvalidClientConfig, "Sentinel does not know the primary", primary);
    found.ok_or_else(|| unknown.into())
}

/// The same options with another address.
fn at(info: ConnectionInfo, (host, port): &(String, u16)) -> ConnectionInfo {
    let (host, port) = (host.clone(), *port);
    let address = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.set_addr(address)
}

/// What a connection to a replica fails with, and one that did not come about in time.
pub(crate) fn late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// Whether a server says that it is a replica. Whoever may not ask is told by what fails.
pub(crate) async fn is_replica(connection: &mut impl redis::aio::ConnectionLike) -> bool {
    let role = redis::cmd("ROLE").query_async::<Vec<Value>>(connection).await.unwrap_or_default();
    matches!(role.first(), Some(Value::BulkString(role)) if role != b"master")
}

/// When a connection of the pool was last asked for the role of its server, and which connections are too old.
struct Roles {
    asked: Instant,
    opened_before: Instant,
}

/// Drops connections to a server that was the primary when they were opened and is a replica now: the address may lead to another by now.
/// One of them is asked from time to time, and speaks for those that are as old.
fn of_primary(in_doubt: Arc<AtomicBool>) -> Hook {
    let now = Instant::now();
    let roles = Arc::new(Mutex::new(Roles { asked: now, opened_before: now }));
    Hook::async_fn(move |connection, metrics| {
        let (roles, in_doubt) = (Arc::clone(&roles), Arc::clone(&in_doubt));
        Box::pin(async move {
            let due = {
                let mut roles = roles.lock().unwrap_or_else(PoisonError::into_inner);
                if metrics.created < roles.opened_before {
                    return Err(HookError::message("the server was demoted"));
                }
                let due = roles.asked.elapsed() > ROLE_INTERVAL;
                if due {
                    roles.asked = Instant::now();
                }
                due
            };
            if !due || !is_replica(connection).await {
                return Ok(());
            }
            roles.lock().unwrap_or_else(PoisonError::into_inner).opened_before = Instant::now();
            in_doubt.store(true, Ordering::Release);
            Err(HookError::message("the server was demoted"))
        })
    })
}
