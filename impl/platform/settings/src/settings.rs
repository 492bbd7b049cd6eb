//! The settings of every serving role.

use clap::Args;

use crate::{
    AppSettings, AuthSettings, DatabaseSettings, Environment, ExposureSettings, HttpSettings, InvalidSettings,
    LogSettings, RedisSettings, TraceSettings, WebhookSettings,
};

/// What every serving role needs.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Name and version.
    #[command(flatten)]
    pub app: AppSettings,
    /// Kind of deployment and listening addresses.
    #[command(flatten)]
    pub exposure: ExposureSettings,
    /// HTTP server.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Postgres.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Redis.
    #[command(flatten)]
    pub redis: RedisSettings,
    /// Authentication.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
    /// Tracing.
    #[command(flatten)]
    pub traces: TraceSettings,
    /// Webhooks.
    #[command(flatten)]
    pub webhooks: WebhookSettings,
}

impl Settings {
    /// Validates what clap cannot: values that are allowed only together or only in development. Returns the environment whose
    /// defaults apply ([`ExposureSettings::effective`]).
    ///
    /// # Errors
    /// When development could be reached from other machines. In production, when `SECRET_KEY` is missing, shorter than 32 bytes,
    /// published in an example or regular, or when the password of Postgres or Redis is a well-known one; the same of
    /// `WEBHOOK_SECRET` if there is one; when the argon2 parameters are invalid together.
    pub fn validate(&self) -> Result<Environment, InvalidSettings> {
        let environment = self.exposure.effective()?;
        self.auth.validate(environment)?;
        self.database.validate(environment)?;
        self.redis.validate(environment)?;
        self.webhooks.validate(environment)?;
        Ok(environment)
    }
}
