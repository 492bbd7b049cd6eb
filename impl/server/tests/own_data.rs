//! What is stored about a user in all services, by the whole system: it is exported, and erased, also when the system is killed meanwhile.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::process::{Child, Command};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::documents::is_served;
use testkit::{Client, TestDatabase};
use tokio::time::{sleep, timeout};
use zip::ZipArchive;

const LOGIN: &str = "/api/v1/auth/login/access-token";
const DELETION: &str = "/api/v1/users/me/deletion";
const PASSWORD: &str = "correct horse";
/// What has not happened after this long never will.
const CONDITION_TIMEOUT: Duration = Duration::from_secs(60);

/// The system, killed at the end of the test.
struct System {
    child: Child,
    dir: TempDir,
    ports: BTreeMap<&'static str, u16>,
    database: TestDatabase,
}

impl System {
    async fn start() -> Self {
        let (database, dir) = (TestDatabase::new().await, TempDir::new().expect("a folder"));
        let port = |name| (name, backends::free_port().expect("a port"));
        let ports: BTreeMap<_, _> = ["tasks", "shop", "worker", "analytics"].map(port).into();
        let child = spawn(&database, &dir, &ports);
        let system = Self { child, dir, ports, database };
        system.ready().await;
        system
    }

    /// Kills it, and starts it again.
    async fn restart(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
        self.child = spawn(&self.database, &self.dir, &self.ports);
        self.ready().await;
    }

    async fn ready(&self) {
        let all_ready = async {
            for service in self.ports.keys() {
                let http = Client::new(self.url(service));
                let port = self.ports[service];
                while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err()
                    || http.get("/health/ready").await.status != 200
                {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        };
        timeout(CONDITION_TIMEOUT, all_ready).await.expect("it is ready");
    }

    fn url(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[service])
    }

    fn client(&self, service: &str) -> Client {
        Client::new(self.url(service))
    }

    async fn verify(&self) -> (bool, String) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_server"));
        let command = command.arg("verify").env("DATABASE_URL", self.database.url()).env_remove("REDIS_URL");
        let output = command.output().await.expect("it runs");
        (output.status.success(), String::from_utf8(output.stdout).expect("text"))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(database: &TestDatabase, dir: &TempDir, ports: &BTreeMap<&'static str, u16>) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.env_clear().current_dir(dir.path()).arg("all");
    for (service, port) in ports {
        command.args([format!("--{service}-port"), port.to_string()]);
    }
    command.envs([("DATABASE_URL", database.url()), ("ENVIRONMENT", "development"), ("LOG_FORMAT", "text")]);
    command.env("ACCOUNT_DELETION_GRACE_DAYS", "0").spawn().expect("it starts")
}

/// A user, in each service.
struct Person {
    id: i64,
    tasks: Client,
    shop: Client,
    analytics: Client,
}

async fn person(system: &System, name: &str) -> Person {
    let nobody = system.client("tasks");
    let (email, full_name) = (format!("{name}@example.com"), format!("{name} the user"));
    let account = json!({"email": email, "password": PASSWORD, "full_name": full_name});
    let id = nobody.post("/api/v1/auth/signup", &account).await.expect(200)["id"].as_i64().expect("an id");
    let tasks = nobody.login(LOGIN, &email, PASSWORD).await;
    let of = |service| system.client(service).with_token(tasks.token().expect("a token"));
    Person { id, shop: of("shop"), analytics: of("analytics"), tasks }
}

impl Person {
    async fn make(&self, path: &str, body: Value) -> Value {
        self.tasks.post(path, &body).await.expect(201)
    }

    async fn view(&self, path: &str) {
        self.analytics.post("/api/p3/page-views", &json!({"path": path, "country": "DE"})).await.expect(201);
    }

    /// The files of an export, and all of it as text.
    async fn export(&self) -> (BTreeMap<String, Vec<Value>>, String) {
        let request = self.tasks.request(Method::GET, "/api/v1/users/me/export");
        let response = request.send().await.expect("it answers");
        assert_eq!(response.status(), 200);
        let bytes = response.bytes().await.expect("complete");
        let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("an archive");
        let (mut files, mut all, mut readme) = (BTreeMap::new(), String::new(), Value::Null);
        for index in 0..archive.len() {
            let (mut file, mut text) = (archive.by_index(index).expect("a file"), String::new());
            file.read_to_string(&mut text).expect("text");
            all.push_str(&text);
            let name = file.name().expect("a name").into_owned();
            match name.strip_suffix(".ndjson") {
                None => readme = serde_json::from_str(&text).expect("JSON"),
                Some(name) => {
                    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
                    files.insert(name.to_owned(), rows);
                }
            }
        }
        assert_eq!(readme["user_id"], self.id);
        let told = readme["files"].as_array().expect("a list").iter();
        let told: BTreeMap<&str, u64> = told
            .map(|file| (file["name"].as_str().expect("a name"), file["rows"].as_u64().expect("a number")))
            .collect();
        let found: Vec<_> = files.iter().map(|(name, rows)| (format!("{name}.ndjson"), rows.len() as u64)).collect();
        assert_eq!(told, found.iter().map(|(name, rows)| (&**name, *rows)).collect::<BTreeMap<_, _>>());
        (files, all)
    }
}

fn texts<'a>(rows: &'a [Value], field: &str) -> Vec<&'a str> {
    let mut texts: Vec<&str> = rows.iter().map(|row| row[field].as_str().expect("a text")).collect();
    texts.sort_unstable();
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_user_is_exported_and_erased() {
    if !["tasks", "shop", "analytics"].iter().all(|service| is_served(service)) {
        return;
    }
    let mut system = System::start().await;
    let (ada, bob) = (person(&system, "ada").await, person(&system, "bob").await);
    let admin = system.client("shop").login("/api/v2/auth/login/access-token", "admin@example.com", "admin").await;
    let product = json!({"sku": "SPOON", "name": "Spoon", "price_cents": 250, "stock": 9});
    let product = admin.post("/api/v2/products", &product).await.expect(201)["id"].clone();
    let mut orders = Vec::new();
    for (who, quantity) in [(&ada, 2), (&bob, 1)] {
        let order = json!({"items": [{"product_id": product, "quantity": quantity}]});
        orders.push(who.shop.post("/api/v2/orders", &order).await.expect(201));
    }
    let project = ada.make("/api/v1/projects", json!({"title": "Ada's project", "description": "é\n\"x\""})).await;
    let task = json!({"title": "Ada's task", "project_id": project["id"], "assignee_id": bob.id});
    let task = ada.make("/api/v1/tasks", task).await;
    let others = bob.make("/api/v1/projects", json!({"title": "Bob's project"})).await;
    let lent = json!({"title": "Lent to Ada", "project_id": others["id"], "assignee_id": ada.id});
    let lent = bob.make("/api/v1/tasks", lent).await;
    bob.make("/api/v1/tasks", json!({"title": "Bob's task", "project_id": others["id"]})).await;
    let token = ada.make("/api/v1/auth/api-tokens", json!({"name": "nightly", "scopes": ["user"]})).await;
    ada.view("/ada").await;
    bob.view("/bob").await;
    let claimed = json!({"path": "/claimed", "user_id": ada.id});
    system.client("analytics").post("/api/p3/page-views", &claimed).await.expect(201);

    let (files, all) = ada.export().await;
    let (account, order) = (&files["account"][0], &files["orders"][0]);
    assert_eq!((&account["email"], &account["full_name"]), (&json!("ada@example.com"), &json!("ada the user")));
    assert_eq!(files["projects"].len(), 1);
    for field in ["id", "title", "description"] {
        assert_eq!(files["projects"][0][field], project[field]);
        assert_eq!(files["tasks"][0][field], task[field]);
        assert_eq!(files["assigned_tasks"][0][field], lent[field]);
    }
    assert_eq!((files["tasks"].len(), files["assigned_tasks"].len(), files["orders"].len()), (1, 1, 1));
    assert_eq!((&order["id"], &order["total_cents"]), (&orders[0]["id"], &json!(500)));
    assert_eq!((&order["items"][0]["sku"], &order["items"][0]["quantity"]), (&json!("SPOON"), &json!(2)));
    assert_eq!(order["events"][0]["kind"], "created");
    assert_eq!(texts(&files["page_views"], "path"), ["/ada"]);
    assert_eq!(texts(&files["api_tokens"], "name"), ["nightly"]);
    assert_eq!((files["sessions"].len(), files["account"].len()), (1, 1));
    assert_eq!(texts(&files["audit_events"], "action"), ["api_token.created", "user.data_exported"]);
    // Neither what is another's, nor what is secret.
    let (secret, refresh) = (token["token"].as_str().expect("a token"), "sfr_");
    for absent in ["bob@", "bob the user", "Bob's", "/bob", "/claimed", "argon2", secret, refresh, "hash", "password"] {
        assert!(!all.contains(absent), "{absent} in {all}");
    }

    ada.tasks.post(DELETION, &json!({"current_password": PASSWORD})).await.expect(202);
    ada.shop.get("/api/v2/orders").await.expect_problem(401, "invalid_token");
    system.restart().await;
    let erased = async {
        let form = [("username", "ada@example.com"), ("password", PASSWORD)];
        let export = "/api/p3/analytics/export?path=/ada";
        let reader = system.client("analytics").with_token(admin.token().expect("a token"));
        // One after the other: failed logins are limited.
        while system.client("tasks").form(LOGIN, &form).await.status != 400 {
            sleep(Duration::from_millis(100)).await;
        }
        while reader.get(export).await.text.lines().count() > 1 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(CONDITION_TIMEOUT, erased).await.expect("it is erased");
    let (holds, text) = system.verify().await;
    assert!(holds && text.contains("A1 ok        nothing refers to an account that is erased"), "{text}");
    let order = admin.get(&format!("/api/v2/orders/{}", orders[0]["id"])).await.expect(200);
    assert_eq!((&order["user_id"], &order["status"]), (&Value::Null, &json!("CANCELLED")));
    bob.shop.get(&format!("/api/v2/orders/{}", orders[1]["id"])).await.expect(200);
    assert_eq!(bob.tasks.get(&format!("/api/v1/tasks/{}", lent["id"])).await.expect(200)["assignee_id"], Value::Null);

    let again = person(&system, "ada").await;
    assert_ne!(again.id, ada.id);
    let (files, _) = again.export().await;
    let filled: Vec<_> = files.iter().filter(|(_, rows)| !rows.is_empty()).map(|(name, _)| &**name).collect();
    assert_eq!(filled, ["account", "audit_events", "sessions"]);
}
