//! Redis is full, demoted, frozen or slow, rewrites its file, or its sentinels turn to another: every order is accepted, and decided
//! within ten seconds; readiness and gauges tell what Redis is.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backends::process::Signal;
use deadpool_redis::redis::{Cmd, cmd};
use ha::{PASSWORD, RedisServer, Sentinel, Site};
use testkit::process::Process;
use testkit::scale::size;
use testkit::system::{Plan, System};
use testkit::{Fault, FaultProxy};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::orders::{self, Orders, Shop};
use crate::record::Record;

const CLIENTS: usize = 3;
/// An accepted order is reserved or rejected within this time, whatever Redis does.
const DECIDED: Duration = Duration::from_secs(10);
/// Readiness probes Redis this often at least.
const TOLD: Duration = Duration::from_secs(10);

/// The shop and its worker with a Redis at a URL, and clients that order all the time.
struct Shopping {
    processes: [Process; 2],
    record: Record,
    shop: Shop,
    orders: Arc<Mutex<Orders>>,
    clients: JoinSet<()>,
    end: CancellationToken,
    system: System,
}

impl Shopping {
    async fn start(name: &'static str, redis_url: &str) -> Self {
        let system = System::start(&Plan::new(name)).await;
        let mut processes = ["shop", "worker"].map(|role| system.process(role, role, &[("REDIS_URL", redis_url)]));
        processes.iter_mut().for_each(Process::start);
        for process in &mut processes {
            process.ready().await;
        }
        let shop = Shop::open(processes[0].url()).await;
        let (record, orders, end) = (Record::default(), Arc::default(), CancellationToken::new());
        let mut clients = JoinSet::new();
        for n in 0..CLIENTS {
            clients.spawn(orders::run(shop.clone(), n, record.clone(), Arc::clone(&orders), end.clone()));
        }
        Self { processes, record, shop, orders, clients, end, system }
    }

    /// Lets time pass while a fault lasts; no order may stay undecided for too long.
    async fn goes_on(&self, what: &str, time: Duration) {
        let (begun, mut oldest) = (Instant::now(), 0.0_f64);
        while begun.elapsed() < time {
            let sql = "SELECT coalesce(extract(epoch FROM max(clock_timestamp() - created_at)), 0)::float8 FROM orders WHERE status = 'PENDING'";
            let age: f64 = sqlx::query_scalar(sql).fetch_one(&self.system.db).await.expect("an age");
            oldest = oldest.max(age);
            assert!(age < DECIDED.as_secs_f64(), "{what}: an order is undecided for {age:.1} s\n{}", self.tails());
            sleep(Duration::from_millis(100)).await;
        }
        println!("{what}: the oldest undecided order was {oldest:.1} s old");
    }

    /// Waits until both processes tell this state of Redis, in readiness and by gauges.
    async fn tells(&self, state: &str) {
        let up = state == "ok";
        let (readiness, gauge) = match state {
            "ok" => (&["ok"][..], "writable"),
            "silent" => (&["unavailable"][..], state),
            _ => (&[state][..], state),
        };
        let (begun, mut last) = (Instant::now(), String::new());
        for process in &self.processes {
            loop {
                let client = testkit::Client::new(process.url());
                let (ready, metrics) = (client.get("/health/ready").await, client.get("/metrics").await.text);
                let state = format!("redis_state{{purpose=\"queue\",state=\"{gauge}\"}} 1");
                let value = format!("redis_up{{purpose=\"queue\"}} {}.0", i32::from(up));
                if readiness.iter().any(|word| ready.json["redis"] == *word)
                    && metrics.contains(&state)
                    && metrics.contains(&value)
                {
                    break;
                }
                last.clear();
                last.push_str(&ready.text);
                metrics.lines().filter(|line| line.starts_with("redis_")).for_each(|line| last.push_str(line));
                assert!(begun.elapsed() < TOLD, "{state} and {value} are not told: {last}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn tails(&self) -> String {
        self.processes.iter().map(Process::tail).collect::<Vec<_>>().join("\n\n")
    }

    async fn holds(mut self) {
        self.end.cancel();
        while let Some(client) = self.clients.join_next().await {
            client.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        }
        println!("{}", self.record.summary());
        self.system.comes_to_rest(0, || self.tails()).await;
        let orders = Arc::into_inner(self.orders).and_then(|orders| orders.into_inner().ok());
        orders.expect("the clients have ended").hold(&self.system, &self.shop, &self.record).await;
        assert_eq!(self.record.unexpected(), Vec::<String>::new());
        for process in &mut self.processes {
            assert_eq!(process.stop().await.code(), Some(0));
        }
    }
}

async fn order(server: &RedisServer, command: &Cmd) {
    server.ask::<()>(command).await.expect("Redis does it");
}

/// Longer than an order may stay undecided.
fn long() -> Duration {
    size(DECIDED + Duration::from_secs(2), Duration::from_secs(40))
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_decided_whatever_a_redis_says() {
    let site = Arc::new(Site::new("redis").expect("the programs are there"));
    let servers = ["redis-1", "redis-2"].map(|name| RedisServer::start(&site, name, "").expect("Redis starts"));
    let [server, other] = &servers;
    let network = FaultProxy::start(&server.url()).await;
    let shopping = Shopping::start("ha-redis", network.url()).await;
    shopping.tells("ok").await;

    order(server, cmd("CONFIG").arg("SET").arg("maxmemory").arg("1")).await;
    shopping.tells("full").await;
    shopping.goes_on("full", long()).await;
    order(server, cmd("CONFIG").arg("SET").arg("maxmemory").arg("128mb")).await;
    shopping.tells("ok").await;

    // Connections stay open.
    let port = other.address().port();
    order(server, cmd("REPLICAOF").arg("127.0.0.1").arg(port)).await;
    shopping.tells("read_only").await;
    shopping.goes_on("demoted", long()).await;
    order(server, cmd("REPLICAOF").arg("NO").arg("ONE")).await;
    shopping.tells("ok").await;

    server.signal(Signal::SIGSTOP);
    shopping.tells("silent").await;
    shopping.goes_on("frozen", long()).await;
    server.signal(Signal::SIGCONT);
    shopping.tells("ok").await;

    // 300 ms for each command.
    network.set(Fault::Delay(Duration::from_millis(150)));
    shopping.goes_on("slow", long()).await;
    shopping.tells("ok").await;
    network.set(Fault::Pass);

    for _ in 0..size(3, 20) {
        order(server, &cmd("BGREWRITEAOF")).await;
        shopping.goes_on("rewrites its file", Duration::from_secs(2)).await;
    }
    shopping.tells("ok").await;
    shopping.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_decided_while_sentinels_turn_to_another_redis() {
    let site = Arc::new(Site::new("redis-sentinel").expect("the programs are there"));
    let mut group = Sentinel::start(&site).await.expect("a group");
    let url = format!("redis-sentinel://:{PASSWORD}@{}/0?master={}", group.addresses(), group.name());
    let shopping = Shopping::start("ha-redis-sentinel", &url).await;
    shopping.tells("ok").await;
    for n in 0..size(2, 10) {
        let old = group.primary().await.expect("a primary");
        match n % 2 {
            0 => group.failover().await.expect("another primary"),
            _ => {
                group.servers[old].kill().expect("it is killed");
                group.other_than(old).await.expect("another primary");
            }
        }
        shopping.goes_on("another primary", Duration::from_secs(8)).await;
        shopping.tells("ok").await;
        if n % 2 == 1 {
            group.servers[old].revive().expect("it starts");
            group.complete().await.expect("it follows");
        }
    }
    shopping.holds().await;
}
