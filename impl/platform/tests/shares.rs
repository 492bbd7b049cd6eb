//! No client can take from the others what is scarce: it is served within its share, or told that it is its own doing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::routing::{get, post};
use contract::{Answer, Api, BodyRule, Caller, Operation, Problem, Quota, Reply, Security};
use platform::http::{Description, Readiness};
use platform::{Database, Error, shares};
use testkit::{Client, TestDatabase, TestServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A service that does what it is asked with its database; whoever says a number is that user.
struct Demo(Database);

struct Numbered(i64);

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

struct Bytes(usize);

impl Answer for Bytes {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(Reply::new(200).bytes("text/plain", vec![b'x'; self.0]))
    }
}

struct Events;

impl Answer for Events {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(Reply::new(200).events(Box::pin(futures_util::stream::pending())))
    }
}

const fn operation(id: &'static str, method: &'static str, body: Option<BodyRule>) -> Operation {
    Operation {
        id,
        method,
        path: "",
        security: Security::Optional(&[]),
        body,
        query: None,
        codes: &[],
        deadline: Operation::DEFAULT_DEADLINE,
        statuses: &[200, 400, 401, 408, 429, 500, 503],
        etag: false,
        rate_limits: &[],
        quotas: &[],
        event_streams: None,
        token_endpoint: None,
    }
}

static QUICK: Operation = operation("quick", "GET", None);
static SLOW: Operation = operation("slow", "GET", None);
static LARGE: Operation = operation("large", "GET", None);
static MADE: Operation = operation("made", "POST", None);
static COMPUTE: Operation = operation("compute", "GET", None);
static COMPUTE_AND_WAIT: Operation = operation("compute_and_wait", "GET", None);
static FOLLOW: Operation = Operation { event_streams: Some(64), ..operation("follow", "GET", None) };

async fn statement(db: &Database, seconds: f64) -> Result<Bytes, Error> {
    sqlx::query("SELECT pg_sleep($1)").bind(seconds).execute(db.reads()).await?;
    Ok(Bytes(2))
}

fn compute_for_half_a_second() {
    let (begun, mut rounds) = (Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_millis(500) {
        rounds = std::hint::black_box(rounds + 1);
    }
}

fn router(database: Database) -> axum::Router {
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

struct World {
    server: TestServer,
    // Dropped last: the connections are gone by then.
    _test: TestDatabase,
}

impl World {
    async fn new(flags: &[&str]) -> Self {
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

    fn user(&self, user: i64) -> Client {
        self.server.client().with_token(user.to_string())
    }

    async fn metric(&self, line: &str) -> f64 {
        let text = self.server.client().get("/metrics").await.text;
        let value = text.lines().find_map(|one| one.strip_prefix(line)).unwrap_or_else(|| panic!("{line}: {text}"));
        value.trim().parse().expect("a number")
    }
}

/// Asks again and again from so many connections until it is aborted.
fn flood(client: &Client, path: &'static str, connections: usize) -> JoinSet<()> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_statements_of_ten_users_leave_short_ones_their_places() {
    let world = World::new(&[]).await;
    let mut strangers: Vec<_> = (1..=10).map(|user| flood(&world.user(user), "/slow", 4)).collect();
    // After the first, that they take long is known.
    sleep(Duration::from_secs(2)).await;
    let honest = world.user(99);
    let started = Instant::now();
    for _ in 0..20 {
        honest.get("/quick").await.expect(200);
    }
    let took = started.elapsed();
    // In the order they came, each would wait for seven of the strangers', and most in vain.
    assert!(took < Duration::from_secs(10), "twenty statements of no time took {took:?}");
    strangers.iter_mut().for_each(JoinSet::abort_all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_alone_may_use_what_nobody_else_needs_and_is_told_when_it_is_too_much() {
    let world = World::new(&[]).await;
    let alone = world.user(1);
    let mut all = JoinSet::new();
    for _ in 0..4 {
        let client = alone.clone();
        all.spawn(async move { client.get("/slow").await.status.as_u16() });
    }
    assert_eq!(all.join_all().await, [200; 4]);
    let mut all = JoinSet::new();
    for _ in 0..40 {
        let client = alone.clone();
        all.spawn(async move { client.get("/slow").await });
    }
    let refused: Vec<_> = all.join_all().await.into_iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty(), "it waited for places in vain");
    for refusal in refused {
        let refusal = refusal.expect_problem(429, "too_many_concurrent_requests");
        assert_eq!(refusal.header("retry-after"), "1");
    }
    assert!(world.metric(r#"client_refusals_total{resource="database_reads",kind="share"}"#).await > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_charged_for_long_statements_while_others_ask_and_refuses_nobody_else() {
    let world = World::new(&["--database-budget-seconds", "1"]).await;
    let (dear, other) = (world.user(1), world.user(2));
    for _ in 0..4 {
        dear.get("/slow").await.expect(200);
    }
    dear.get("/quick").await.expect(200);
    gets_into_debt("database_budget_exhausted", async || {
        other.get("/quick").await.expect(200);
        dear.get("/slow").await
    })
    .await;
    // Somebody at the same address without a token is somebody else.
    world.server.client().get("/quick").await.expect(200);
    other.get("/quick").await.expect(200);
    is_counted(&world, "database_time", async || dear.get("/slow").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_keeps_processors_busy_pays_for_that() {
    let world = World::new(&["--processor-budget-seconds", "1"]).await;
    let (dear, other) = (world.user(1), world.user(2));
    gets_into_debt("processor_budget_exhausted", async || {
        other.get("/quick").await.expect(200);
        dear.get("/compute").await
    })
    .await;
    other.get("/compute").await.expect(200);
    is_counted(&world, "processor_time", async || dear.get("/compute").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hangs_up_pays_as_well() {
    let world = World::new(&["--processor-budget-seconds", "1"]).await;
    let (dear, other) = (world.user(1), world.user(2));
    gets_into_debt("processor_budget_exhausted", async || {
        other.get("/quick").await.expect(200);
        let gone = slow_reader(world.server.address(), 1, "GET /compute-and-wait").await;
        sleep(Duration::from_millis(700)).await;
        drop(gone);
        dear.get("/quick").await
    })
    .await;
}

/// Asks until it is refused for what it costs. On a busy machine a second is not all spent on this, and a debt may be paid off
/// before the next request.
async fn gets_into_debt(code: &str, ask: impl AsyncFn() -> testkit::Answer) {
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

/// Asks until the client is seen to be in debt; nobody else is.
async fn is_counted(world: &World, resource: &str, ask: impl AsyncFn() -> testkit::Answer) {
    let metric = format!("clients_in_debt{{resource=\"{resource}\"}}");
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

/// Asks for something large and does not read the answer.
async fn slow_reader(address: SocketAddr, user: i64, request: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("the service listens");
    let head = format!("{request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {user}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_read_is_held_against_its_reader_until_it_is() {
    let world = World::new(&["--http-unsent-mib", "64"]).await;
    let mut readers = Vec::new();
    for _ in 0..9 {
        readers.push(slow_reader(world.server.address(), 1, "GET /large").await);
        sleep(Duration::from_millis(100)).await;
    }
    let held = world.metric("http_unsent_bytes").await;
    assert_eq!(held, f64::from(12 << 20), "a quarter of what is left, in six answers");
    world.user(1).get("/large").await.expect_problem(429, "too_many_unread_answers");
    assert_eq!(world.user(2).get("/large").await.text.len(), 2 << 20, "another has its part");
    // What was done is answered, whatever is held.
    let mut maker = slow_reader(world.server.address(), 2, "POST /made").await;
    let mut status = [0; 12];
    maker.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    drop((readers, maker));
    let gone = timeout(Duration::from_secs(20), async {
        while world.metric("http_unsent_bytes").await > 0.0 {
            sleep(Duration::from_millis(50)).await;
        }
    });
    gone.await.expect("what is not sent goes with its connection");
    assert_eq!(world.user(1).get("/large").await.text.len(), 2 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_streams_are_counted_by_whoever_follows_them() {
    let world = World::new(&[]).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut socket = slow_reader(world.server.address(), 1, "GET /follow").await;
        let mut status = [0; 12];
        socket.read_exact(&mut status).await.expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 200");
        open.push(socket);
    }
    world.user(1).get("/follow").await.expect_problem(429, "too_many_event_streams");
    let mut other = slow_reader(world.server.address(), 2, "GET /follow").await;
    let mut status = [0; 12];
    other.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(world.metric("http_event_streams_open").await, 65.0);
}
