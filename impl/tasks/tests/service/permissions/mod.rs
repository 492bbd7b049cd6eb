//! The permission matrix of the document, and proof that it finds defects.

mod defects;

use permission_matrix::{Fixture, Relations, Request, run};
use serde_json::{Value, json};
use tasks::{DOCUMENT, TasksService};
use testkit::{Client, Person, Setup, TestRedis, TestService};
use tokio::sync::Mutex;

use crate::authenticator::{App, Authenticator};
use crate::world::LOGIN;

/// One registers at a time: a challenge takes the place of the user's last one, and some users are shared.
static REGISTERING: Mutex<()> = Mutex::const_new(());

/// How objects are made.
struct Objects;

impl Fixture for Objects {
    async fn make(&self, service: &TestService, _: &Client, kind: &str, people: &Relations) -> Value {
        let client = |person: &Person| service.nobody.with_token(&person.token);
        match kind {
            "user" => people.get("self").id.into(),
            "project" => project(&client(people.get("owner"))).await["id"].clone(),
            "task" => {
                let (owner, assignee) = (client(people.get("owner")), people.get("assignee").id);
                let project = project(&owner).await["id"].clone();
                let task = json!({"title": "Made", "project_id": project, "assignee_id": assignee});
                owner.post("/api/v1/tasks", &task).await.expect(201)["id"].clone()
            }
            "session" => {
                let Person { email, password, .. } = people.get("owner");
                let owner = service.nobody.login(LOGIN, email, password).await;
                let sessions = owner.get("/api/v1/auth/sessions").await.expect(200);
                let mut sessions = sessions.as_array().into_iter().flatten();
                sessions.find(|one| one["is_current"] == true).expect("its session")["id"].clone()
            }
            "api_token" => {
                let token = json!({"name": "made", "scopes": ["user"]});
                let owner = client(people.get("owner"));
                owner.post("/api/v1/auth/api-tokens", &token).await.expect(201)["id"].clone()
            }
            "passkey" => {
                let Person { password, token, .. } = people.get("owner");
                let _turn = REGISTERING.lock().await;
                Authenticator::enrol(&service.nobody.with_token(token), password).await.1["id"].clone()
            }
            kind => panic!("{kind} is not made here"),
        }
    }

    async fn arrange(&self, operation: &str, caller: &Client, account: &Person, request: &mut Request) {
        let code = match operation {
            "confirm_totp" => App::begin(caller, &account.password).await.0.code(0),
            "create_passkey" => {
                let options = Authenticator::begin(caller, &account.password).await;
                request.body.as_mut().expect("a body")["credential"] = Authenticator::new(&options).1;
                return;
            }
            // Whoever calls: the passkey says who signs in.
            "login_with_passkey" => {
                let _turn = REGISTERING.lock().await;
                let user = caller.login(LOGIN, "user@example.com", "user").await;
                let (mut passkey, _) = Authenticator::enrol(&user, "user").await;
                request.body = Some(json!({"credential": passkey.sign(&Authenticator::challenge(caller).await)}));
                return;
            }
            "replace_recovery_codes" | "disable_totp" => App::enrol(caller, &account.password).await.1.remove(0),
            _ => return,
        };
        request.body.as_mut().expect("a body")["code"] = code.into();
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
