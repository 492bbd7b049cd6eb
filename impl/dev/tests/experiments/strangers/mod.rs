//! A stranger does the worst that each operation of the documents allows, one after the other, at the service and through the
//! gateway; meanwhile others' requests must not fail, memory stays bounded, and everything is idle again afterwards.
//!
//! The operations are those of the documents, so a new one is tried by itself. What each costs is printed as a table.

mod other;
mod stranger;
mod worst;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use platform::service::Entry;
use reqwest::{Client, Method, Response};
use services::SERVICES;
use testkit::documents::is_served;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{interval, sleep};

use self::other::Other;
use self::stranger::{Stranger, client};
use self::worst::{Asked, Document, Made};
use crate::gateway::Gateway;
use testkit::process::Process;
use testkit::scale::size;
use testkit::system::{Plan, System};

/// Different requests for an operation: made beforehand, as making them takes long, and sent again and again.
const DIFFERENT: usize = 64;
/// No more are made than it takes to have so many bytes of bodies.
const MOST_BYTES: usize = 8 << 20;
/// Requests that are under way at once, and those that ask and do not read.
const CONNECTIONS: usize = 32;
const SLOW_READERS: usize = 16;
/// Most memory of a process, in MiB.
const MEMORY: u64 = 400;
/// How soon everything is idle again.
const IDLE: Duration = Duration::from_secs(60);
/// Of others' requests, where the machine is not shared.
const P99: Duration = Duration::from_millis(500);
/// How many requests were made: what is to be new is named after it.
static TURN: AtomicUsize = AtomicUsize::new(0);

/// A service under attack, and how it is reached.
struct Target {
    document: Document,
    base: String,
    address: String,
}

/// What came of an operation.
struct Row {
    name: String,
    asked: usize,
    statuses: HashMap<u16, usize>,
    mean: Duration,
    bytes: usize,
    /// The 99th percentile of the time that others' requests took.
    p99_of_others: Duration,
    failures: Vec<String>,
    /// Whether only the plain requests were sent, since the worst ones were rejected with this.
    refusal: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_stranger_asks_for_others_are_served() {
    // The stranger and the others have things of each of these.
    if !["tasks", "shop", "analytics"].into_iter().all(is_served) {
        return;
    }
    let plan = Plan {
        // A short run is for machines that are busy with other tests: slow is not refused there.
        environment: size::<&[(&str, &str)]>(
            &[("TRUSTED_PROXIES", "127.0.0.1")],
            &[("TRUSTED_PROXIES", "127.0.0.1"), ("DATABASE_ACQUIRE_TIMEOUT_MS", "1000")],
        ),
        ..Plan::new("strangers")
    };
    let system = System::start(&plan).await;
    let services: Vec<&Entry> = SERVICES.iter().filter(|service| service.prefix.is_some()).collect();
    let mut processes: Vec<Process> =
        services.iter().map(|service| system.process(service.name, service.name, &[])).collect();
    // It takes the orders that are made.
    let mut background: Vec<Process> = SERVICES
        .iter()
        .filter(|service| service.prefix.is_none())
        .map(|service| system.process(service.name, service.name, &[]))
        .collect();
    for process in &mut background {
        process.start();
        process.ready().await;
    }
    for process in &mut processes {
        process.start();
        process.ready().await;
    }
    let urls: Vec<String> = processes.iter().map(Process::url).collect();
    let addresses: Vec<String> = urls.iter().map(|url| url.replace("http://", "")).collect();
    let address_of =
        |name: &str| addresses[services.iter().position(|service| service.name == name).expect("a service")].clone();
    let gateway = Gateway::start(address_of, &[]).await;

    let http = Client::new();
    let other = Other::prepare(&system, &http, &urls).await;
    let mut stranger = Stranger::new(&http, &urls, 0, other.product).await;
    let mut rows = Vec::new();
    for through in [false, true] {
        for (at, service) in services.iter().enumerate() {
            let prefix = service.prefix.unwrap_or_default();
            let base = if through { format!("{}/{prefix}", gateway.url()) } else { urls[at].clone() };
            let address = if through { gateway.address.to_string() } else { addresses[at].clone() };
            let target = Target { document: Document::new(service.document), base, address };
            for asked in target.document.operations() {
                // Some operations end the session, or what others are about.
                if !stranger.is_whole(&http, &urls).await {
                    stranger = Stranger::new(&http, &urls, rows.len() + 1, other.product).await;
                }
                let mut row = attack(&target, &asked, &stranger, &other).await;
                row.name = format!("{}{}", if through { "gateway " } else { "" }, asked.id);
                println!("{row}");
                rows.push(row);
                for process in &processes {
                    let resident = process.resident() / 1024;
                    assert!(resident < MEMORY, "{resident} MiB after {}\n{}", asked.id, process.tail());
                }
            }
        }
    }
    drop(gateway);
    for process in &processes {
        comes_to_rest(&http, process).await;
        let log = process.log();
        let denied: Vec<_> = log.lines().filter(|line| line.contains("permission denied")).collect();
        assert!(denied.is_empty(), "a service lacks a right: {denied:?}");
    }
    let failed: Vec<_> =
        rows.iter().flat_map(|row| row.failures.iter().map(move |what| format!("{}: {what}", row.name))).collect();
    assert!(failed.is_empty(), "others' requests failed:\n{}", failed.join("\n"));
    let slow: Vec<_> = rows.iter().filter(|row| row.p99_of_others > P99).map(|row| &row.name).collect();
    println!("others waited longer than {P99:?} beside: {slow:?}");
    assert!(size(true, slow.is_empty()), "others waited longer than {P99:?} beside {slow:?}");
}

/// The stranger asks, paced, for a while; the other asks as well.
async fn attack(target: &Target, asked: &Asked, Stranger { token, known }: &Stranger, other: &Other) -> Row {
    let http = client();
    // What the operation takes at its worst, or as its document shows it.
    let (mut plain, mut refusal) = (true, String::new());
    for _ in 0..3 {
        let made = target.document.request(asked, TURN.fetch_add(1, Ordering::Relaxed), known, false);
        match send(&http, target, asked, token, &made).await {
            Ok(answer) if [400, 413, 422].contains(&answer.status().as_u16()) => {
                refusal = answer.text().await.unwrap_or_default();
            }
            _ => plain = false,
        }
    }
    let (mut all, mut bytes) = (Vec::new(), 0);
    while all.len() < DIFFERENT && bytes < MOST_BYTES {
        let made = target.document.request(asked, TURN.fetch_add(1, Ordering::Relaxed), known, plain);
        bytes += made.body.as_ref().map_or(0, |(_, body)| body.len());
        all.push(made);
    }
    let turn = AtomicUsize::new(0);
    let until = Instant::now() + size(Duration::from_millis(250), Duration::from_secs(10));
    let pace = Mutex::new(interval(size(Duration::from_millis(5), Duration::from_micros(500))));
    let seen = Mutex::new((HashMap::new(), Duration::ZERO, 0_usize, 0_usize));
    let watching = other.watch_from_elsewhere(until);
    let readers = slow_readers(target, asked, token, known, plain);
    let asking = futures_util::future::join_all((0..CONNECTIONS).map(|_| async {
        while Instant::now() < until {
            pace.lock().await.tick().await;
            let made = &all[turn.fetch_add(1, Ordering::Relaxed) % all.len()];
            let begun = Instant::now();
            let (status, bytes) = match send(&http, target, asked, token, made).await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    // An event stream goes on; its first bytes tell enough.
                    let endless = answer.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
                    (status, if endless { 0 } else { answer.bytes().await.map_or(0, |bytes| bytes.len()) })
                }
                Err(_) => (0, 0),
            };
            let mut seen = seen.lock().await;
            *seen.0.entry(status).or_insert(0) += 1;
            seen.1 += begun.elapsed();
            seen.2 += 1;
            seen.3 = seen.3.max(bytes);
        }
    }));
    let (_, readers) = tokio::join!(asking, readers);
    let (failures, p99_of_others) = watching.await.expect("the other does not panic");
    drop(readers);
    let (statuses, time, count, bytes) = seen.into_inner();
    let mean = time / u32::try_from(count).unwrap_or(1).max(1);
    Row {
        name: String::new(),
        asked: count,
        statuses,
        mean,
        bytes,
        p99_of_others,
        failures,
        refusal: plain.then_some(refusal),
    }
}

async fn send(http: &Client, target: &Target, asked: &Asked, token: &str, made: &Made) -> reqwest::Result<Response> {
    let method: Method = asked.method.parse().expect("a method");
    let mut request = http.request(method, format!("{}{}", target.base, made.target)).bearer_auth(token);
    for (name, value) in &made.headers {
        request = request.header(name, value);
    }
    if let Some((media, body)) = &made.body {
        request = request.header("content-type", media).body(body.clone());
    }
    request.send().await
}

/// Requests the largest response, and does not read it.
async fn slow_readers(
    target: &Target,
    asked: &Asked,
    token: &str,
    known: &HashMap<String, i64>,
    plain: bool,
) -> Vec<TcpStream> {
    let mut readers = Vec::new();
    if asked.method != "GET" {
        return readers;
    }
    for n in 0..SLOW_READERS {
        let made = target.document.request(asked, n, known, plain);
        let path = target.base.splitn(4, '/').nth(3).map_or(String::new(), |prefix| format!("/{prefix}"));
        let head = format!("GET {path}{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n", made.target);
        if let Ok(mut socket) = TcpStream::connect(&target.address).await {
            let _ = socket.write_all(head.as_bytes()).await;
            readers.push(socket);
        }
    }
    readers
}

/// Nothing is under way, nothing is held.
async fn comes_to_rest(http: &Client, process: &Process) {
    let deadline = Instant::now() + IDLE;
    loop {
        let text = http.get(format!("{}/metrics", process.url())).send().await.expect("an answer").text().await;
        let text = text.expect("metrics");
        let busy = text.lines().filter(|line| {
            let held = ["http_server_buffered_bytes ", "http_server_open_event_streams "]
                .iter()
                .any(|name| line.starts_with(name));
            let used =
                line.starts_with("db_client_connections") && line.contains(r#"db_client_connection_state="used""#);
            (held || used) && !line.ends_with(" 0")
        });
        let busy: Vec<_> = busy.collect();
        if busy.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "not idle within {IDLE:?}: {busy:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut statuses: Vec<_> = self.statuses.iter().map(|(status, count)| format!("{status}x{count}")).collect();
        statuses.sort();
        let Self { name, asked, mean, bytes, p99_of_others, failures, refusal, .. } = self;
        write!(
            to,
            "{name:40} asked {asked:5}  mean {mean:8.1?}  largest answer {bytes:8}  others' p99 {p99_of_others:8.1?} \
             failed {}  {} {}",
            failures.len(),
            statuses.join(" "),
            refusal
                .as_ref()
                .map_or_else(String::new, |refusal| format!("(plain, since the worst is refused: {refusal})"))
        )
    }
}
