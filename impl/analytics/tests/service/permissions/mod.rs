//! The permission matrix of the document, and proof that it finds defects.

mod defects;

use analytics::{AnalyticsService, DOCUMENT};
use permission_matrix::{Fixture, Relations, Report, Request, run};
use platform::settings::Environment;
use serde_json::Value;
use testkit::{Client, Setup, TestRedis, TestService};

/// How objects are made.
struct Objects;

impl Fixture for Objects {
    async fn make(&self, service: &TestService, administrator: &Client, kind: &str, _: &Relations) -> Value {
        assert_eq!(kind, "job", "nothing else has an id");
        // A response has a job only where it takes long.
        administrator.post_empty("/api/p3/analytics/seed?rows=1&unique_paths=1").await.expect(200);
        let newest = sqlx::query_scalar::<_, i64>("SELECT max(id) FROM seed_jobs");
        newest.fetch_one(&mut service.database.connect().await).await.expect("Postgres answers").into()
    }

    fn amend(&self, operation: &str, request: &mut Request, _: usize) {
        if operation == "seed" {
            request.query.insert("rows".to_owned(), 1.into());
            request.query.insert("unique_paths".to_owned(), 1.into());
        }
    }
}

async fn start(environment: Environment, setup: Setup) -> TestService {
    let setup = Setup { redis: Some(TestRedis::new()), environment, ..setup };
    TestService::start_with::<AnalyticsService>("analytics", DOCUMENT, setup).await
}

async fn matrix(environment: Environment, service: TestService) -> Report {
    let document = service.document().clone();
    run(service, document, Objects, environment.is_production()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_is_as_the_document_says() {
    let service = start(Environment::Development, Setup::default()).await;
    matrix(Environment::Development, service).await.expect_no_faults("analytics");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_is_as_the_document_says_in_production() {
    let service = start(Environment::Production, Setup::default()).await;
    matrix(Environment::Production, service).await.expect_no_faults("analytics in production");
}
