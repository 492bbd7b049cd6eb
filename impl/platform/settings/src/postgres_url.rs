//! The one parser of Postgres' connection URLs (libpq's, 34.1.1.2 "Connection URIs"): every connection of every command is opened by what
//! it read. What it does not understand is an error: a misspelt `sslmode` must not end in an unencrypted connection.

use std::fs;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::InvalidSettings;
use crate::url_parts::{NOT_A_URL, decoded, encoded, pairs, parts};

/// Parameters that the driver applies.
const APPLIED: &[&str] = &["application_name", "dbname", "options", "statement-cache-capacity"];

/// Parameters whose effect is there anyway, or of which there is none to miss, with the values for which that is so (any, if there is none).
const WITHOUT_EFFECT: &[(&str, &[&str])] = &[
    ("channel_binding", &["disable", "prefer"]),
    ("client_encoding", &["utf8", "UTF8", "utf-8", "UTF-8", "auto"]),
    // Of the pool: DATABASE_ACQUIRE_TIMEOUT_MS.
    ("connect_timeout", &[]),
    ("fallback_application_name", &[]),
    ("gssencmode", &["disable", "prefer"]),
    ("keepalives", &[]),
    ("keepalives_count", &[]),
    ("keepalives_idle", &[]),
    ("keepalives_interval", &[]),
    // Every server is tried.
    ("load_balance_hosts", &["disable", "random"]),
    // Of asyncpg, by way of SQLAlchemy.
    ("prepared_statement_cache_size", &[]),
    ("sslcompression", &["0"]),
    ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ("sslsni", &["1"]),
    ("tcp_user_timeout", &[]),
];

/// Other names of parameters.
const ALIASES: &[(&str, &str)] = &[
    // asyncpg's.
    ("ssl", "sslmode"),
    ("ssl-mode", "sslmode"),
    ("ssl-root-cert", "sslrootcert"),
    ("ssl-ca", "sslrootcert"),
    ("ssl-cert", "sslcert"),
    ("ssl-key", "sslkey"),
];

/// How a PEM file begins.
const PEM: &[u8] = b"-----BEGIN";

/// What encrypts connections, and by what the server is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tls {
    mode: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// What a URL says.
pub(crate) struct PostgresUrl {
    /// The connection options of each server that it names, in its order; at least one.
    pub(crate) servers: Vec<PgConnectOptions>,
    /// Its user, if it has one.
    pub(crate) user: Option<String>,
    /// Empty when it has none.
    pub(crate) password: String,
}

/// A valid URL with another user and password, `user:password` percent-encoded.
pub(crate) fn with_login(url: &str, login: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgresql", url));
    let Ok((_, places, path, query)) = parts(rest) else { return url.to_owned() };
    let others = pairs(query).filter(|(name, _)| !matches!(*name, "user" | "password"));
    let others: Vec<_> = others.map(|(name, value)| format!("{name}={value}")).collect();
    let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    format!("{scheme}://{login}@{places}/{path}{query}")
}

/// Reads a URL; `setting` is where it comes from.
///
/// # Errors
/// When it is invalid, or asks for what cannot be had. The error does not repeat it.
pub(crate) fn parse(setting: &str, url: &str) -> Result<PostgresUrl, InvalidSettings> {
    parsed(url).map_err(|why| InvalidSettings(format!("{setting} {why}")))
}

/// The same, or why it is rejected.
fn parsed(url: &str) -> Result<PostgresUrl, String> {
    let rest = url.strip_prefix("postgresql://").or_else(|| url.strip_prefix("postgres://"));
    let rest = rest.ok_or("must begin with postgresql://")?;
    let (user, places, path, query) = parts(rest)?;
    let mut name =
        Some(decoded(user.split(':').next().unwrap_or_default())?.into_owned()).filter(|name| !name.is_empty());
    let mut password = decoded(user.split_once(':').map_or("", |(_, password)| password))?.into_owned();
    let (mut hosts, mut ports, mut parameters, mut tls) =
        (Vec::new(), Vec::new(), String::new(), Tls::of_environment());
    for (parameter, value) in pairs(query) {
        let (parameter, text) = (decoded(parameter)?, decoded(value)?);
        let parameter = ALIASES.iter().find(|(alias, _)| *alias == parameter).map_or(&*parameter, |(_, name)| *name);
        match parameter {
            "user" => name = Some(text.into_owned()),
            "host" => hosts = text.split(',').map(str::to_owned).collect(),
            "port" => ports = text.split(',').map(str::to_owned).collect(),
            "sslmode" => tls.mode = Some(text.into_owned()),
            "sslrootcert" => tls.root = Some(text.into_owned()),
            "sslcert" => tls.certificate = Some(text.into_owned()),
            "sslkey" => tls.key = Some(text.into_owned()),
            "target_session_attrs" => match &*text {
                // The one that accepts writes is looked for in any case.
                "any" | "read-write" | "primary" => {}
                other => {
                    return Err(format!(
                        "has target_session_attrs={other}: it is where writes go (any, read-write or primary)"
                    ));
                }
            },
            "password" => password = text.into_owned(),
            known if APPLIED.contains(&known) || known.starts_with("options[") => {
                parameters.push_str(&format!("&{}={value}", encoded(known)));
            }
            other => match WITHOUT_EFFECT.iter().find(|(known, _)| *known == other) {
                Some((_, values)) if values.is_empty() || values.contains(&&*text) => {}
                Some((_, values)) => {
                    return Err(format!("has {other}={text}, which is not supported: only {}", values.join(", ")));
                }
                None => return Err(format!("has the unknown parameter {other}")),
            },
        }
    }
    let servers = if hosts.is_empty() {
        places.split(',').map(str::to_owned).collect()
    } else {
        let port = |at: usize| if ports.len() == 1 { ports.first() } else { ports.get(at) };
        let with_port = hosts.iter().enumerate().map(|(at, host)| place(host, port(at).map(String::as_str)));
        with_port.collect::<Vec<_>>()
    };
    if hosts.is_empty() && !ports.is_empty() {
        parameters.push_str(&format!("&port={}", ports.join(",")));
    }
    let root = tls.root()?;
    let user = name.as_deref().map_or_else(String::new, |name| format!("{}@", encoded(name)));
    let parameters = parameters.trim_start_matches('&');
    let server = |server: &String| {
        let one = format!("postgresql://{user}{server}/{path}?{parameters}");
        let mut options: PgConnectOptions = one.parse().map_err(|_| NOT_A_URL)?;
        // The driver would look the brackets up as well.
        if let Some(address) = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            let address = address.to_owned();
            options = options.host(&address);
        }
        if !password.is_empty() {
            options = options.password(&password);
        }
        tls.apply(options, &root)
    };
    Ok(PostgresUrl { servers: servers.iter().map(server).collect::<Result<_, String>>()?, user: name, password })
}

/// As the part of a URL between `@` and `/`.
fn place(host: &str, port: Option<&str>) -> String {
    let host = match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => percent_encoding::utf8_percent_encode(host, HOST).to_string(),
    };
    port.filter(|port| !port.is_empty()).map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

/// What has to be escaped in a host: directories of sockets have slashes.
const HOST: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// The certificates that a server's is checked against.
enum Root {
    /// It is not checked.
    None,
    /// Those of this file, which is read again for each connection.
    File(String),
    /// The machine's.
    System,
}

impl Tls {
    /// libpq's defaults (34.15 "Environment Variables").
    fn of_environment() -> Self {
        let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self { mode: of("PGSSLMODE"), root: of("PGSSLROOTCERT"), certificate: of("PGSSLCERT"), key: of("PGSSLKEY") }
    }

    fn root(&self) -> Result<Root, String> {
        let root = self.root.as_ref().filter(|root| *root != "system");
        for (name, file) in
            [("sslcert", self.certificate.as_ref()), ("sslkey", self.key.as_ref()), ("sslrootcert", root)]
        {
            let Some(file) = file else { continue };
            let text = fs::read(file).map_err(|error| format!("has {name}={file}, which cannot be read: {error}"))?;
            if !text.windows(PEM.len()).any(|part| part == PEM) {
                return Err(format!("has {name}={file}, which is not a PEM file"));
            }
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Err("has one of sslcert and sslkey, which belong together".to_owned());
        }
        let has_files = self.root.is_some() || self.certificate.is_some();
        let is_verified = match self.mode.as_deref() {
            Some("verify-ca" | "verify-full") => true,
            None | Some("prefer" | "disable") if !has_files => false,
            // As libpq: whoever names the certificate wants it to be checked.
            Some("require") => self.root.is_some(),
            None | Some("prefer" | "disable") => {
                return Err(
                    "has certificates and an sslmode that may do without them: add sslmode=verify-full".to_owned()
                );
            }
            Some("allow") => {
                return Err("has sslmode=allow, which is not supported: use prefer or, better, verify-full".to_owned());
            }
            Some(other) => {
                return Err(format!(
                    "has sslmode={other}: it is one of disable, prefer, require, verify-ca, verify-full"
                ));
            }
        };
        match (&self.root, is_verified) {
            (_, false) => Ok(Root::None),
            (Some(file), true) if file != "system" => Ok(Root::File(file.clone())),
            // Otherwise whoever has any certificate at all would be believed.
            (_, true) if self.mode.as_deref() == Some("verify-full") => Ok(Root::System),
            (_, true) => {
                Err("has the machine's certificates as sslrootcert, which needs sslmode=verify-full".to_owned())
            }
        }
    }

    fn apply(&self, mut options: PgConnectOptions, root: &Root) -> Result<PgConnectOptions, String> {
        if !matches!(self.mode.as_deref(), Some("disable")) {
            crate::tls::use_one_provider();
        }
        options = match (self.mode.as_deref(), root) {
            (Some("verify-full"), _) => options.ssl_mode(PgSslMode::VerifyFull),
            (Some("verify-ca"), _) | (Some("require"), Root::File(_)) => options.ssl_mode(PgSslMode::VerifyCa),
            (Some("require"), _) => options.ssl_mode(PgSslMode::Require),
            (Some("disable"), _) => options.ssl_mode(PgSslMode::Disable),
            // Also where the driver would take another one from the environment.
            _ => options.ssl_mode(PgSslMode::Prefer),
        };
        options = match root {
            Root::None => options,
            Root::File(file) => options.ssl_root_cert(file),
            Root::System => options.ssl_root_cert_from_pem(
                crate::tls::of_machine().ok_or("has no sslrootcert, and this machine trusts no certificates")?.to_vec(),
            ),
        };
        Ok(match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => options.ssl_client_cert(certificate).ssl_client_key(key),
            _ => options,
        })
    }
}
