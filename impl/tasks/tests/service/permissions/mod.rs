//! The permission matrix of the document, and proof that it finds defects.

mod defects;

use std::sync::Mutex;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use permission_matrix::{Fixture, Relations, Request, run};
use platform::identity::opaque_tokens::{EMAIL_TOKEN, generate, hash};
use serde_json::{Value, json};
use tasks::{DOCUMENT, TasksService, TasksSettings};
use testkit::{Client, Person, Setup, TestRedis, TestService};

use crate::authenticator::{App, Authenticator};
use crate::openid::provider::{CALLBACK, Provider, claims};
use crate::world::LOGIN;

/// How many tokens of each kind are issued: one for each caller of an operation, and some more.
const EMAIL_TOKENS: usize = 40;

/// One registers at a time: a challenge takes the place of the user's last one, and some users are shared.
static REGISTERING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How objects are made.
struct Objects {
    provider: Provider,
    /// Tokens that nobody has used, as mails have them; each of a user of its own.
    verifications: Mutex<Vec<String>>,
    resets: Mutex<Vec<String>>,
}

impl Objects {
    async fn new() -> Self {
        Self { provider: Provider::start().await, verifications: Mutex::default(), resets: Mutex::default() }
    }

    /// A service with the provider, as the examples of the document call it, and with tokens of mails.
    async fn serve(&mut self, setup: Setup) -> TestService {
        let own = TasksSettings { openid: self.provider.settings(&["google"]), ..TasksSettings::default() };
        let service = TestService::start_set::<TasksService>("tasks", DOCUMENT, setup, &own).await;
        self.issue_email_tokens(&service).await;
        service
    }

    async fn issue_email_tokens(&mut self, service: &TestService) {
        let mut sql = format!(
            "INSERT INTO users (email, hashed_password)
             SELECT 'mail' || n || '@example.com', '!' FROM generate_series(1, {EMAIL_TOKENS}) AS n;"
        );
        let mut issued = [Vec::new(), Vec::new()];
        for (tokens, kind) in issued.iter_mut().zip(["verify", "reset"]) {
            for number in 1..=EMAIL_TOKENS {
                let token = generate(EMAIL_TOKEN);
                let hash = BASE64_STANDARD.encode(hash(EMAIL_TOKEN, &token).expect("it is one"));
                let insert = format!(
                    "INSERT INTO email_tokens (hash, user_id, kind, email, recipient_key, epoch, expires_at)
                     SELECT decode('{hash}', 'base64'), id, '{kind}', email, login_key, session_epoch, now() + interval '1 hour'
                     FROM users WHERE email = 'mail{number}@example.com';"
                );
                sql.push_str(&insert);
                tokens.push(token);
            }
        }
        service.database.execute(&sql).await;
        [self.verifications, self.resets] = issued.map(Mutex::new);
    }
}

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
            "openid_identity" => identity(service, people.get("owner").id).await,
            "passkey" => {
                let Person { password, token, .. } = people.get("owner");
                let _turn = REGISTERING.lock().await;
                Authenticator::enrol(&service.nobody.with_token(token), password).await.1["id"].clone()
            }
            kind => panic!("{kind} is not made here"),
        }
    }

    fn amend(&self, operation: &str, request: &mut Request, _: usize) {
        let tokens = match operation {
            "confirm_email" => &self.verifications,
            "reset_password" => &self.resets,
            _ => return,
        };
        if let Some(body) = &mut request.body {
            body["token"] = tokens.lock().expect("nobody panicked").pop().expect("one is left").into();
        }
    }

    async fn arrange(&self, operation: &str, caller: &Client, account: &Person, request: &mut Request) {
        let Some(body) = &mut request.body else { return };
        match operation {
            "begin_openid_authorization" => body["redirect_uri"] = json!(CALLBACK),
            "log_in_with_openid" | "link_openid_identity" => {
                let subject = uuid();
                let claims = claims(&subject, &format!("{subject}@example.com"));
                *body = self.provider.signed_in(caller, "google", claims).await;
                if operation == "link_openid_identity" {
                    body["current_password"] = json!(account.password);
                }
            }
            "create_passkey" => {
                let options = Authenticator::begin(caller, &account.password).await;
                body["credential"] = Authenticator::new(&options).1;
            }
            // Whoever calls: the passkey says who signs in.
            "login_with_passkey" => {
                let _turn = REGISTERING.lock().await;
                let user = caller.login(LOGIN, "user@example.com", "user").await;
                let (mut passkey, _) = Authenticator::enrol(&user, "user").await;
                *body = json!({"credential": passkey.sign(&Authenticator::challenge(caller).await)});
            }
            "confirm_totp" => body["code"] = App::begin(caller, &account.password).await.0.code(0).into(),
            "replace_recovery_codes" | "disable_totp" => {
                body["code"] = App::enrol(caller, &account.password).await.1.remove(0).into();
            }
            _ => {}
        }
    }
}

fn uuid() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// An account at a provider. Linking one is what the matrix tries, so it is not how one is made.
async fn identity(service: &TestService, owner: i64) -> Value {
    let id = uuid();
    let sql = format!(
        "INSERT INTO openid_identities (id, user_id, issuer, subject) VALUES ('{id}', {owner}, 'https://id.example', '{id}')"
    );
    service.database.execute(&sql).await;
    let [a, b, c, d, e] = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]];
    json!(format!("{a}-{b}-{c}-{d}-{e}"))
}

async fn project(owner: &Client) -> Value {
    owner.post("/api/v1/projects", &json!({"title": "Made"})).await.expect(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_is_as_the_document_says() {
    let mut objects = Objects::new().await;
    let service = objects.serve(Setup { redis: Some(TestRedis::new()), ..Setup::default() }).await;
    let document = service.document().clone();
    run(service, document, objects, false).await.expect_no_faults("tasks");
}
