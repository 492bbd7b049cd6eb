//! What is done by mail, each flow from its request to its end, with mails read from a mail server.

mod changes;
mod resets;
mod timing;
mod tokens;
mod verification;

use std::sync::Arc;
use std::time::Duration;

use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::openid::OpenId;
use platform::settings::{AuthSettings, Environment, OpenIdSettings};
use platform::{Database, Limiter};
use platform_account_mail::AccountMail;
use platform_mail::{MailSettings, Mailer, Tuning};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tasks::{DeletionSettings, TasksService};
use testkit::{Answer, CHEAP, Client, MailCatcher, TestDatabase, TestServer};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world::World;

const VERIFICATION: &str = "/api/v1/auth/email/verification";
const CHANGE: &str = "/api/v1/auth/email/change";
const CONFIRM: &str = "/api/v1/auth/email/confirm";
const FORGOT: &str = "/api/v1/auth/password/forgot";
const RESET: &str = "/api/v1/auth/password/reset";

const VERIFY_SUBJECT: &str = "Confirm your e-mail address";
const CHANGE_SUBJECT: &str = "Confirm your new e-mail address";
const REQUESTED_SUBJECT: &str = "A change of your e-mail address was requested";
const TAKEN_SUBJECT: &str = "You already have an account with this e-mail address";
const CHANGED_SUBJECT: &str = "Your e-mail address was changed";
const RESET_SUBJECT: &str = "Reset your password";
const PASSWORD_SUBJECT: &str = "Your password was changed";

/// How often one looks for requests and mails.
const POLL: Duration = Duration::from_millis(20);

/// The service with its background work, and its mail server.
struct Mailing {
    world: World,
    catcher: MailCatcher,
    _end: DropGuard,
}

impl Mailing {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With flags of authentication.
    async fn with(flags: &[&str]) -> Self {
        let (database, catcher) = (TestDatabase::new().await, MailCatcher::start().await);
        let (server, mail) = serve(&database, flags, Some(&catcher));
        let end = CancellationToken::new();
        let shutdown = end.clone();
        tokio::spawn(async move { mail.run(shutdown).await });
        let world = World { nobody: server.client(), server, database };
        Self { world, catcher, _end: end.drop_guard() }
    }

    /// A link's token out of a mail.
    async fn token(&self, to: &str, subject: &str) -> String {
        let caught = self.catcher.take(to, subject).await;
        let token = caught.token();
        // The same in the link, which is in the text and in the HTML, broken into lines.
        let joined = caught.content.replace("=\n", "");
        let of_page = if subject == RESET_SUBJECT { "reset-password" } else { "confirm-email" };
        let link = format!("http://localhost:3000/account/{of_page}#token=3D{token}");
        assert_eq!(joined.matches(&link).count(), 2, "{joined}");
        token
    }

    async fn confirm(&self, token: &str) -> Answer {
        self.world.nobody.post(CONFIRM, &json!({"token": token})).await
    }

    async fn forgot(&self, email: &str) {
        self.world.nobody.post(FORGOT, &json!({"email": email})).await.expect(202);
    }

    async fn reset(&self, token: &str, password: &str) -> Answer {
        self.world.nobody.post(RESET, &json!({"token": token, "password": password})).await
    }

    async fn change(&self, of: &Client, email: &str, password: &str) -> Answer {
        of.post(CHANGE, &json!({"email": email, "current_password": password})).await
    }

    /// Waits until every request was looked at and every mail sent.
    async fn until_idle(&self) {
        while self.number("SELECT (SELECT count(*) FROM email_requests) + (SELECT count(*) FROM mails)").await > 0 {
            sleep(POLL).await;
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.world.database.connect().await).await.expect("a number")
    }

    async fn is_verified(&self, email: &str) -> bool {
        let sql = format!("SELECT count(*) FROM users WHERE email = '{email}' AND email_verified_at IS NOT NULL");
        self.number(&sql).await > 0
    }

    /// How many audited actions of this name there are.
    async fn audited(&self, action: &str) -> usize {
        let admin = self.world.admin().await;
        let events: Value = admin.get(&format!("/api/v1/audit-events?action={action}")).await.expect(200);
        events.as_array().map_or(0, Vec::len)
    }
}

/// The service with mail to this server, or without.
fn serve(database: &TestDatabase, flags: &[&str], catcher: Option<&MailCatcher>) -> (TestServer, AccountMail) {
    let settings = database.settings_of("tasks");
    let auth: AuthSettings = testkit::settings(&[&CHEAP[..], flags].concat());
    let db = Database::new(&settings, "tasks").expect("the URL is one");
    let accounts = Accounts::start(db.clone(), &settings, &auth, "tasks").expect("the settings are good");
    let url = catcher.map_or_else(|| "none".to_owned(), MailCatcher::url);
    let mail: MailSettings = testkit::settings(&["--mail-url", &url, "--mail-from", "from@example.com"]);
    let tuning = Tuning { poll: POLL, ..Tuning::default() };
    let mailer = Mailer::tuned(db.clone(), &mail, Environment::Development, tuning).expect("the settings are good");
    let mail = AccountMail::with_mailer(db.clone(), accounts, mailer);
    let needs = Readiness { database: Some(db.clone()), cache: None, ..Readiness::default() };
    let description = Description { service: "tasks".into(), version: "test".into(), document: tasks::DOCUMENT };
    let openid = OpenId::new(&OpenIdSettings::default(), db.clone()).expect("the settings are good");
    let service = TasksService::new(db, Limiter::off(), mail.clone(), openid, DeletionSettings::default());
    let router = tasks::router(Arc::new(service));
    (TestServer::start(description, router, needs, &[]), mail)
}
