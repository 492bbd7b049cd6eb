//! A service as a value: everything the server has to know to run it.
//!
//! A crate implements [`Service`] for each process role that it brings; the generated crate `services` lists them as [`Entry`]s,
//! from what the documents say in `x-service`. Nothing else names a service.

use std::any::TypeId;
use std::fmt;
use std::pin::Pin;

use axum::Router;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use contract::Operation;
use platform_accounts::Access;
use platform_background::Jobs;
use platform_migrations::verification::Checked;
use platform_settings::{DatabaseSettings, Environment, InvalidSettings, RedisSettings, Settings};
use platform_store::{Cache, Database, Result};
use platform_telemetry::Metrics;
use tokio_util::sync::CancellationToken;

/// What a service is built from.
pub struct Context<'a> {
    /// Its connection pools, with its own role of Postgres.
    pub database: Database,
    /// Authentication and rate limits.
    pub access: Access,
    /// The settings of every service.
    pub settings: &'a Settings,
    /// The environment.
    pub environment: Environment,
}

impl Context<'_> {
    /// A Redis for data that must not be evicted, with keys that begin with `prefix`; `None` without a Redis.
    ///
    /// # Errors
    /// When its URL is invalid.
    pub fn queue(&self, prefix: &str) -> Result<Option<Cache>, InvalidSettings> {
        Cache::new(&self.settings.redis, prefix)
    }

    /// A Redis for data that may be evicted at any time, with keys that begin with `prefix`; `None` without a Redis.
    ///
    /// # Errors
    /// When its URL is invalid.
    pub fn cache(&self, prefix: &str) -> Result<Option<Cache>, InvalidSettings> {
        Cache::new(&self.settings.redis.for_cache(), prefix)
    }
}

/// Background work, from the start of a process to its end.
pub type Background = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts background work.
pub type StartBackground = Box<dyn FnOnce(Lifecycle) -> Background>;

/// The stages of a shutdown.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    /// The process is shutting down and has been without new requests: no new background work is begun. Not earlier, since balancers
    /// send requests for a while after SIGTERM, and streams that were closed would come back to this process.
    pub stopping: CancellationToken,
    /// The last request is complete: everything that was accepted has been handed over.
    pub answered: CancellationToken,
}

/// A service ready to run.
pub struct Parts {
    /// Its operations; empty for a background role.
    pub router: Router,
    /// Its background jobs, for readiness and metrics.
    pub jobs: Vec<Jobs>,
    /// Resources of its own of which each client may hold a share: what it calls [`too_many`](platform_admission::too_many) with.
    pub shared: Vec<&'static str>,
    /// Registers its metrics.
    pub register: Box<dyn FnOnce(&Metrics)>,
    /// Its background work.
    pub background: StartBackground,
}

impl Parts {
    /// A service without background work.
    pub fn of(router: Router) -> Self {
        Self {
            router,
            jobs: Vec::new(),
            shared: Vec::new(),
            register: Box::new(|_| ()),
            background: Box::new(|_| Box::pin(std::future::ready(()))),
        }
    }

    /// Adds jobs, which are part of readiness and metrics.
    #[must_use]
    pub fn with_jobs(mut self, jobs: Jobs) -> Self {
        self.jobs.push(jobs);
        self
    }

    /// Adds a resource of its own of which each client may hold a share.
    #[must_use]
    pub fn with_shared_resource(mut self, resource: &'static str) -> Self {
        self.shared.push(resource);
        self
    }

    /// Adds metrics of its own.
    #[must_use]
    pub fn with_metrics(mut self, register: impl FnOnce(&Metrics) + 'static) -> Self {
        self.register = Box::new(register);
        self
    }

    /// Adds background work.
    #[must_use]
    pub fn with_background<F>(mut self, run: impl FnOnce(Lifecycle) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.background = Box::new(|lifecycle| Box::pin(run(lifecycle)));
        self
    }
}

/// A role of the server: a service with operations, or a role that works in the background only.
pub trait Service: Sized + 'static {
    /// Settings in addition to those that all services have.
    type Settings: Args;

    /// Builds the service. Nothing was read from the database yet: it may be unavailable.
    ///
    /// # Errors
    /// Invalid settings.
    fn build(context: Context<'_>, settings: &Self::Settings) -> Result<Parts, InvalidSettings>;

    /// Checks its data for `server verify`. A background role leaves that to its service.
    ///
    /// # Errors
    /// When the database is unavailable.
    fn verify(_: &Verification<'_>) -> impl Future<Output = Result<Vec<Checked>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
}

/// No settings in addition to those that all services have.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct NoSettings {}

/// The data stores to be verified.
#[derive(Debug, Clone, Copy)]
pub struct Verification<'a> {
    /// The database.
    pub database: &'a DatabaseSettings,
    /// Redis.
    pub redis: &'a RedisSettings,
    /// Whether the system is quiescent: then no pending work may be left either.
    pub at_rest: bool,
}

type Verify = for<'a> fn(&'a Verification<'a>) -> Pin<Box<dyn Future<Output = Result<Vec<Checked>>> + 'a>>;

/// A service in the list of all services.
pub struct Entry {
    /// Its name: of the subcommand, the job in Prometheus, the role in Postgres.
    pub name: &'static str,
    /// Its description, one sentence.
    pub about: &'static str,
    /// The version of what it serves: `info.version` of its document.
    pub version: &'static str,
    /// The default port; a background role serves only health and metrics there.
    pub port: u16,
    /// The path prefix at the gateway; `None` for a background role, which is not behind it.
    pub prefix: Option<&'static str>,
    /// Its OpenAPI document, as JSON.
    pub document: &'static str,
    /// Its operations.
    pub operations: &'static [&'static Operation],
    /// The type of its settings, so that roles that share them define the flags once.
    settings: fn() -> TypeId,
    augment: fn(Command) -> Command,
    build: fn(Context<'_>, &ArgMatches) -> Result<Parts, InvalidSettings>,
    verify: Verify,
}

impl Entry {
    /// The entry of a service, with the data of its document.
    pub const fn of<S: Service>(
        name: &'static str,
        about: &'static str,
        version: &'static str,
        port: u16,
        prefix: Option<&'static str>,
        document: &'static str,
        operations: &'static [&'static Operation],
    ) -> Self {
        Self {
            name,
            about,
            version,
            port,
            prefix,
            document,
            operations,
            settings: TypeId::of::<S::Settings>,
            augment: S::Settings::augment_args,
            build: |context, matches| {
                let settings = S::Settings::from_arg_matches(matches);
                S::build(context, &settings.map_err(|error| InvalidSettings(error.to_string()))?)
            },
            verify: |verification| Box::pin(S::verify(verification)),
        }
    }

    /// Builds the service, with the settings that [`augment`] added to a command.
    ///
    /// # Errors
    /// Invalid settings.
    pub fn build(&self, context: Context<'_>, matches: &ArgMatches) -> Result<Parts, InvalidSettings> {
        (self.build)(context, matches)
    }

    /// Runs its checks.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn verify(&self, verification: &Verification<'_>) -> Result<Vec<Checked>> {
        (self.verify)(verification).await
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Entry").field("name", &self.name).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Adds the settings of services to a command, shared ones once.
pub fn augment<'a>(mut command: Command, services: impl IntoIterator<Item = &'a Entry>) -> Command {
    let mut known = Vec::new();
    for service in services {
        let settings = (service.settings)();
        if !known.contains(&settings) {
            known.push(settings);
            command = (service.augment)(command);
        }
    }
    command
}
