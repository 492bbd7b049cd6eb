//! The permission matrix of the document, and proof that it finds defects.

mod defects;

use serde_json::{Value, json};
use tasks::{DOCUMENT, TasksService};
use testkit::pages::id;
use testkit::permissions::{Fixture, Relations, run};
use testkit::{Client, Person, Setup, TestRedis, TestService};

/// How objects are made.
struct Objects;

impl Fixture for Objects {
    async fn make(&self, service: &TestService, _: &Client, kind: &str, people: &Relations) -> i64 {
        let client = |person: &Person| service.nobody.with_token(&person.token);
        match kind {
            "user" => people.get("self").id,
            "project" => id(&project(&client(people.get("owner"))).await),
            "task" => {
                let (owner, assignee) = (client(people.get("owner")), people.get("assignee").id);
                let project = project(&owner).await["id"].clone();
                let task = json!({"title": "Made", "project_id": project, "assignee_id": assignee});
                id(&owner.post("/api/v1/tasks", &task).await.expect(201))
            }
            kind => panic!("{kind} is not made here"),
        }
    }
}

async fn project(owner: &Client) -> Value {
    owner.post("/api/v1/projects", &json!({"title": "Made"})).await.expect(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_is_as_the_document_says() {
    let setup = Setup { redis: Some(TestRedis::new()), ..Setup::default() };
    let service = TestService::start_with::<TasksService>("tasks", DOCUMENT, setup).await;
    let document = service.document().clone();
    run(service, document, Objects, false).await.expect_no_faults("tasks");
}
