//! A service as the server runs it, on a database of its own with the demo data.

use axum::Router;
use contract::StorageQuota;
use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::service::{Context, Lifecycle, Parts, Service};
use platform::settings::{Environment, Settings};
use platform::{Access, Database, Guard, Limiter, Signups};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::settings::{CHEAP, read};
use crate::{Client, TestDatabase, TestRedis, TestServer};

const PASSWORD: &str = "correct horse";

/// A user, with what credentials may consist of.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's id.
    pub id: i64,
    /// The e-mail address, by which the user logs in.
    pub email: String,
    /// The password.
    pub password: String,
    /// An access token.
    pub token: String,
}

/// How a service is started.
pub struct Setup {
    /// The environment: development unless changed.
    pub environment: Environment,
    /// A Redis; none unless changed.
    pub redis: Option<TestRedis>,
    /// What is put around its operations: nothing unless changed.
    pub around: Box<dyn FnOnce(Router) -> Router + Send>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { environment: Environment::Development, redis: None, around: Box::new(|router| router) }
    }
}

/// Serves until it is dropped. It limits nobody: few tests are about that.
pub struct TestService {
    /// An unauthenticated client.
    pub nobody: Client,
    /// Its server.
    pub server: TestServer,
    document: Value,
    access: Access,
    settings: Settings,
    environment: Environment,
    // The background work of other roles ends with it.
    _end: DropGuard,
    end: CancellationToken,
    _redis: Option<TestRedis>,
    // Last: the service's connections should be closed when the database is dropped.
    /// Its database.
    pub database: TestDatabase,
}

impl TestService {
    /// Starts a service with its default settings; its background work is not started.
    ///
    /// # Panics
    /// When it cannot be built.
    pub async fn start<S: Service>(name: &'static str, document: &'static str) -> Self {
        Self::start_with::<S>(name, document, Setup::default()).await
    }

    /// The same, otherwise.
    ///
    /// # Panics
    /// When it cannot be built.
    pub async fn start_with<S: Service>(name: &'static str, document: &'static str, setup: Setup) -> Self {
        Self::start_set::<S>(name, document, setup, &read(&[])).await
    }

    /// The same with settings of its own.
    ///
    /// # Panics
    /// When it cannot be built.
    pub async fn start_set<S: Service>(
        name: &'static str,
        document: &'static str,
        setup: Setup,
        own: &S::Settings,
    ) -> Self {
        let Setup { environment, redis, around } = setup;
        let database = TestDatabase::new().await;
        let login = database.settings_of(name);
        let mut settings: Settings = read(&CHEAP);
        if let Some(redis) = &redis {
            settings.redis = redis.settings();
        }
        let db = Database::new(&login, name).expect("the URL is one");
        let accounts = Accounts::start(db.clone(), &login, &settings.auth, name).expect("the settings are good");
        let needs = Readiness { database: Some(db.clone()), cache: None, ..Readiness::default() };
        let access = Access { accounts, limiter: Limiter::off() };
        let context = Context { database: db, access: access.clone(), settings: &settings, environment };
        let Parts { router, register, .. } = S::build(context, own).expect("the settings are good");
        let description = Description { service: name.to_owned(), version: "test".to_owned(), document };
        let server = TestServer::start_with(description, around(router), needs, &[], |app| register(app.metrics()));
        let document = serde_json::from_str(document).expect("a document is JSON");
        let end = CancellationToken::new();
        Self {
            nobody: server.client(),
            server,
            document,
            access,
            settings,
            environment,
            _end: end.clone().drop_guard(),
            end,
            _redis: redis,
            database,
        }
    }

    /// Does the background work of a service or of a background role on the same database, until this is dropped.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn run<S: Service>(&self, name: &'static str) {
        let database = Database::new(&self.database.settings_of(name), name).expect("the URL is one");
        let Self { access, settings, environment, .. } = self;
        let context = Context { database, access: access.clone(), settings, environment: *environment };
        let Parts { background, .. } = S::build(context, &read(&[])).expect("the settings are good");
        tokio::spawn(background(Lifecycle { stopping: self.end.clone(), answered: self.end.clone() }));
    }

    /// Its document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// A new user with a token, whatever operations the service has.
    ///
    /// # Panics
    /// When the user exists already.
    pub async fn account(&self, name: &str) -> Person {
        let (email, password) = (format!("{name}@example.com"), PASSWORD.to_owned());
        let accounts = &self.access.accounts;
        let user = accounts.sign_up(Signups::none(), email.clone(), password.clone(), None).await;
        let id = user.expect("a new account").id;
        let token = self.token(&email).await;
        Person { id, email, password, token }
    }

    /// Another token of an account that [`TestService::account`] made.
    ///
    /// # Panics
    /// When it cannot log in.
    pub async fn token(&self, email: &str) -> String {
        let token = self.access.accounts.login(Guard::none(), email, PASSWORD.to_owned()).await;
        token.expect("the password is right").access_token
    }

    /// A token for programs, which acts as its owner with the scope `user` only.
    ///
    /// # Panics
    /// When the owner cannot create one.
    pub async fn api_token(&self, owner: &Person) -> String {
        const QUOTA: &StorageQuota =
            &StorageQuota { code: "too_many_api_tokens", amount: 50, of: "tokens of one user" };
        let accounts = &self.access.accounts;
        let caller = accounts.authenticate(&owner.token).await.expect("the token is valid");
        let scopes = vec!["user".to_owned()];
        let made = accounts.create_api_token(&caller, QUOTA, "made".to_owned(), scopes, 1).await;
        made.expect("an API token").1
    }

    /// A new user, logged in. `name` becomes `name@example.com`.
    ///
    /// # Panics
    /// When the user exists already.
    pub async fn person(&self, name: &str) -> Client {
        let email = format!("{name}@example.com");
        let account = json!({"email": email, "password": PASSWORD, "full_name": name});
        self.nobody.post(&self.path_of("signup"), &account).await.expect(200);
        self.login(&email, PASSWORD).await
    }

    /// The demo superuser.
    pub async fn admin(&self) -> Client {
        self.login("admin@example.com", "admin").await
    }

    async fn login(&self, email: &str, password: &str) -> Client {
        self.nobody.login(&self.path_of("login_access_token"), email, password).await
    }

    /// The path of an operation in the document.
    fn path_of(&self, operation: &str) -> String {
        let paths = self.document["paths"].as_object().expect("paths");
        let has = |item: &Value| {
            item.as_object().is_some_and(|item| item.values().any(|one| one["operationId"] == operation))
        };
        paths.iter().find(|(_, item)| has(item)).map(|(path, _)| path.clone()).expect("the operation is there")
    }
}
