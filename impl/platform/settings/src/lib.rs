//! Settings: flags, the environment and `.env`, in this order of precedence; `--help` is their documentation.
//!
//! Each group is a clap `Args` of its own, so that a role flattens only what it uses. Values that must stay secret
//! are wrapped: neither `Debug` nor `--help` shows them.

mod app;
mod auth;
mod consoles;
mod database;
mod dotenv;
mod exposure;
mod http;
mod invalid;
mod openid;
mod postgres_url;
mod proxies;
mod redis;
mod redis_url;
mod reloaded;
mod renamed;
mod second_factors;
mod secret;
mod secret_file;
mod secret_files;
mod secrets;
mod settings;
mod tls;
mod traces;
mod url_parts;
mod webhooks;

pub use app::{AppSettings, LogFormat, LogSettings};
pub use auth::{Algorithm, AuthSettings, PasswordPolicy, SessionLifetimes, each_line};
pub use consoles::ConsoleSettings;
pub use database::DatabaseSettings;
pub use dotenv::load_dotenv;
pub use exposure::{Bind, Environment, ExposureSettings};
pub use http::{Contract, HttpSettings, Origins, RateLimits};
pub use invalid::InvalidSettings;
pub use openid::{OpenIdProvider, OpenIdSettings};
pub use proxies::Proxies;
pub use redis::RedisSettings;
pub use redis_url::RedisPlace;
pub use reloaded::Reloaded;
pub use second_factors::SecondFactorSettings;
pub use secret::{Secret, SecretParser, given};
pub use secret_file::SecretFileState;
pub use secret_files::states as secret_file_states;
pub use secrets::is_known_password;
pub use settings::Settings;
pub use traces::TraceSettings;
pub use webhooks::{Targets, WebhookSettings};

/// The environment variable of a service or role: `tasks`, `PORT` is `TASKS_PORT`.
pub fn variable(service: &str, setting: &str) -> String {
    format!("{}_{setting}", service.to_uppercase().replace('-', "_"))
}
