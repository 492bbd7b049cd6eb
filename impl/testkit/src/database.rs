//! A database for every test: a copy of a migrated template, dropped when the test ends.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use platform::migrate;
use platform::privileges::{ROLES, role_of};
use platform::settings::{DatabaseSettings, Environment, RoleSettings};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use uuid::Uuid;

use crate::settings::read;

/// Serializes the creation of the template by tests of all processes.
const LOCK: &str = "SELECT pg_advisory_lock(7305423198540022)";

/// No test takes this long: older databases are left over.
const MAX_DATABASE_AGE: Duration = Duration::from_secs(600);

/// A new, migrated database with the demo data.
///
/// Tests that connect to it run on a multi-threaded runtime: dropping it blocks the thread of the test, and `DROP DATABASE`
/// waits for every connection that is logging in, for up to a minute.
pub struct TestDatabase {
    name: String,
    url: String,
    admin: PgConnectOptions,
}

impl TestDatabase {
    /// A new database on the server of `DATABASE_URL`.
    ///
    /// # Panics
    /// When there is no such server: these tests need a real Postgres.
    pub async fn new() -> Self {
        Self::copy_of(Some(&template().await)).await
    }

    /// A new, empty database without tables.
    ///
    /// # Panics
    /// As [`TestDatabase::new`].
    pub async fn empty() -> Self {
        Self::copy_of(None).await
    }

    async fn copy_of(template: Option<&str>) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let from = template.unwrap_or("template0");
        let mut admin = connect().await;
        admin
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {from}")))
            .await
            .expect("a database can be created");
        Self { url: url_of(&name), name, admin: server() }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Settings of this database, with a longer timeout than the default; everything else has its default.
    pub fn settings(&self) -> DatabaseSettings {
        settings(&self.url)
    }

    /// The same with the role of a service, which has the privileges of the service only; with the owner where the server does
    /// not allow us to create roles.
    pub fn settings_of(&self, service: &str) -> DatabaseSettings {
        if *ROLES_MADE.get().unwrap_or(&false) {
            let url = self.settings().url_as(|owner| role_of(owner, service), &role_password(service));
            if let Some(url) = url {
                return settings(url.expose_secret());
            }
        }
        self.settings()
    }

    /// Environment variables with which a process of several services logs in as the role of each; none where the server does not
    /// allow us to create roles.
    pub fn role_passwords(&self) -> Vec<(String, String)> {
        let roles = if *ROLES_MADE.get().unwrap_or(&false) { ROLES } else { &[] };
        roles.iter().map(|(role, _)| (RoleSettings::variable(role), role_password(role))).collect()
    }

    /// A connection for statements that a service would not run.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the test's database answers")
    }

    /// Another database takes its name, as after a restore: open connections break, and new ones lead to the other. That one is called by
    /// the old name of this one then.
    ///
    /// # Panics
    /// When databases cannot be renamed.
    pub async fn replace(&self, by: &Self) {
        let mut admin = connect().await;
        let away = format!("draft_{}", Uuid::now_v7().simple());
        for (from, to) in [(&self.name, &away), (&by.name, &self.name), (&away, &by.name)] {
            run(&mut admin, format!("ALTER DATABASE {from} ALLOW_CONNECTIONS false")).await;
            run(&mut admin, format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'"))
                .await;
            run(&mut admin, format!("ALTER DATABASE {from} RENAME TO {to}")).await;
            run(&mut admin, format!("ALTER DATABASE {to} ALLOW_CONNECTIONS true")).await;
        }
    }

    /// Runs statements, separated by semicolons.
    ///
    /// # Panics
    /// When one fails.
    pub async fn execute(&self, sql: &str) {
        self.connect().await.execute(AssertSqlSafe(sql.to_owned())).await.expect("the statement runs");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (name, admin) = (self.name.clone(), self.admin.clone());
        // A test's runtime may have ended already; a thread has one of its own.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async { drop_database(&mut admin.connect().await.ok()?, &name).await.ok() })
        });
        let _ = dropped.join();
    }
}

/// Drops a database, with a timeout: a connection that was being opened when the test's runtime stopped would block this for a
/// minute. What remains is swept by a later run.
async fn drop_database(admin: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    admin.execute("SET statement_timeout = '2s'").await?;
    admin.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
    Ok(())
}

/// Drops databases of killed test runs: those created more than ten minutes ago.
async fn sweep() {
    const LEFT: &str = "SELECT datname FROM pg_database WHERE datname ~ '^(test|draft)_[0-9a-f]{32}$'";
    let mut admin = connect().await;
    let names: Vec<String> = sqlx::query_scalar(LEFT).fetch_all(&mut admin).await.unwrap_or_default();
    for name in names {
        let made = name.split('_').nth(1).and_then(|id| Uuid::parse_str(id).ok()).and_then(|id| id.get_timestamp());
        let Some((seconds, _)) = made.map(|made| made.to_unix()) else { continue };
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        if age.is_ok_and(|age| age > MAX_DATABASE_AGE) {
            let _ = drop_database(&mut admin, &name).await;
        }
    }
}

/// The name of the migrated database that others are copies of; created by the first test.
async fn template() -> String {
    static TEMPLATE: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let name = format!("test_template_{}_{:x}", migrate::newest(), fingerprint());
            let mut admin = connect().await;
            admin.execute(LOCK).await.expect("the lock is free in the end");
            sweep().await;
            let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(&name)
                .fetch_one(&mut admin)
                .await
                .expect("the server answers");
            if !known {
                // Under another name until it is complete: a killed test run leaves no incomplete template.
                let draft = format!("draft_{}", Uuid::now_v7().simple());
                run(&mut admin, format!("CREATE DATABASE {draft} TEMPLATE template0")).await;
                let (database, roles) = (settings(&url_of(&draft)), role_settings());
                let made = migrate::run_with_roles(&database, Environment::Development, &roles).await;
                made.expect("the migrations apply");
                run(&mut admin, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
            }
            const MADE: &str = "SELECT count(*) = $1 FROM pg_roles WHERE rolcanlogin AND rolname = ANY \
                (SELECT current_user || '_' || service FROM unnest($2::text[]) service)";
            let names: Vec<&str> = ROLES.iter().map(|(role, _)| *role).collect();
            let made: bool = sqlx::query_scalar(MADE)
                .bind(i64::try_from(names.len()).expect("a few"))
                .bind(&names)
                .fetch_one(&mut admin)
                .await
                .expect("the server answers");
            let _ = ROLES_MADE.set(made);
            name
        })
        .await
        .clone()
}

/// Whether the services' roles exist.
static ROLES_MADE: OnceLock<bool> = OnceLock::new();

/// A password for each role, the same in every process of a test run, derived from the server's.
fn role_password(service: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(format!("{} {service}", server_url()));
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn role_settings() -> RoleSettings {
    let flags: Vec<String> =
        ROLES.iter().flat_map(|(role, _)| [format!("--{role}-database-password"), role_password(role)]).collect();
    read(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Distinguishes templates of different migrations, also when only their text differs.
fn fingerprint() -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    migrate::texts().hash(&mut hasher);
    hasher.finish()
}

async fn run(admin: &mut PgConnection, sql: String) {
    // The migrating connection may need a moment to close.
    for _ in 0..50 {
        match admin.execute(AssertSqlSafe(sql.clone())).await {
            Ok(_) => return,
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55006") => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{sql}: {error}"),
        }
    }
    panic!("{sql}: the database stays in use");
}

async fn connect() -> PgConnection {
    server().connect().await.expect("the Postgres that DATABASE_URL names answers")
}

fn server() -> PgConnectOptions {
    server_url().parse().expect("DATABASE_URL is a Postgres URL")
}

fn server_url() -> String {
    std::env::var("TEST_DATABASE_URL")
        .or_else(|_| std::env::var("DATABASE_URL"))
        .expect("DATABASE_URL must name a Postgres to test with; `./test.sh tests` starts one")
}

/// The server's URL with another database.
fn url_of(database: &str) -> String {
    let url = server_url();
    let (rest, query) = url.split_once('?').map_or((url.as_str(), None), |(rest, query)| (rest, Some(query)));
    let authority = rest.find("//").map_or(0, |at| at + 2);
    let end = rest[authority..].find('/').map_or(rest.len(), |at| authority + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &rest[..end])
}

fn settings(url: &str) -> DatabaseSettings {
    // On a machine with a busy CPU a slow request should be slow, not rejected.
    read(&["--database-url", url, "--database-acquire-timeout-ms", "8000"])
}
