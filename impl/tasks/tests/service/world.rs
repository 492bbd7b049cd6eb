//! The environment of every test: the service on a real port, with everything that surrounds it in production, on a database of
//! its own with the demo data.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::openid::OpenId;
use platform::settings::{AuthSettings, Environment, OpenIdSettings};
use platform::{Database, Limiter};
use platform_account_mail::AccountMail;
use platform_mail::MailSettings;
use serde_json::{Value, json};
use tasks::{DeletionSettings, TasksService};
use testkit::{Answer, Client, TestDatabase, TestServer};
use tokio::time::timeout;

pub use testkit::pages::{id, ids};

pub const LOGIN: &str = "/api/v1/auth/login/access-token";
pub const ME: &str = "/api/v1/users/me";
pub const PASSWORD: &str = "correct horse";

/// The timeout of a condition that should become true.
pub const CONDITION_TIMEOUT: Duration = Duration::from_secs(20);

pub struct World {
    /// An unauthenticated client.
    pub nobody: Client,
    pub server: TestServer,
    // Last: the service's connections should be closed when the database is dropped.
    pub database: TestDatabase,
}

/// A logged-in user.
pub struct Person {
    pub id: i64,
    pub email: String,
    pub client: Client,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With flags of the HTTP settings.
    pub async fn with(flags: &[&str]) -> Self {
        let database = TestDatabase::new().await;
        let server = serve(&database, flags);
        Self { nobody: server.client(), server, database }
    }

    /// With providers to sign in with.
    pub async fn with_openid(openid: &OpenIdSettings) -> Self {
        let database = TestDatabase::new().await;
        let server = serve_with(&database, Limiter::off(), openid, &[]);
        Self { nobody: server.client(), server, database }
    }

    /// A new user, logged in. `name` becomes `name@example.com`.
    pub async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let account = json!({"email": email, "password": PASSWORD, "full_name": name});
        let id = id(&self.nobody.post("/api/v1/auth/signup", &account).await.expect(200));
        Person { id, client: self.login(&email, PASSWORD).await, email }
    }

    /// The demo superuser.
    pub async fn admin(&self) -> Client {
        self.login("admin@example.com", "admin").await
    }

    /// Sends as many concurrent requests as the service may have connections to Postgres, so that all are opened: on a busy
    /// machine that may take longer than the timeout of a request, which would fail a test that counts responses.
    pub async fn warm_up(&self, client: &Client) {
        loop {
            let nothing = json!({});
            let answers = join_all((0..12).map(|_| client.patch(ME, &nothing))).await;
            if answers.iter().all(|answer| answer.status == StatusCode::OK) {
                return;
            }
        }
    }

    pub async fn login(&self, email: &str, password: &str) -> Client {
        self.nobody.login(LOGIN, email, password).await
    }
}

impl Person {
    pub fn token(&self) -> &str {
        self.client.token().expect("a person is logged in")
    }

    /// A new project of this user, as in the response.
    pub async fn project(&self, title: &str) -> Value {
        self.client.post("/api/v1/projects", &json!({"title": title})).await.expect(201)
    }

    /// A new task in one of this user's projects; `fields` are added to it.
    pub async fn task(&self, project: &Value, title: &str, fields: Value) -> Value {
        let mut task = json!({"title": title, "project_id": project["id"]});
        task.as_object_mut().expect("an object").extend(fields.as_object().cloned().expect("fields are an object"));
        self.client.post("/api/v1/tasks", &task).await.expect(201)
    }
}

/// A service on a database, for work in the background.
pub fn service(database: &TestDatabase) -> TasksService {
    let settings = database.settings_of("tasks");
    let auth: AuthSettings = testkit::settings(&testkit::CHEAP);
    let db = Database::new(&settings, "tasks").expect("the URL is one");
    let accounts = Accounts::start(db.clone(), &settings, &auth, "tasks").expect("the settings are good");
    TasksService::plain(db, accounts, Limiter::off()).expect("the settings are good")
}

/// Another process of the service, as it were, on the same database, without rate limits, which few tests are about.
pub fn serve(database: &TestDatabase, flags: &[&str]) -> TestServer {
    serve_limited(database, Limiter::off(), flags)
}

/// The same with limits.
pub fn serve_limited(database: &TestDatabase, limiter: Limiter, flags: &[&str]) -> TestServer {
    serve_set(database, limiter, &OpenIdSettings::default(), &[], flags)
}

/// The same with providers to sign in with.
pub fn serve_with(database: &TestDatabase, limiter: Limiter, openid: &OpenIdSettings, flags: &[&str]) -> TestServer {
    serve_set(database, limiter, openid, &[], flags)
}

/// The same with flags of the identity settings.
pub fn serve_as(database: &TestDatabase, limiter: Limiter, identity: &[&str], flags: &[&str]) -> TestServer {
    serve_set(database, limiter, &OpenIdSettings::default(), identity, flags)
}

fn serve_set(
    database: &TestDatabase,
    limiter: Limiter,
    openid: &OpenIdSettings,
    identity: &[&str],
    flags: &[&str],
) -> TestServer {
    let settings = database.settings_of("tasks");
    let auth: AuthSettings = testkit::settings(&[&testkit::CHEAP, identity].concat());
    let db = Database::new(&settings, "tasks").expect("the URL is one");
    let accounts = Accounts::start(db.clone(), &settings, &auth, "tasks").expect("the settings are good");
    // In development, with files that nobody writes: requests for mail are only written down.
    let mail = AccountMail::new(db.clone(), accounts, &MailSettings::default(), Environment::Development);
    let mail = mail.expect("the settings are good");
    let needs = Readiness { database: Some(db.clone()), cache: None, ..Readiness::default() };
    let description = Description { service: "tasks".into(), version: "test".into(), document: tasks::DOCUMENT };
    let openid = OpenId::new(openid, db.clone()).expect("the settings are good");
    let service = TasksService::new(db, limiter, mail, openid, DeletionSettings::default());
    TestServer::start(description, tasks::router(Arc::new(service)), needs, flags)
}

/// Repeats a request until it gets this status: for changes that one process learns from another.
pub async fn until(client: &Client, path: &str, status: u16) {
    let ask = async { while client.get(path).await.status.as_u16() != status {} };
    timeout(CONDITION_TIMEOUT, ask).await.unwrap_or_else(|_| panic!("{path} never answers {status}"));
}

/// A number from the environment, for longer or different runs.
pub fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Any request with an optional JSON body.
pub async fn ask(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let method: Method = method.parse().expect("a method");
    let request = client.request(method, path);
    client
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

/// A path of the document with values for its parameters.
pub fn concrete(path: &str) -> String {
    path.replace("{user_id}", "1").replace("{project_id}", "1").replace("{task_id}", "1").replace("{status}", "Done")
}

/// `path` with a query; the values are encoded.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x").expect("a URL");
    url.query_pairs_mut().extend_pairs(pairs);
    format!("{path}?{}", url.query().unwrap_or_default())
}
