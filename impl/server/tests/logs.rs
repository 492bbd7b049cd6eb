//! The log of a process: who did what, a line each, whatever clients send.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::documents::is_served;
use testkit::{Client, TestDatabase};

/// A process of the tasks service with a log of its own.
struct Tasks {
    process: Child,
    port: u16,
    log: PathBuf,
    _dir: TempDir,
}

impl Tasks {
    fn start(database: &str, environment: &[(&str, &str)]) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), backends::free_port().unwrap());
        let log = dir.path().join("log");
        let file = File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.env_clear().current_dir(dir.path()).arg("tasks").env("PORT", port.to_string());
        command.envs([("DATABASE_URL", database), ("ENVIRONMENT", "development"), ("TRUSTED_PROXIES", "127.0.0.1")]);
        command.envs([
            ("ARGON2_MEMORY_KIB", "64"),
            ("ARGON2_ITERATIONS", "1"),
            ("DATABASE_ACQUIRE_TIMEOUT_MS", "8000"),
        ]);
        command.envs(environment.iter().copied()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { process: command.spawn().unwrap(), port, log, _dir: dir }
    }

    fn client(&self) -> Client {
        Client::new(format!("http://127.0.0.1:{}", self.port))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The log, once it contains this.
    async fn until(&self, what: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let text = self.text();
            if text.contains(what) {
                return text;
            }
            assert!(Instant::now() < deadline, "no {what:?} in\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn listens(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "{}", self.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_begins_a_line() {
    if !is_served("tasks") {
        return;
    }
    let database = TestDatabase::new().await;
    let tasks = Tasks::start(database.url(), &[("LOG_FORMAT", "text"), ("RUST_LOG", "debug"), ("FORCE_COLOR", "1")]);
    tasks.listens().await;
    for forged in ["none\nFORGED", "none\r\nFORGED", "none\u{2028}FORGED", "none\u{85}FORGED", "\u{1b}[2JFORGED"] {
        for header in [
            json!({"alg": forged}),
            json!({"alg": "HS256", "typ": forged}),
            json!({"alg": "HS256", "kid": forged, "crit": [forged]}),
        ] {
            let token = format!("{}.e30.e30", URL_SAFE_NO_PAD.encode(header.to_string()));
            let client = tasks.client();
            let request =
                client.request(http::Method::GET, "/api/v1/tasks").header("authorization", format!("Bearer {token}"));
            client.send(request.header("user-agent", "x")).await.expect_problem(401, "invalid_token");
        }
    }
    let text = tasks.until("listening").await;
    // Every line begins with a time.
    for line in text.lines() {
        assert!(line.starts_with("20") && line.as_bytes().get(10) == Some(&b'T'), "{line:?} in\n{text}");
    }
    assert!(!text.contains(['\u{1b}', '\u{2028}', '\u{85}', '\r']), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_tells_who_did_what_to_which_object() {
    if !is_served("tasks") {
        return;
    }
    let database = TestDatabase::new().await;
    let tasks = Tasks::start(database.url(), &[]);
    tasks.listens().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let admin = tasks.client().login("/api/v1/auth/login/access-token", "admin@example.com", "admin").await;
    let request = admin.request(http::Method::GET, "/api/v1/tasks/2").header("x-forwarded-for", "203.0.113.9");
    let request =
        request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")).header("x-request-id", "asked");
    let answer = admin.send(request).await;
    assert_eq!(answer.headers.get("x-authenticated-user").map(http::HeaderValue::as_bytes), Some(&b"1"[..]));
    admin.post("/api/v1/projects", &json!({"title": "Logged"})).await.expect(201);
    tasks.client().get("/health").await.expect(200);
    tasks.client().get("/metrics").await;
    let text = tasks.until("create_project").await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let line =
        |of: &dyn Fn(&Value) -> bool| lines.iter().find(|line| of(line)).unwrap_or_else(|| panic!("{text}")).clone();
    let asked = line(&|line| line["request_id"] == "asked");
    assert_eq!(
        (&asked["enduser.id"], &asked["client.address"], &asked["trace_id"]),
        (&json!("1"), &json!("203.0.113.9"), &json!(trace))
    );
    let of = ["url.path", "http.route", "http.request.method", "http.response.status_code", "service.name", "message"];
    let told = json!(["/api/v1/tasks/2", "/api/v1/tasks/{task_id}", "GET", 200, "tasks", "request completed"]);
    assert_eq!(json!(of.map(|name| &asked[name])), told);
    assert!(asked["duration_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < 60.0), "{asked}");
    assert!(asked.as_object().unwrap().values().all(|value| !value.is_null() && value != ""), "{asked}");
    let login = line(&|line| line["url.path"] == "/api/v1/auth/login/access-token");
    assert_eq!((&login["enduser.id"], &login["client.address"]), (&json!("1"), &json!("127.0.0.1")));
    let made = line(&|line| line["operation"] == "create_project");
    let location = made["http.response.header.location"].as_str();
    assert!(location.is_some_and(|location| location.starts_with("/api/v1/projects/")), "{made}");
    let probed = lines.iter().filter(|line| line["url.path"] == "/health" || line["url.path"] == "/metrics").count();
    assert_eq!(probed, 0, "what is asked every few seconds is no news: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_request_names_it() {
    if !is_served("tasks") {
        return;
    }
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    for format in ["json", "text"] {
        let database = TestDatabase::new().await;
        let tasks = Tasks::start(database.url(), &[("RUST_LOG", "info,sqlx=debug"), ("LOG_FORMAT", format)]);
        tasks.listens().await;
        let admin = tasks.client().login("/api/v1/auth/login/access-token", "admin@example.com", "admin").await;
        let ask = async |method: http::Method, path: &str, body: Option<Value>, id: &str| {
            let request = admin.request(method, path).header("x-request-id", id);
            let request = request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
            admin.send(body.iter().fold(request, |request, body| request.json(body))).await
        };
        ask(http::Method::GET, "/api/v1/tasks/2", None, "one-who-reads").await.expect(200);
        // Transactions are not cancelled, and what they did is audited.
        ask(http::Method::PATCH, "/api/v1/users/2", Some(json!({"is_active": false})), "one-who-writes")
            .await
            .expect(200);
        let text = tasks.until("user.deactivated").await;
        let text = if text.contains("patch_user") { text } else { tasks.until("patch_user").await };
        // The request, and the content of its log lines.
        for (id, told) in [
            ("one-who-reads", "FROM tasks t"),
            ("one-who-reads", "get_task"),
            ("one-who-writes", "UPDATE users"),
            ("one-who-writes", "user.deactivated"),
            ("one-who-writes", "patch_user"),
        ] {
            let about = |line: &&str| line.contains(told) && line.contains(id);
            let line = text.lines().find(about).unwrap_or_else(|| panic!("{told} of {id} in\n{text}"));
            assert_eq!((line.matches("request_id").count(), line.matches("trace_id").count()), (1, 1), "{line}");
            if format == "json" {
                let line: Value = serde_json::from_str(line).expect(line);
                assert_eq!((&line["request_id"], &line["trace_id"]), (&json!(id), &json!(TRACE)), "{line}");
            } else {
                assert!(line.contains(TRACE), "{line}");
            }
        }
        let outside = text.lines().find(|line| line.contains("listening")).expect("it says so");
        assert!(!outside.contains("request_id"), "{outside}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_with_its_place_and_the_cause() {
    if !is_served("tasks") {
        return;
    }
    let nobody = backends::free_port().unwrap();
    let url = format!("postgresql://somebody:k3Vd82hq@127.0.0.1:{nobody}/shop");
    let tasks = Tasks::start(&url, &[("LOG_FORMAT", "text"), ("REDIS_URL", "redis://:k3Vd82hq@127.0.0.1:1/0")]);
    let text = tasks.until("Redis unavailable").await;
    let told: Vec<&str> = text.lines().filter(|line| line.contains("Postgres unavailable")).collect();
    assert_eq!(told.len(), 1, "once, not each time: {text}");
    for what in ["WARN", &format!("127.0.0.1:{nobody}"), "shop", "somebody", "onnection refused"] {
        assert!(told[0].contains(what), "{what}: {}", told[0]);
    }
    assert!(!text.contains("k3Vd82hq"), "{text}");

    for command in [&["migrate"][..], &["verify"]] {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_server"));
        tool.env_clear()
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .args(command)
            .env("DATABASE_URL", &url)
            .env("ENVIRONMENT", "development");
        let output = tool.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(if command == ["verify"] { 2 } else { 1 }), "{said}");
        assert!(said.contains(&format!("127.0.0.1:{nobody}")) && said.contains("onnection refused"), "{said}");
        assert!(!said.contains("internal_error") && !said.contains("k3Vd82hq"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_nobody_has_migrated_is_told() {
    if !is_served("tasks") {
        return;
    }
    let database = TestDatabase::empty().await;
    let tasks = Tasks::start(database.url(), &[("LOG_FORMAT", "text")]);
    let text = tasks.until("not migrated").await;
    assert!(text.contains("server migrate") && text.contains("WARN"), "{text}");
}

#[test]
fn the_version_is_that_of_what_is_served() {
    let output = Command::new(env!("CARGO_BIN_EXE_server")).arg("--version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for service in services::SERVICES.iter().filter(|service| service.prefix.is_some()) {
        let document: Value = serde_json::from_str(service.document).unwrap();
        assert!(
            said.contains(&format!("{} {}", service.name, document["info"]["version"].as_str().unwrap())),
            "{said}"
        );
    }
}
