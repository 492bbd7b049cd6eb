//! The platform: everything that two or more services need, re-exported from its crates.
//!
//! A role of the server reads its [`settings`], starts [`telemetry`], prepares a [`Database`], a [`Cache`] and
//! [`identity::Accounts`], builds its generated router around them and hands it to [`http::serve`] as an
//! [`http::App`].

pub use platform_accounts::{Access, audit, identity};
pub use platform_admission as shares;
pub use platform_background::{Job, Jobs, backoff, first_failure, jittered, keep, restart_on_panic};
pub use platform_migrations::{migrate, privileges, verification};
pub use platform_openid as openid;
pub use platform_rate_limits::{Account, Guard, Limiter, Signups};
pub use platform_second_factors as second_factors;
pub use platform_serving::{Watch, service};
pub use platform_store::{
    Cache, CacheError, Columns, Database, Error, OnConstraint, PoolState, Reads, Result, Transaction, idempotency,
    microseconds, page, pair, read, slices, sql, sql_shapes,
};
pub use platform_telemetry::traces;

/// Settings of every service.
pub mod settings {
    pub use platform_migrations::RoleSettings;
    pub use platform_settings::*;
}

/// Logs of the process.
pub mod telemetry {
    use platform_admission::Sender;
    use platform_settings::{AppSettings, InvalidSettings, LogSettings};

    /// Starts logging for the whole process, of panics as well; lines get the ids of their request. Later calls do nothing.
    ///
    /// # Errors
    /// When the filter cannot be parsed.
    pub fn start(app: &AppSettings, settings: &LogSettings) -> Result<(), InvalidSettings> {
        platform_telemetry::logs::start(app, settings, Sender::in_log)
    }
}

/// HTTP serving, with its request and metrics types.
pub mod http {
    pub use platform_admission::Sender;
    pub use platform_serving::http::*;
    pub use platform_settings::Proxies;
    pub use platform_telemetry::{Metrics, counter, gauge};
}
