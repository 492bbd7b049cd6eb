//! A service whose requests cost what they ask for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::routing::{get, post};
use contract::{Answer, Api, BodyRule, Caller, Operation, Problem, Quota, Reply, Security, Statuses};
use platform::http::{Description, Readiness};
use platform::{Database, Error, shares};
use testkit::{Client, TestDatabase, TestServer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A service that runs requests on its database; a number as the token is that user.
pub(crate) struct Demo(pub(crate) Database);

pub(crate) struct Numbered(pub(crate) i64);

impl Caller for Numbered {
    fn has_scope(&self, _: &str) -> bool {
        true
    }
}

impl Api for Demo {
    type Caller = Numbered;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Numbered, Error> {
        Ok(Numbered(token.parse().map_err(|_| Problem::unauthorized("invalid_token", "Not a number."))?))
    }

    fn enter(&self, operation: &'static Operation, caller: Option<&Numbered>) -> Result<(), Error> {
        Ok(shares::enter(operation, caller.map(|Numbered(user)| *user))?)
    }

    async fn admit(&self, _: &'static Operation, _: Option<&Numbered>) -> Result<Vec<Quota>, Error> {
        Ok(Vec::new())
    }
}

pub(crate) struct Bytes(pub(crate) usize);

impl Answer for Bytes {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(Reply::new(200).bytes("text/plain", vec![b'x'; self.0]))
    }
}

pub(crate) struct Events;

impl Answer for Events {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(Reply::new(200).events(Box::pin(futures_util::stream::pending())))
    }
}

pub(crate) const fn operation(id: &'static str, method: &'static str, body: Option<BodyRule>) -> Operation {
    Operation {
        id,
        method,
        security: Security::Optional(&[]),
        body,
        statuses: Statuses::of(&[200, 400, 401, 408, 429, 500, 503]),
        ..Operation::NEW
    }
}

pub(crate) static QUICK: Operation = operation("quick", "GET", None);
pub(crate) static SLOW: Operation = operation("slow", "GET", None);
pub(crate) static LARGE: Operation = operation("large", "GET", None);
pub(crate) static MADE: Operation = operation("made", "POST", None);
pub(crate) static COMPUTE: Operation = operation("compute", "GET", None);
pub(crate) static COMPUTE_AND_WAIT: Operation = operation("compute_and_wait", "GET", None);
pub(crate) static FOLLOW: Operation = Operation { event_streams: Some(64), ..operation("follow", "GET", None) };

pub(crate) async fn statement(db: &Database, seconds: f64) -> Result<Bytes, Error> {
    sqlx::query("SELECT pg_sleep($1)").bind(seconds).execute(db.reads()).await?;
    Ok(Bytes(2))
}

pub(crate) fn compute_for_half_a_second() {
    let (begun, mut rounds) = (Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_millis(500) {
        rounds = std::hint::black_box(rounds + 1);
    }
}

pub(crate) fn router(database: Database) -> axum::Router {
    type Shared = State<Arc<Demo>>;
    let quick = async |State(demo): Shared, request: Request| {
        let db = demo.0.clone();
        contract::optional(&QUICK, demo, request, |_| Some(()), async move |_, _, ()| statement(&db, 0.0).await).await
    };
    let slow = async |State(demo): Shared, request: Request| {
        let db = demo.0.clone();
        contract::optional(&SLOW, demo, request, |_| Some(()), async move |_, _, ()| statement(&db, 0.5).await).await
    };
    let large = async |State(demo): Shared, request: Request| {
        let make = async |_, _, ()| Ok::<_, Error>(Bytes(2 << 20));
        contract::optional(&LARGE, demo, request, |_| Some(()), make).await
    };
    let made = async |State(demo): Shared, request: Request| {
        let make = async |_, _, ()| Ok::<_, Error>(Bytes(2 << 20));
        contract::optional(&MADE, demo, request, |_| Some(()), make).await
    };
    let compute = async |State(demo): Shared, request: Request| {
        let make = async |_, _, ()| {
            compute_for_half_a_second();
            Ok::<_, Error>(Bytes(2))
        };
        contract::optional(&COMPUTE, demo, request, |_| Some(()), make).await
    };
    let compute_and_wait = async |State(demo): Shared, request: Request| {
        let make = async |_, _, ()| {
            compute_for_half_a_second();
            std::future::pending::<Result<Bytes, Error>>().await
        };
        contract::optional(&COMPUTE_AND_WAIT, demo, request, |_| Some(()), make).await
    };
    let follow = async |State(demo): Shared, request: Request| {
        contract::optional(&FOLLOW, demo, request, |_| Some(()), async |_, _, ()| Ok::<_, Error>(Events)).await
    };
    axum::Router::new()
        .route("/compute-and-wait", get(compute_and_wait))
        .route("/quick", get(quick))
        .route("/slow", get(slow))
        .route("/large", get(large))
        .route("/made", post(made))
        .route("/compute", get(compute))
        .route("/follow", get(follow))
        .with_state(Arc::new(Demo(database)))
}

pub(crate) struct World {
    pub(crate) server: TestServer,
    // Dropped last: the connections are closed by then.
    pub(crate) _test: TestDatabase,
}

impl World {
    pub(crate) async fn new(flags: &[&str]) -> Self {
        let test = TestDatabase::empty().await;
        let database = Database::new(&test.settings(), "shares").expect("settings");
        let description = Description {
            service: "demo".into(),
            version: "1".into(),
            document: r#"{"openapi": "3.0.3", "paths": {}}"#,
        };
        let flags = [&["--trusted-proxies", "127.0.0.0/8"], flags].concat();
        let server = TestServer::start(description, router(database), Readiness::default(), &flags);
        Self { server, _test: test }
    }

    pub(crate) fn user(&self, user: i64) -> Client {
        self.server.client().with_token(user.to_string())
    }

    pub(crate) async fn metric(&self, line: &str) -> f64 {
        let text = self.server.client().get("/metrics").await.text;
        let value = text.lines().find_map(|one| one.strip_prefix(line)).unwrap_or_else(|| panic!("{line}: {text}"));
        value.trim().parse().expect("a number")
    }
}

/// Sends requests over so many connections until it is aborted.
pub(crate) fn flood(client: &Client, path: &'static str, connections: usize) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for _ in 0..connections {
        let client = client.clone();
        all.spawn(async move {
            loop {
                if client.get(path).await.status != 200 {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    all
}

/// Sends requests until one is rejected for its cost. On a busy machine a second is not all spent on this, and the budget may be
/// refilled before the next request.
pub(crate) async fn gets_into_debt(code: &str, ask: impl AsyncFn() -> testkit::Answer) {
    for _ in 0..100 {
        let answer = ask().await;
        if answer.status == 200 {
            continue;
        }
        let refusal = answer.expect_problem(429, code);
        let wait: u64 = refusal.header("retry-after").parse().expect("seconds");
        assert!((1..=120).contains(&wait), "{wait}");
        return;
    }
    panic!("never refused");
}

/// Sends requests until the client is counted as over its budget; no other client is.
pub(crate) async fn is_counted(world: &World, resource: &str, ask: impl AsyncFn() -> testkit::Answer) {
    let metric = format!("clients_over_budget{{resource=\"{resource}\"}}");
    for _ in 0..100 {
        ask().await;
        let clients = world.metric(&metric).await;
        assert!(clients <= 1.0, "{clients} clients");
        if clients > 0.0 {
            return;
        }
    }
    panic!("never counted");
}

/// Requests a large response and does not read it.
pub(crate) async fn slow_reader(address: SocketAddr, user: i64, request: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("the service listens");
    let head = format!("{request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {user}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}
