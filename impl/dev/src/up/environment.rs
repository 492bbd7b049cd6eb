//! What the roles are told through their environment, and other programs through a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use backends::{Backends, random_hex, write_private};
use clap::{Args, FromArgMatches};
use platform::settings::{DatabaseSettings, ExposureSettings, variable};
use secrecy::ExposeSecret;

use super::args::{PRODUCTION, UpArgs};

/// Environment variables, beside those we were given ourselves.
pub(crate) type Env = BTreeMap<String, String>;

/// The servers our own environment names, which are then used instead of private ones.
pub(crate) struct Given {
    /// By a URL or by its parts.
    pub(crate) database: Option<String>,
    /// Empty when it says that no Redis is to be used.
    pub(crate) redis: Option<String>,
}

impl Given {
    /// Leaves out the private servers below `dir`: whoever sourced the file of an earlier run names those, and they are not
    /// there until we start them.
    pub(crate) fn read(dir: &Path) -> Self {
        let folders = [dir.to_owned(), dir.join(PRODUCTION)];
        let others = |url: &String| !folders.iter().any(|folder| backends::is_private(folder, url));
        Self { database: database().filter(&others), redis: std::env::var("REDIS_URL").ok().filter(others) }
    }
}

fn database() -> Option<String> {
    given("DATABASE_URL").or_else(|| given("POSTGRES_SERVER"))?;
    let matches = DatabaseSettings::augment_args(clap::Command::new("up")).get_matches_from(["up"]);
    let settings = DatabaseSettings::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Some(settings.url().expose_secret().to_owned())
}

/// A variable that was set to something.
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What every role is told beside what we were told ourselves.
pub(crate) fn make(args: &UpArgs, given_servers: Given, backends: Option<&Backends>) -> Result<Env> {
    // Only the clients themselves know of these processes, so there is nobody to wait for before stopping.
    let mut env = exposure(args);
    env.insert("SHUTDOWN_DRAIN_MS".to_owned(), "0".to_owned());
    let database = given_servers.database.or_else(|| backends.and_then(Backends::database_url));
    env.insert("DATABASE_URL".to_owned(), database.context("there is a database, ours or a given one")?);
    let redis = given_servers.redis.or_else(|| backends.and_then(Backends::redis_url));
    env.insert("REDIS_URL".to_owned(), redis.unwrap_or_default());
    let key = given("SECRET_KEY").map_or_else(|| secret(&args.dir.join("secret")), Ok)?;
    env.insert("SECRET_KEY".to_owned(), key);
    if given("LOG_FORMAT").is_none() && !args.production() {
        env.insert("LOG_FORMAT".to_owned(), "text".to_owned());
    }
    Ok(env)
}

/// Who may reach a process.
pub(crate) fn exposure(args: &UpArgs) -> Env {
    let ExposureSettings { environment, public_development, bind_address } = args.exposure();
    Env::from(
        [
            ("ENVIRONMENT", environment.to_string()),
            ("PUBLIC_DEVELOPMENT", public_development.to_string()),
            ("BIND_ADDRESS", bind_address.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// A secret, made once and kept: what was signed with it outlives a restart.
pub(crate) fn secret(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(secret) if !secret.trim().is_empty() => Ok(secret.trim().to_owned()),
        _ => {
            let secret = random_hex()?;
            write_private(path, &secret)?;
            Ok(secret)
        }
    }
}

/// The file other programs source: where everything is, and the key that signs tokens.
pub(crate) fn exports(args: &UpArgs, env: &Env) -> String {
    let stores = ["DATABASE_URL", "REDIS_URL", "SECRET_KEY"].into_iter();
    let stores = stores.filter_map(|name| Some((name.to_owned(), env.get(name)?.clone())));
    let services = args.ports.services().map(|(service, port)| (variable(&service.name, "URL"), args.url(port)));
    let gateway = args.gateway_url().map(|url| ("GATEWAY_URL".to_owned(), url));
    let line = |(name, value): (String, String)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"));
    stores.chain(services).chain(gateway).map(line).collect()
}
