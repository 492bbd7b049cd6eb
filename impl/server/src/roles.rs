//! The roles that serve: each reads its settings, puts its service together and serves it until told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use analytics::{AnalyticsService, AnalyticsSettings};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use platform::http::{self, App, Description, Readiness};
use platform::identity::Accounts;
use platform::settings::{DatabaseSettings, Environment, RoleSettings, Settings};
use platform::{Cache, Database, Limiter, Watch, migrate, telemetry, traces};
use shop::ShopService;
use shop::pipeline::{Pipeline, ShopSettings};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::role::Role;

/// Between two words on a database that is not migrated.
const REMINDER: Duration = Duration::from_secs(30);

/// One role on one port.
#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// Port to listen on; the role's own when absent
    #[arg(long, env = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    settings: Settings,
}

/// A role of the shop on one port.
#[derive(Debug, Args)]
pub(crate) struct ShopArgs {
    #[command(flatten)]
    role: RoleArgs,
    #[command(flatten)]
    shop: ShopSettings,
}

/// The analytics role on one port.
#[derive(Debug, Args)]
pub(crate) struct AnalyticsArgs {
    #[command(flatten)]
    role: RoleArgs,
    #[command(flatten)]
    analytics: AnalyticsSettings,
}

/// What some roles need beside what all need.
#[derive(Debug, Clone, Copy, Default)]
struct Own<'a> {
    shop: Option<&'a ShopSettings>,
    analytics: Option<&'a AnalyticsSettings>,
    /// Of a process with several roles.
    logins: Option<&'a RoleSettings>,
}

/// Every role in one process, each on its own port.
#[derive(Debug, Args)]
pub(crate) struct AllArgs {
    /// Port of the tasks service
    #[arg(long, env = "TASKS_PORT", default_value_t = Role::Tasks.port())]
    tasks_port: u16,
    /// Port of the shop service
    #[arg(long, env = "SHOP_PORT", default_value_t = Role::Shop.port())]
    shop_port: u16,
    /// Port of the analytics service
    #[arg(long, env = "ANALYTICS_PORT", default_value_t = Role::Analytics.port())]
    analytics_port: u16,
    /// Port of the worker
    #[arg(long, env = "WORKER_PORT", default_value_t = Role::Worker.port())]
    worker_port: u16,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    shop: ShopSettings,
    #[command(flatten)]
    analytics: AnalyticsSettings,
    /// With the passwords that `migrate` was given each service logs in as its own role, on connections of its own; else all of
    /// them as whom DATABASE_URL names.
    #[command(flatten)]
    logins: RoleSettings,
}

/// Serves a role that needs no settings of its own.
pub(crate) fn run(role: Role, args: &RoleArgs) -> Result<ExitCode> {
    serve(&args.settings, Own::default(), role.name(), &[(role, args.port.unwrap_or(role.port()))])
}

/// Serves a role of the shop.
pub(crate) fn run_shop(role: Role, args: &ShopArgs) -> Result<ExitCode> {
    let port = args.role.port.unwrap_or(role.port());
    let own = Own { shop: Some(&args.shop), ..Own::default() };
    serve(&args.role.settings, own, role.name(), &[(role, port)])
}

/// Serves the analytics role.
pub(crate) fn run_analytics(args: &AnalyticsArgs) -> Result<ExitCode> {
    let own = Own { analytics: Some(&args.analytics), ..Own::default() };
    let (role, port) = (Role::Analytics, args.role.port.unwrap_or(Role::Analytics.port()));
    serve(&args.role.settings, own, role.name(), &[(role, port)])
}

/// Serves every role.
pub(crate) fn run_all(args: &AllArgs) -> Result<ExitCode> {
    let ports = [args.tasks_port, args.shop_port, args.analytics_port, args.worker_port];
    let own = Own { shop: Some(&args.shop), analytics: Some(&args.analytics), logins: Some(&args.logins) };
    serve(&args.settings, own, "all", &Role::ALL.into_iter().zip(ports).collect::<Vec<_>>())
}

fn serve(settings: &Settings, own: Own<'_>, process: &str, roles: &[(Role, u16)]) -> Result<ExitCode> {
    let environment = settings.validate()?;
    telemetry::start(&settings.app, &settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything that takes time, so that a signal during the start is not lost.
        let shutdown = http::shutdown_signal()?;
        traces::start(&settings.traces)?;
        let places = places(settings, own, process, roles, environment)?;
        let login = places.first().map_or(&settings.database, |(_, _, place)| &place.login);
        let watch = Watch::new(login, &settings.redis, process)?;
        let services = places
            .iter()
            .map(|(role, port, place)| {
                let app = app(*role, settings, place)?;
                watch.register(app.metrics());
                let addresses = settings.exposure.bind_address.at(*port).into_iter();
                let listen = |address| http::listen(address).with_context(|| format!("cannot listen on {address}"));
                addresses.map(|address| Ok((listen(address)?, app.clone()))).collect::<Result<Vec<_>>>()
            })
            .collect::<Result<Vec<Vec<(TcpListener, App)>>>>()?;
        let services = services.into_iter().flatten().collect();
        let mut background = Background::start(&places, &shutdown);
        let end = shutdown.clone();
        background.tasks.spawn(async move { watch.run(end).await });
        if let Some((_, _, place)) = places.first() {
            let waiting = await_migrations(place.database.clone(), place.login.place()?, shutdown.clone());
            background.tasks.spawn(waiting);
        }
        http::serve(services, &settings.http, shutdown).await;
        background.end().await;
        for (_, _, place) in &places {
            place.database.close().await;
        }
        traces::flush().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// What each role works with: those that have no login of their own share one place.
fn places(
    settings: &Settings,
    own: Own<'_>,
    process: &str,
    roles: &[(Role, u16)],
    environment: Environment,
) -> Result<Vec<(Role, u16, Place)>> {
    let login = |role: Role| own.logins.map_or(Ok(None), |logins| logins.login(role.name(), &settings.database));
    let logins = roles.iter().map(|(role, _)| login(*role)).collect::<Result<Vec<_>, _>>()?;
    let sharing: Vec<Role> =
        roles.iter().zip(&logins).filter(|(_, login)| login.is_none()).map(|((role, _), _)| *role).collect();
    let mut shared: Option<Place> = None;
    let mut places = Vec::with_capacity(roles.len());
    for ((role, port), login) in roles.iter().zip(logins) {
        let place = match login {
            Some(login) => Place::new(settings, login, own, role.name(), environment, &[*role])?,
            None => match &shared {
                Some(place) => place.clone(),
                None => {
                    let place = Place::new(settings, settings.database.clone(), own, process, environment, &sharing)?;
                    shared.insert(place).clone()
                }
            },
        };
        places.push((*role, *port, place));
    }
    Ok(places)
}

/// What a role works with. Clones are one.
#[derive(Clone)]
struct Place {
    login: DatabaseSettings,
    database: Database,
    accounts: Accounts,
    pipeline: Option<Pipeline>,
    views: Option<AnalyticsService>,
}

impl Place {
    fn new(
        settings: &Settings,
        login: DatabaseSettings,
        own: Own<'_>,
        name: &str,
        environment: Environment,
        roles: &[Role],
    ) -> Result<Self> {
        let database = Database::new(&login, name)?;
        let mut accounts = Accounts::start(database.clone(), &login, &settings.auth, name)?;
        if environment.is_production() {
            accounts = accounts.without_demo();
        }
        let cache = Cache::new(&settings.redis, "shop:")?;
        let of_the_shop = roles.iter().any(|role| matches!(role, Role::Shop | Role::Worker));
        let shop = own.shop.filter(|_| of_the_shop);
        let pipeline = shop.map(|shop| Pipeline::new(database.clone(), cache, shop));
        let cache = Cache::new(&settings.redis.for_cache(), "analytics:")?;
        let limiter = limiter(settings)?;
        let views = own.analytics.filter(|_| roles.contains(&Role::Analytics)).map(|own| {
            let (database, accounts) = (database.clone(), accounts.clone());
            AnalyticsService::new(database, accounts, limiter, cache, own, &settings.auth, environment)
        });
        Ok(Self { login, database, accounts, pipeline, views })
    }
}

/// What goes on beside answering requests.
struct Background {
    tasks: JoinSet<()>,
    answered: CancellationToken,
}

impl Background {
    fn start(places: &[(Role, u16, Place)], shutdown: &CancellationToken) -> Self {
        let (mut tasks, answered) = (JoinSet::new(), CancellationToken::new());
        for (role, _, place) in places {
            match (role, place.pipeline.clone(), place.views.clone()) {
                // Until the last request is answered: what it accepts is published.
                (Role::Shop, Some(pipeline), _) => {
                    let (closing, end) = (shutdown.clone(), answered.clone());
                    tasks.spawn(async move { pipeline.serve(closing, end).await });
                }
                (Role::Worker, Some(pipeline), _) => {
                    let end = shutdown.clone();
                    tasks.spawn(async move { pipeline.work(end).await });
                }
                (Role::Analytics, _, Some(views)) => {
                    let end = shutdown.clone();
                    tasks.spawn(async move { views.run(end).await });
                }
                _ => {}
            }
        }
        Self { tasks, answered }
    }

    async fn end(self) {
        self.answered.cancel();
        self.tasks.join_all().await;
    }
}

/// Of one service each: what it measures is about that service.
fn limiter(settings: &Settings) -> Result<Limiter> {
    Ok(Limiter::new(&settings.http, &settings.redis.for_cache(), &settings.auth)?)
}

fn app(role: Role, settings: &Settings, place: &Place) -> Result<App> {
    let Place { database, accounts, pipeline, views, .. } = place.clone();
    let cache = Cache::new(&settings.redis, &format!("{}:", role.name()))?;
    let mut jobs = vec![accounts.jobs().clone()];
    match role {
        Role::Shop | Role::Worker => jobs.extend(pipeline.as_ref().map(|pipeline| pipeline.jobs().clone())),
        Role::Analytics => jobs.extend(views.as_ref().map(|views| views.jobs().clone())),
        Role::Tasks => {}
    }
    let needs = Readiness { database: Some(database.clone()), cache, jobs };
    let of_the_shop = || pipeline.clone().context("a role of the shop has a pipeline");
    let of_analytics = || views.clone().context("the analytics role has its service");
    let limiter = limiter(settings)?;
    let limits = limiter.clone();
    let router = match role {
        Role::Tasks => tasks::router(Arc::new(tasks::TasksService::new(database, accounts, limiter))),
        Role::Shop => shop::router(Arc::new(ShopService::new(database, accounts, limiter, of_the_shop()?))),
        Role::Worker => axum::Router::new(),
        Role::Analytics => analytics::router(Arc::new(of_analytics()?)),
    };
    let description = Description {
        service: settings.app.app_name.clone().unwrap_or_else(|| role.name().to_owned()),
        version: settings.app.app_version.clone().unwrap_or_else(|| role.version()),
        document: role.document(),
    };
    let app = App::new(description, router, &settings.http, needs);
    match role {
        Role::Tasks => limits.register(app.metrics(), tasks::OPERATIONS),
        Role::Shop => limits.register(app.metrics(), shop::OPERATIONS),
        Role::Analytics => of_analytics()?.register(app.metrics()),
        Role::Worker => {}
    }
    app.metrics().expect_operations(match role {
        Role::Tasks => tasks::OPERATIONS,
        Role::Shop => shop::OPERATIONS,
        Role::Worker => &[],
        Role::Analytics => analytics::OPERATIONS,
    });
    if matches!(role, Role::Shop | Role::Worker) {
        of_the_shop()?.register(app.metrics());
    }
    Ok(app)
}

/// A failure of a command, for the person at the terminal: which database, and every cause.
pub(crate) fn plain(database: &DatabaseSettings, what: &str, error: &platform::Error) -> anyhow::Error {
    match database.place() {
        Ok(place) => anyhow!("cannot {what} the database at {place}: {}", error.in_plain_words()),
        Err(invalid) => invalid.into(),
    }
}

/// Tells whoever reads the log, at once and now and then, that nobody has migrated the database: until then the process is not
/// ready. Whether it can be reached at all is told by the watch.
async fn await_migrations(database: Database, place: String, end: CancellationToken) {
    let mut told: Option<Instant> = None;
    loop {
        match migrate::is_current(&database).await {
            Ok(true) => return,
            Ok(false) if told.is_none_or(|last| last.elapsed() > REMINDER) => {
                tracing::warn!(place, wanted = migrate::newest(), "the database is not migrated: run `server migrate`");
                told = Some(Instant::now());
            }
            _ => {}
        }
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
    }
}
