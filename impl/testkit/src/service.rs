//! A service as the server runs it, on a database of its own with the demo data.

use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::service::{Context, Parts, Service};
use platform::settings::{Environment, Settings};
use platform::{Access, Database, Guard, Limiter, Signups};
use serde_json::{Value, json};

use crate::settings::{CHEAP, read};
use crate::{Client, TestDatabase, TestServer};

const PASSWORD: &str = "correct horse";

/// A user, with what credentials may consist of.
#[derive(Debug, Clone)]
pub struct Person {
    /// The e-mail address, by which the user logs in.
    pub email: String,
    /// The password.
    pub password: String,
    /// An access token.
    pub token: String,
}

/// Serves until it is dropped. It limits nobody: few tests are about that.
pub struct TestService {
    /// An unauthenticated client.
    pub nobody: Client,
    /// Its server.
    pub server: TestServer,
    document: Value,
    access: Access,
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
        let database = TestDatabase::new().await;
        let login = database.settings_of(name);
        let settings: Settings = read(&CHEAP);
        let db = Database::new(&login, name).expect("the URL is one");
        let accounts = Accounts::start(db.clone(), &login, &settings.auth, name).expect("the settings are good");
        let needs = Readiness { database: Some(db.clone()), cache: None, ..Readiness::default() };
        let environment = Environment::Development;
        let access = Access { accounts, limiter: Limiter::off() };
        let context = Context { database: db, access: access.clone(), settings: &settings, environment };
        let Parts { router, register, .. } = S::build(context, &read(&[])).expect("the settings are good");
        let description = Description { service: name.to_owned(), version: "test".to_owned(), document };
        let server = TestServer::start_with(description, router, needs, &[], |app| register(app.metrics()));
        let document = serde_json::from_str(document).expect("a document is JSON");
        Self { nobody: server.client(), server, document, access, database }
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
        accounts.sign_up(Signups::none(), email.clone(), password.clone(), None).await.expect("a new account");
        let token = accounts.login(Guard::none(), &email, password.clone()).await.expect("the password is right");
        Person { email, password, token: token.access_token }
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
