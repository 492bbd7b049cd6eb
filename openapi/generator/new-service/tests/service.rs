//! The @service@ service, called over HTTP: every test starts it on a port and a database of its own.

use @crate@::{DOCUMENT, @Service@Service};
use permission_matrix::{Fixture, Relations, run};
use serde_json::{Value, json};
use testkit::{Client, TestService};

const ALL: &str = "/api/@service@/@many@";

async fn service() -> TestService {
    TestService::start::<@Service@Service>("@service@", DOCUMENT).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_can_be_read_changed_and_deleted() {
    let service = service().await;
    let ada = service.person("ada").await;
    let made = ada.post(ALL, &json!({"title": "First"})).await.expect(201);
    let path = format!("{ALL}/{}", made["id"]);
    assert_eq!(ada.get(&path).await.expect(200), made);
    let changed = ada.patch(&path, &json!({"text": "More"})).await.expect(200);
    assert_eq!((&changed["title"], &changed["text"]), (&json!("First"), &json!("More")));
    ada.delete(&path).await.expect(204);
    ada.get(&path).await.expect_problem(404, "not_found");
}

/// How objects are made, for the permission matrix.
struct Objects;

impl Fixture for Objects {
    async fn make(&self, service: &TestService, _: &Client, kind: &str, people: &Relations) -> Value {
        assert_eq!(kind, "@one@");
        let owner = service.nobody.with_token(&people.get("owner").token);
        owner.post(ALL, &json!({"title": "Made"})).await.expect(201)["id"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_what_the_document_says() {
    let service = service().await;
    let document = service.document().clone();
    run(service, document, Objects, false).await.expect_no_faults("@service@");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_page_by_page() {
    let service = service().await;
    let ada = service.person("ada").await;
    for n in 0..5 {
        ada.post(ALL, &json!({"title": format!("Number {n}")})).await.expect(201);
    }
    let first = ada.get(&format!("{ALL}?limit=3")).await;
    let cursor = first.header("x-next-cursor").to_owned();
    let rest = ada.get(&format!("{ALL}?limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!(first.expect(200).as_array().map(Vec::len), Some(3));
    assert_eq!(rest.as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_prepared() {
    testkit::statements::prepare_all("impl/@service@/", &["@service@"]).await;
}
