//! The one parser of Redis' connection URLs: `redis://`, `rediss://` (encrypted) and `redis-sentinel://` (a primary that Sentinel knows).

use std::fs;

use deadpool_redis::redis::{
    Client, ClientTlsConfig, ConnectionInfo, IntoConnectionInfo as _, RedisError, TlsCertificates,
};

use crate::InvalidSettings;
use crate::url_parts::{NOT_A_URL, decoded, encoded, pairs, parts};

/// What a URL begins with.
const SCHEMES: &[&str] =
    &["redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis+unix", "unix", "valkey", "valkeys", "valkey+unix"];
/// The port of a Sentinel that names none.
const SENTINEL_PORT: u16 = 26_379;
/// Parameters of redis-py's URLs that have no effect here: timeouts are REDIS_TIMEOUT_MS.
const WITHOUT_EFFECT: &[&str] = &[
    "client_name",
    "decode_responses",
    "encoding",
    "health_check_interval",
    "max_connections",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
];

/// Where Redis is.
#[derive(Debug, Clone)]
pub enum RedisPlace {
    /// At an address.
    Server(Box<ConnectionInfo>),
    /// Wherever Sentinel says that the primary is.
    Sentinel {
        /// How to connect to each Sentinel.
        sentinels: Vec<ConnectionInfo>,
        /// The name of the primary.
        primary: String,
        /// How to connect to the primary: everything but its address.
        server: Box<ConnectionInfo>,
    },
}

impl RedisPlace {
    /// The options of a connection; of Sentinel's primary all but its address.
    pub(crate) fn server(&self) -> &ConnectionInfo {
        match self {
            Self::Server(server) | Self::Sentinel { server, .. } => server,
        }
    }
}

/// Parts of the query that are not the driver's.
#[derive(Default)]
struct Query {
    kept: String,
    database: Option<String>,
    primary: Option<String>,
    sentinel_user: Option<String>,
    sentinel_password: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Reads a URL; `name` is the setting it comes from.
///
/// # Errors
/// When it is invalid, or asks for what cannot be had. The error does not repeat it.
pub(crate) fn parse(name: &str, url: &str) -> Result<RedisPlace, InvalidSettings> {
    let invalid = |why: &str| InvalidSettings(format!("{name} {why}"));
    let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid(NOT_A_URL))?;
    if !SCHEMES.contains(&scheme) {
        return Err(invalid("is not a valid connection URL: it begins with redis://, rediss:// or redis-sentinel://"));
    }
    if scheme.contains("unix") {
        return Ok(RedisPlace::Server(Box::new(url.into_connection_info().map_err(|_| invalid(NOT_A_URL))?)));
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (user, places, path, query) = parts(rest).map_err(invalid)?;
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let query = Query::parse(query).map_err(|why| invalid(&why))?;
    let (is_sentinel, is_encrypted) =
        (scheme.ends_with("-sentinel"), scheme.starts_with("rediss") || scheme == "valkeys");
    let certificates = query.certificates().map_err(|why| invalid(&why))?;
    if certificates.is_some() && !is_encrypted {
        return Err(invalid("has certificates and is not encrypted: it has to begin with rediss://"));
    }
    let driver = if is_encrypted { "rediss" } else { "redis" };
    let database = query.database.as_deref().unwrap_or(path);
    let info = |user: &str, place: &str| {
        let one = format!("{driver}://{user}{place}/{database}?{}", query.kept);
        let of_url = one.into_connection_info().map_err(|error| invalid(&cause(&error)))?;
        if !is_encrypted {
            return Ok(of_url);
        }
        crate::tls::use_one_provider();
        let certificates = certificates.clone().unwrap_or(TlsCertificates { client_tls: None, root_cert: None });
        let client = Client::build_with_tls(of_url, certificates).map_err(|error| invalid(&cause(&error)))?;
        Ok(client.get_connection_info().clone())
    };
    if !is_sentinel {
        if !fragment.is_empty() {
            return Err(invalid(
                "ends with a #, which only names the primary of Sentinel: certificates are checked in any case",
            ));
        }
        if places.contains(',') {
            return Err(invalid(
                "names several servers: Sentinel is redis-sentinel://HOST,HOST/0?master=NAME, and a Redis Cluster is not supported",
            ));
        }
        return Ok(RedisPlace::Server(Box::new(info(&user, places)?)));
    }
    // As lettuce has it, the fragment is the name.
    let primary = query.primary.clone().or_else(|| Some(fragment.to_owned()).filter(|name| !name.is_empty()));
    let primary = primary.ok_or_else(|| invalid("does not name the primary that Sentinel knows: add ?master=NAME"))?;
    let login = match (&query.sentinel_user, &query.sentinel_password) {
        (user, Some(password)) => format!("{}:{}@", encoded(user.as_deref().unwrap_or_default()), encoded(password)),
        _ => String::new(),
    };
    let sentinel = |place: &str| {
        let has_port =
            place.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) && !place.ends_with(']');
        let place = if has_port { place.to_owned() } else { format!("{place}:{SENTINEL_PORT}") };
        let sentinel = info(&login, &place)?;
        // A Sentinel has no databases.
        let settings = sentinel.redis_settings().clone().set_db(0);
        Ok(sentinel.set_redis_settings(settings))
    };
    let sentinels = places.split(',').map(sentinel).collect::<Result<_, _>>()?;
    Ok(RedisPlace::Sentinel { sentinels, primary, server: Box::new(info(&user, "primary")?) })
}

impl Query {
    fn parse(text: &str) -> Result<Self, String> {
        let mut query = Self::default();
        for (name, value) in pairs(text) {
            let text = decoded(value)?.into_owned();
            match name {
                "db" => query.database = Some(text),
                "master" => query.primary = Some(text),
                "sentinel_username" => query.sentinel_user = Some(text),
                "sentinel_password" => query.sentinel_password = Some(text),
                "ssl_ca_certs" => query.root = Some(text),
                "ssl_certfile" => query.certificate = Some(text),
                "ssl_keyfile" => query.key = Some(text),
                "protocol" => query.kept.push_str(&format!("&{name}={value}")),
                "ssl_cert_reqs" if text == "required" => {}
                "ssl_check_hostname" if text.eq_ignore_ascii_case("true") => {}
                "ssl_cert_reqs" | "ssl_check_hostname" => {
                    return Err(format!("has {name}={text}: certificates are checked in any case"));
                }
                other if WITHOUT_EFFECT.contains(&other) => {}
                other => return Err(format!("has the unknown parameter {other}")),
            }
        }
        Ok(query)
    }

    fn certificates(&self) -> Result<Option<TlsCertificates>, String> {
        let read = |name: &str, file: &Option<String>| {
            let read = |file: &String| {
                fs::read(file).map_err(|error| format!("has {name}={file}, which cannot be read: {error}"))
            };
            file.as_ref().map(read).transpose()
        };
        let root_cert = read("ssl_ca_certs", &self.root)?;
        let client_tls = match (read("ssl_certfile", &self.certificate)?, read("ssl_keyfile", &self.key)?) {
            (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig { client_cert, client_key }),
            (None, None) => None,
            _ => return Err("has one of ssl_certfile and ssl_keyfile, which belong together".to_owned()),
        };
        Ok((root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
    }
}

fn cause(error: &RedisError) -> String {
    format!("{NOT_A_URL}: {}", error.category())
}
