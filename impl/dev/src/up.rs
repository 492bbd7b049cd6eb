//! `up`: everything on this machine with one command. Private servers, migrations, one process per role of the server,
//! watched until Ctrl-C.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use backends::process::{self, Signal};
use backends::{Backends, Log, Options, write_private};

use crate::console::say;
use crate::port;
use crate::ports::flag;
use crate::signals::stop_flag;
pub(crate) use args::UpArgs;
use environment::{Env, Given};
use gateway::Gateway;
use logins::Logins;
use supervised::Supervised;

mod args;
mod connections;
mod database;
mod environment;
mod gateway;
mod logins;
mod monitoring;
mod replicas;
mod supervised;

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(50);
/// For the first successful probe of a role, after those of the roles before it.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Migrating a large database may take its time.
const MIGRATE_DEADLINE: Duration = Duration::from_secs(600);
/// From the request to stop until the roles are killed; a role's own deadline is shorter.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// Runs until a signal, or until something that cannot be mended.
pub(crate) fn run(args: &UpArgs) -> Result<ExitCode> {
    let stop = stop_flag()?;
    match serve(args, &stop) {
        // What fails while everything is being stopped failed because of that.
        Err(error) if !stop.load(Ordering::Relaxed) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn serve(args: &UpArgs, stop: &Arc<AtomicBool>) -> Result<()> {
    let begun = Instant::now();
    args.exposure().effective()?;
    let services = args
        .ports
        .services()
        .map(|(service, port)| (service.name.as_str(), port, format!("--{}", flag(service, "port"))));
    let gateway =
        (!args.gateway.no_gateway).then(|| ("gateway", args.gateway.gateway_port, "--gateway-port".to_owned()));
    for (name, port, flag) in services.chain(gateway).chain(args.monitoring.port()) {
        port::check(&args.bind, port)
            .map_err(|why| anyhow!("port {port} {why}; choose another one for {name} with {flag}"))?;
    }
    let gateway = Gateway::find(args)?;
    args.monitoring.find()?;
    let logs = args.dir.join("log");
    let env_file = args.dir.join("env");

    fs::create_dir_all(&args.dir).with_context(|| format!("cannot make {}", args.dir.display()))?;
    let given = Given::read(&args.dir);
    let given_database = given.database.clone();
    let mut backends = start_backends(args, &given, stop)?;
    // Other programs wait for it to appear: it must not speak of an earlier run.
    remove(&env_file)?;
    let mut env = environment::make(args, given, backends.as_ref())?;
    if gateway.is_some() {
        Gateway::introduce(args, &mut env);
    }
    if let Some(url) = &given_database
        && let Some(name) = database::make_if_missing(url)?
    {
        say(&format!("Created database {name}"));
    }
    if let Some(url) = given_database {
        connections::fit(args, &mut env, &url)?;
    }
    let logins = Logins::make(args, &env)?;
    migrate(&logs, &env, &logins, stop)?;
    let logins = logins.that_work()?;
    let mut roles = start_roles(args, gateway.as_ref(), &env, &logins, &logs)?;
    wait_until_ready(&mut roles, stop)?;
    write_private(&env_file, &environment::exports(args, &env))?;
    greet(args, begun.elapsed());

    while !stop.load(Ordering::Relaxed) {
        if let Some(backends) = &mut backends {
            match backends.revive() {
                Ok(revived) => revived.iter().for_each(|name| say(&format!("{name} exited; restarting"))),
                Err(error) => say(&format!("cannot restart a server: {error:#}")),
            }
        }
        roles.iter_mut().for_each(Supervised::watch);
        thread::sleep(TICK);
    }
    say("Stopping");
    remove(&env_file)?;
    supervised::stop(&mut roles, STOP_DEADLINE)?;
    backends.map_or(Ok(()), Backends::stop)
}

/// Starts whichever of the two servers no URL was given for.
fn start_backends(args: &UpArgs, given: &Given, stop: &Arc<AtomicBool>) -> Result<Option<Backends>> {
    let (postgres, redis) = (given.database.is_none(), given.redis.is_none());
    let what = match (postgres, redis) {
        (false, false) => return Ok(None),
        (true, false) => "Postgres",
        (false, true) => "Redis",
        (true, true) => "Postgres and Redis",
    };
    let dir = args.data_dir();
    say(&format!("Starting {what} in {}", dir.display()));
    let options = Options {
        source: args.backends,
        postgres,
        redis,
        fresh: args.fresh,
        connections: if postgres { connections::of_private(args) } else { 0 },
        interrupted: Arc::clone(stop),
        notice: say,
        ..Options::new(dir, &args.wheels)
    };
    Ok(Some(Backends::start(&options)?))
}

/// Runs `migrate` of the server.
fn migrate(logs: &Path, env: &Env, logins: &Logins, stop: &AtomicBool) -> Result<()> {
    let log = Log::open(logs, "migrate")?;
    let mut command = Command::new(supervised::server()?);
    command.arg("migrate").envs(env).envs(logins.passwords()).stdout(log.writer()?).stderr(log.writer()?);
    process::own_group(&mut command);
    process::die_with_us(&mut command, Signal::SIGTERM);
    let mut child = process::spawn(command)?;
    let deadline = Instant::now() + MIGRATE_DEADLINE;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("migrations failed ({status}):\n{}", log.tail()),
            None if stop.load(Ordering::Relaxed) || Instant::now() > deadline => {
                process::stop(&mut child, &[(Signal::SIGTERM, Duration::from_secs(5))])?;
                bail!("migrations were interrupted");
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Starts the gateway, which is the first to stop, and all replicas.
fn start_roles(
    args: &UpArgs,
    gateway: Option<&Gateway>,
    env: &Env,
    logins: &Logins,
    logs: &Path,
) -> Result<Vec<Supervised>> {
    let replicas = replicas::all(args)?;
    let mut plans: Vec<_> = gateway.map(|gateway| gateway.plan(args, &replicas)).into_iter().collect();
    plans.extend(monitoring::plan(args, &replicas));
    plans.extend(replicas.into_iter().map(|replica| replica.plan(env, logins, &args.bind)));
    plans.into_iter().map(|plan| Supervised::start(plan, logs)).collect()
}

fn wait_until_ready(roles: &mut [Supervised], stop: &AtomicBool) -> Result<()> {
    for role in roles {
        let deadline = Instant::now() + START_DEADLINE;
        while !role.is_ready()? {
            if stop.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            if Instant::now() > deadline {
                bail!("{} is not ready after {START_DEADLINE:?}:\n{}", role.name(), role.log().tail());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

fn greet(args: &UpArgs, took: Duration) {
    say(&format!("Ready in {:.1} s\n", took.as_secs_f32()));
    if let Some(url) = args.gateway_url() {
        let url = url.replace("127.0.0.1", "localhost");
        let prefixes = args.ports.services().filter_map(|(service, _)| service.prefix.as_deref());
        let pages: Vec<String> = prefixes.map(|prefix| format!("/{prefix}/docs")).collect();
        say(&format!("  {:<10} {url}   docs: {url}{}", "gateway", pages.join(", ")));
    }
    for (service, port) in args.ports.services() {
        let url = args.url(port).replace("127.0.0.1", "localhost");
        let what = if service.prefix.is_some() { "docs" } else { "health" };
        say(&format!("  {:<10} {url}   {url}/{what}", service.name));
    }
    if let Some((name, port, _)) = args.monitoring.port() {
        // It listens in one family only, and `localhost` may mean the other.
        say(&format!("  {name:<10} {}", args.url(port)));
    }
    if !args.production() {
        say("\n  Demo accounts: admin@example.com (password admin), user@example.com (password user).");
    }
    let dir = args.dir.display();
    say(&format!("  Environment: {dir}/env   Logs: {dir}/log   Ctrl-C stops everything.\n"));
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
