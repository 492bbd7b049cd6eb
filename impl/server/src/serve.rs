//! Serving: one service in a process, or all of them, each on a port of its own, until shutdown.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use platform::http::{self, App, Description, Readiness};
use platform::identity::Accounts;
use platform::service::{Context, Entry, Lifecycle, Parts, StartBackground, augment};
use platform::settings::{DatabaseSettings, Environment, RoleSettings, Settings};
use platform::{Access, Cache, Database, Limiter, Watch, migrate, telemetry, traces};
use services::SERVICES;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ports::Ports;

/// The command that serves everything.
pub(crate) const ALL: &str = "all";
/// Between two warnings about a database that is not migrated.
const MIGRATION_LOG_INTERVAL: Duration = Duration::from_secs(30);
/// How often a database that is not migrated is checked.
const MIGRATION_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// One service on one port.
#[derive(Debug, Args)]
struct OneArgs {
    /// Port to listen on; default: the service's own
    #[arg(long, env = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    settings: Settings,
}

/// Every service in one process, each on its own port.
#[derive(Debug, Args)]
struct AllArgs {
    #[command(flatten)]
    ports: Ports,
    #[command(flatten)]
    settings: Settings,
    /// With the passwords that `migrate` was given each service logs in as its own role, on connections of its own; else all of
    /// them as whom DATABASE_URL names.
    #[command(flatten)]
    logins: RoleSettings,
}

/// The command that serves a service.
pub(crate) fn command(service: &'static Entry) -> Command {
    let command = augment(OneArgs::augment_args(Command::new(service.name)), [service]);
    // After the settings, each group of which would describe the command.
    command.about(format!("Serve {}: {}", service.name, service.about.trim_end_matches('.'))).long_about(None)
}

/// The command that serves all of them.
pub(crate) fn command_all() -> Command {
    let command = augment(AllArgs::augment_args(Command::new(ALL)), SERVICES);
    command.about("Serve all services in one process, each on its own port").long_about(None)
}

/// Serves one service.
pub(crate) fn run(service: &'static Entry, matches: &ArgMatches) -> Result<ExitCode> {
    let args = OneArgs::from_arg_matches(matches)?;
    let port = args.port.unwrap_or(service.port);
    serve(&args.settings, &RoleSettings::default(), matches, service.name, &[(service, port)])
}

/// Serves every service.
pub(crate) fn run_all(matches: &ArgMatches) -> Result<ExitCode> {
    let args = AllArgs::from_arg_matches(matches)?;
    let services: Vec<_> = args.ports.services().collect();
    serve(&args.settings, &args.logins, matches, ALL, &services)
}

fn serve(
    settings: &Settings,
    logins: &RoleSettings,
    matches: &ArgMatches,
    process: &str,
    services: &[(&'static Entry, u16)],
) -> Result<ExitCode> {
    let environment = settings.validate()?;
    telemetry::start(&settings.app, &settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything that takes time, so that a signal during the start is not lost.
        let shutdown = http::shutdown_signal()?;
        traces::start(&settings.traces)?;
        let lifecycle = Lifecycle { stopping: CancellationToken::new(), answered: CancellationToken::new() };
        let (mut listening, mut background) = (Vec::new(), JoinSet::new());
        let logins = logins_of(settings, logins, process, services, environment)?;
        let first = logins.first().context("a process serves something")?.clone();
        let watch = Watch::new(&first.settings, &settings.redis, process)?;
        if let Some(reason) = watch.permanent_failure().await {
            return Err(anyhow!(reason));
        }
        for ((service, port), login) in services.iter().zip(&logins) {
            let (app, run) = app(service, settings, login, environment, &watch, matches)?;
            watch.register(app.metrics());
            listening.extend(listen(settings, &app, *port)?);
            background.spawn(run(lifecycle.clone()));
        }
        let end = lifecycle.stopping.clone();
        background.spawn(async move { watch.run(end).await });
        background.spawn(await_migrations(first.database.clone(), first.settings.place()?, lifecycle.stopping.clone()));
        http::serve(listening, &settings.http, shutdown, lifecycle.stopping.clone()).await;
        lifecycle.answered.cancel();
        background.join_all().await;
        for login in &logins {
            login.database.close().await;
        }
        traces::flush().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// A service ready to be served, and its background work.
fn app(
    service: &'static Entry,
    settings: &Settings,
    login: &Login,
    environment: Environment,
    watch: &Watch,
    matches: &ArgMatches,
) -> Result<(App, StartBackground)> {
    let Login { database, accounts, .. } = login.clone();
    let limiter = Limiter::new(&settings.http, &settings.redis.for_cache(), &settings.auth)?;
    let (limits, identity, jobs) = (limiter.clone(), accounts.clone(), accounts.jobs().clone());
    let access = Access { accounts, limiter };
    let context = Context { database: database.clone(), access, settings, environment };
    let Parts { router, jobs: own_jobs, shared, register, background } = service.build(context, matches)?;
    let needs = Readiness {
        database: Some(database),
        cache: Cache::new(&settings.redis, &format!("{}:", service.name))?,
        watch: Some(watch.clone()),
        jobs: [jobs].into_iter().chain(own_jobs).collect(),
    };
    let description = Description {
        service: settings.app.app_name.clone().unwrap_or_else(|| service.name.to_owned()),
        version: settings.app.app_version.clone().unwrap_or_else(|| service.version.to_owned()),
        document: service.document,
    };
    let app = App::new(description, router, &settings.http, needs);
    limits.register(app.metrics(), service.operations);
    identity.register(app.metrics());
    app.expect_operations(service.operations);
    app.expect_rejections(&shared);
    register(app.metrics());
    Ok((app, background))
}

fn listen(settings: &Settings, app: &App, port: u16) -> Result<Vec<(TcpListener, App)>> {
    let addresses = settings.exposure.bind_address.at(port).into_iter();
    addresses
        .map(|address| {
            let listener = http::listen(address).with_context(|| format!("cannot listen on {address}"))?;
            Ok((listener, app.clone()))
        })
        .collect()
}

/// A role of Postgres that services log in as. Clones share it.
#[derive(Clone)]
struct Login {
    settings: DatabaseSettings,
    database: Database,
    accounts: Accounts,
}

impl Login {
    fn new(settings: &Settings, database: DatabaseSettings, name: &str, environment: Environment) -> Result<Self> {
        let writes = Cache::new(&settings.redis, "writes:")?;
        let pools = Database::new(&database, name)?.with_replicas(&database, name, writes)?;
        let mut accounts = Accounts::start(pools.clone(), &database, &settings.auth, name)?;
        if environment.is_production() {
            accounts = accounts.for_production(&settings.auth);
        }
        Ok(Self { settings: database, database: pools, accounts })
    }
}

/// The login of each service: those without one of their own share one.
fn logins_of(
    settings: &Settings,
    own: &RoleSettings,
    process: &str,
    services: &[(&'static Entry, u16)],
    environment: Environment,
) -> Result<Vec<Login>> {
    let mut shared: Option<Login> = None;
    let mut logins = Vec::with_capacity(services.len());
    for (service, _) in services {
        logins.push(match (own.login(service.name, &settings.database)?, &shared) {
            (Some(database), _) => Login::new(settings, database, service.name, environment)?,
            (None, Some(login)) => login.clone(),
            (None, None) => {
                shared.insert(Login::new(settings, settings.database.clone(), process, environment)?).clone()
            }
        });
    }
    Ok(logins)
}

/// The error of a command, for the terminal: the database, and every cause.
pub(crate) fn plain(database: &DatabaseSettings, what: &str, error: &platform::Error) -> anyhow::Error {
    match database.place() {
        Ok(place) => anyhow!("cannot {what} the database at {place}: {}", error.in_plain_words()),
        Err(invalid) => invalid.into(),
    }
}

/// Logs, at once and repeatedly, that the database is not migrated: until then the process is not ready. Whether it can be
/// reached at all is logged by the watch.
async fn await_migrations(database: Database, place: String, end: CancellationToken) {
    let mut warned: Option<Instant> = None;
    loop {
        match migrate::is_current(&database).await {
            Ok(true) => return,
            Ok(false) if warned.is_none_or(|last| last.elapsed() > MIGRATION_LOG_INTERVAL) => {
                tracing::warn!(
                    server.address = place,
                    required_version = migrate::newest(),
                    "database not migrated, run `server migrate`"
                );
                warned = Some(Instant::now());
            }
            _ => {}
        }
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(MIGRATION_POLL_INTERVAL) => {}
        }
    }
}
