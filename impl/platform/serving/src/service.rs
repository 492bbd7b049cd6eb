//! A service as a value: all that the server has to know of it to run it.
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

/// What a service is built from: its connections, and who may call it.
pub struct Context<'a> {
    /// Its pools, logged in as its own role of Postgres.
    pub database: Database,
    /// Who may call, and how often.
    pub access: Access,
    /// What every service is told.
    pub settings: &'a Settings,
    /// What kind of deployment this is.
    pub environment: Environment,
}

impl Context<'_> {
    /// A Redis for what must not be lost while it works, with keys that begin with `prefix`; nothing without a Redis.
    ///
    /// # Errors
    /// When its URL is none of Redis.
    pub fn queue(&self, prefix: &str) -> Result<Option<Cache>, InvalidSettings> {
        Cache::new(&self.settings.redis, prefix)
    }

    /// A Redis for what may be thrown away at any time, with keys that begin with `prefix`; nothing without a Redis.
    ///
    /// # Errors
    /// When its URL is none of Redis.
    pub fn cache(&self, prefix: &str) -> Result<Option<Cache>, InvalidSettings> {
        Cache::new(&self.settings.redis.for_cache(), prefix)
    }
}

/// What goes on beside requests, from the start of a process to its end.
pub type Background = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts what goes on beside requests.
pub type StartBackground = Box<dyn FnOnce(Lifecycle) -> Background>;

/// When a process ends.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    /// It is told to stop: new work is left to others.
    pub stopping: CancellationToken,
    /// The last request is answered: what was accepted is complete.
    pub answered: CancellationToken,
}

/// A service ready to run.
pub struct Parts {
    /// Its operations; none of a background role.
    pub router: Router,
    /// What its background jobs tell of themselves.
    pub jobs: Vec<Jobs>,
    /// Adds what it measures.
    pub register: Box<dyn FnOnce(&Metrics)>,
    /// What goes on beside requests.
    pub background: StartBackground,
}

impl Parts {
    /// A service that only answers requests.
    pub fn of(router: Router) -> Self {
        Self {
            router,
            jobs: Vec::new(),
            register: Box::new(|_| ()),
            background: Box::new(|_| Box::pin(std::future::ready(()))),
        }
    }

    /// With jobs, of which readiness and measurements tell.
    #[must_use]
    pub fn with_jobs(mut self, jobs: Jobs) -> Self {
        self.jobs.push(jobs);
        self
    }

    /// With measurements of its own.
    #[must_use]
    pub fn with_metrics(mut self, register: impl FnOnce(&Metrics) + 'static) -> Self {
        self.register = Box::new(register);
        self
    }

    /// With what goes on beside requests.
    #[must_use]
    pub fn with_background<F>(mut self, run: impl FnOnce(Lifecycle) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.background = Box::new(|lifecycle| Box::pin(run(lifecycle)));
        self
    }
}

/// A role of the server: a service with operations, or one that only works in the background.
pub trait Service: Sized + 'static {
    /// Settings beside those that all services have.
    type Settings: Args;

    /// Builds it. Nothing has been asked of the database yet: it may not be there.
    ///
    /// # Errors
    /// Settings that cannot be.
    fn build(context: Context<'_>, settings: &Self::Settings) -> Result<Parts, InvalidSettings>;

    /// Checks its data for `server verify`. A background role leaves that to the service it works for.
    ///
    /// # Errors
    /// When the database cannot be asked.
    fn verify(_: &Verification<'_>) -> impl Future<Output = Result<Vec<Checked>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
}

/// No settings beside those that all services have.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct NoSettings {}

/// Where the data are that are to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Verification<'a> {
    /// The database.
    pub database: &'a DatabaseSettings,
    /// Redis.
    pub redis: &'a RedisSettings,
    /// Nothing is being done: nothing may be left to do either.
    pub at_rest: bool,
}

type Verify = for<'a> fn(&'a Verification<'a>) -> Pin<Box<dyn Future<Output = Result<Vec<Checked>>> + 'a>>;

/// A service in the list of all.
pub struct Entry {
    /// Its name: of the subcommand, the job in Prometheus, the role in Postgres.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// The version of what it serves: `info.version` of its document.
    pub version: &'static str,
    /// The port it listens on unless told otherwise; a background role only tells there how it is.
    pub port: u16,
    /// What its paths begin with at the gateway; nothing for a background role, which is not behind it.
    pub prefix: Option<&'static str>,
    /// Its OpenAPI document, as JSON.
    pub document: &'static str,
    /// Its operations.
    pub operations: &'static [&'static Operation],
    /// What its settings are, so that those that two roles share are asked for once.
    settings: fn() -> TypeId,
    augment: fn(Command) -> Command,
    build: fn(Context<'_>, &ArgMatches) -> Result<Parts, InvalidSettings>,
    verify: Verify,
}

impl Entry {
    /// An entry for a service, with what its document says.
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

    /// Builds the service, its settings taken from what [`augment`] put into a command.
    ///
    /// # Errors
    /// Settings that cannot be.
    pub fn build(&self, context: Context<'_>, matches: &ArgMatches) -> Result<Parts, InvalidSettings> {
        (self.build)(context, matches)
    }

    /// Makes its checks.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn verify(&self, verification: &Verification<'_>) -> Result<Vec<Checked>> {
        (self.verify)(verification).await
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Entry").field("name", &self.name).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Adds the settings of services to a command, those that several have once.
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
