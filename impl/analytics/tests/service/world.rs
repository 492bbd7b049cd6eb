//! Where every test happens: the service on a real port, on a database of its own with the demo accounts in it.

use std::sync::Arc;

use analytics::{AnalyticsService, AnalyticsSettings};
use chrono::{DateTime, Utc};
use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::settings::{AuthSettings, Environment};
use platform::verification::Finding;
use platform::{Database, Limiter};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use testkit::{Client, TestDatabase, TestServer};

pub const LOGIN: &str = "/api/p3/auth/login/access-token";
pub const SLOW: &str = "/api/p3/analytics/top-paths/slow";
pub const OPTIMIZED: &str = "/api/p3/analytics/top-paths/optimized";
pub const TIME_SERIES: &str = "/api/p3/analytics/time-series";
pub const SEED: &str = "/api/p3/analytics/seed";

pub struct World {
    /// Speaks to the service as nobody.
    pub nobody: Client,
    /// Speaks to it as the demo superuser.
    pub admin: Client,
    /// Speaks to it as the demo user.
    pub user: Client,
    pub service: AnalyticsService,
    /// Kept alive: it serves until it is dropped.
    _server: TestServer,
    // Last: the service's connections should be gone when the database is dropped.
    pub database: TestDatabase,
}

/// A page view as it is stored.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub path: String,
    pub created_at: DateTime<Utc>,
    pub user: Option<i64>,
    pub country: Option<&'static str>,
    pub referrer: Option<&'static str>,
    pub device: Option<&'static str>,
    pub visitor: Option<&'static str>,
    pub bot: Option<&'static str>,
}

/// A view of a path.
pub fn view(path: &str, created_at: DateTime<Utc>) -> View {
    View { path: path.to_owned(), created_at, ..View::default() }
}

/// A time as it is written.
pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

impl World {
    pub async fn new() -> Self {
        Self::of(Environment::Development).await
    }

    pub async fn of(environment: Environment) -> Self {
        Self::with(environment, &[]).await
    }

    /// With settings of the service's own.
    pub async fn with(environment: Environment, own: &[&str]) -> Self {
        let database = TestDatabase::new().await;
        let (server, service) = serve(&database, environment, own);
        let nobody = server.client();
        let admin = nobody.login(LOGIN, "admin@example.com", "admin").await;
        let user = nobody.login(LOGIN, "user@example.com", "user").await;
        Self { nobody, admin, user, service, _server: server, database }
    }

    /// Stores page views with what they add to the counts, in one transaction as everybody does. Each has an event that
    /// is remembered.
    pub async fn store(&self, views: &[View]) {
        const SQL: &str = "WITH input AS ( \
                 SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
                     $7::text[], $8::text[]) AS i (path, created_at, user_id, country, referrer, device, visitor, bot) \
             ), known AS (INSERT INTO paths (path) SELECT DISTINCT path FROM input ON CONFLICT DO NOTHING RETURNING id, path \
             ), stored AS ( \
                 INSERT INTO page_views (path_id, user_id, country, created_at, event_id, referrer, device, visitor, bot) \
                 SELECT coalesce(k.id, p.id), user_id, country, created_at, gen_random_uuid(), referrer, device, visitor, bot \
                 FROM input i LEFT JOIN known k USING (path) LEFT JOIN paths p USING (path) RETURNING * \
             ), events AS (INSERT INTO page_view_events SELECT event_id, id, created_at FROM stored \
             ) SELECT add_to_rollups(array_agg(minute), array_agg(path_id), array_agg(views)) FROM ( \
                 SELECT date_bin('1 minute', created_at, 'epoch') AS minute, path_id, count(*) AS views FROM stored \
                 WHERE bot IS NULL GROUP BY 1, 2) by_minute";
        macro_rules! column {
            ($field:ident) => {
                views.iter().map(|view| view.$field.clone()).collect::<Vec<_>>()
            };
        }
        sqlx::query(SQL)
            .bind(column!(path))
            .bind(column!(created_at))
            .bind(column!(user))
            .bind(column!(country))
            .bind(column!(referrer))
            .bind(column!(device))
            .bind(column!(visitor))
            .bind(column!(bot))
            .execute(&mut self.database.connect().await)
            .await
            .expect("the views are stored");
        self.service.changed();
    }

    /// A request without a token, which must return 200.
    pub async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        self.nobody.get(&with_query(path, query)).await.expect(200)
    }

    /// A number the database tells.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.database.connect().await).await.expect("a number")
    }

    /// Counts are what the rows add up to, no more and no less; how many counts there are.
    pub async fn verify(&self) -> i64 {
        for (check, finding) in analytics::verify::run(&self.database.settings()).await.expect("the checks are made") {
            assert_eq!(finding, Finding::Holds, "{}", check.name);
        }
        self.number("SELECT count(*) FROM path_counts").await
    }
}

fn serve(database: &TestDatabase, environment: Environment, own: &[&str]) -> (TestServer, AnalyticsService) {
    let settings = database.settings_of("analytics");
    let auth: AuthSettings = testkit::settings(&testkit::CHEAP);
    let db = Database::new(&settings, "analytics").expect("the URL is one");
    let accounts = Accounts::start(db.clone(), &settings, &auth, "analytics").expect("the settings are good");
    let needs = Readiness { database: Some(db.clone()), cache: None, ..Readiness::default() };
    let description =
        Description { service: "analytics".into(), version: "test".into(), document: analytics::DOCUMENT };
    let own: AnalyticsSettings = testkit::settings(own);
    let service = AnalyticsService::new(db, accounts, Limiter::off(), None, &own, &auth, environment);
    let service = service.expect("settings");
    let router = analytics::router(Arc::new(service.clone()));
    (TestServer::start(description, router, needs, &[]), service)
}

/// `path` with a query; the values are encoded.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x").expect("a URL");
    url.query_pairs_mut().extend_pairs(pairs);
    format!("{path}?{}", url.query().unwrap_or_default())
}
