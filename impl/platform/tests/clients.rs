//! Clients that send or read too slowly are disconnected, without effect on others; a shutdown waits for requests in progress.

mod demo;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use platform::http::{Description, Readiness};
use testkit::{Client, TestServer, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Clients of each kind.
const CLIENTS_PER_KIND: usize = 250;
/// Slow clients must be disconnected by then.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(10);

fn start(flags: &[&str]) -> TestServer {
    let description = Description { service: "demo".into(), version: "1.2.3".into(), document: demo::DOCUMENT };
    TestServer::start(description, demo::router(), Readiness::default(), flags)
}

/// A connection that begins with `first`, then sends a byte each half second and reads nothing until `reading`.
/// Returns how long the server keeps it open.
async fn slow(address: SocketAddr, first: &'static str, reading: bool) -> Duration {
    let mut socket = TcpStream::connect(address).await.expect("the service listens");
    socket.write_all(first.as_bytes()).await.expect("sent");
    let begun = Instant::now();
    let mut bytes = [0; 512];
    loop {
        if reading {
            // Reads half a kilobyte twice a second of the many megabytes it requested.
            sleep(Duration::from_millis(500)).await;
            if !matches!(socket.read(&mut bytes).await, Ok(count) if count > 0) {
                return begun.elapsed();
            }
            // Buffered data can still be read after the server has closed the connection; writing detects it.
            if socket.write_all(b"x").await.is_err() {
                return begun.elapsed();
            }
        } else {
            match timeout(Duration::from_millis(500), socket.read(&mut bytes)).await {
                Ok(Ok(0) | Err(_)) => return begun.elapsed(),
                Ok(Ok(_)) => {}
                Err(_) => {
                    if !first.is_empty() && socket.write_all(b"x").await.is_err() {
                        return begun.elapsed();
                    }
                }
            }
        }
    }
}

/// Sends requests until `DISCONNECT_TIMEOUT` has passed; returns their number, and the time of the slowest.
async fn probe(client: Client) -> (usize, Duration) {
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    let until = Instant::now() + DISCONNECT_TIMEOUT;
    while Instant::now() < until {
        let begun = Instant::now();
        client.get("/api/quick").await.expect(200);
        client.get("/health").await.expect(200);
        slowest = slowest.max(begun.elapsed());
        asked += 2;
        sleep(Duration::from_millis(10)).await;
    }
    (asked, slowest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_cut_while_others_are_served() {
    // Fewer places than slow senders: waiting for a body must not hold one.
    let server = start(&["--http-concurrency", "64"]);
    let address = server.address();
    let kinds = [
        ("sending nothing", "", false),
        ("sending a head", "GET /api/quick HTTP/1.1\r\nhost: x\r\nx-slow: ", false),
        (
            "sending a body",
            "POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n\"",
            false,
        ),
        ("reading", "GET /api/large HTTP/1.1\r\nhost: x\r\n\r\n", true),
    ];
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS_PER_KIND {
        for (kind, first, reading) in kinds {
            clients.spawn(async move { (kind, timeout(DISCONNECT_TIMEOUT * 2, slow(address, first, reading)).await) });
        }
    }
    let probing = tokio::spawn(probe(server.client()));
    while let Some(cut) = clients.join_next().await {
        let (kind, after) = cut.expect("no panic");
        assert!(matches!(after, Ok(after) if after < DISCONNECT_TIMEOUT), "{kind}: {after:?}");
    }
    let (asked, slowest) = probing.await.expect("every probe is answered");
    assert!(asked > 100 && slowest < Duration::from_secs(5), "{asked} probes, the slowest took {slowest:?}");
    // The last ones may still be closing; nothing of them stays.
    let client = server.client();
    let gone = timeout(DISCONNECT_TIMEOUT, async {
        while !client.get("/metrics").await.text.contains("http_server_open_connections 1\n") {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(gone.await.is_ok(), "{}", client.get("/metrics").await.text);
}

#[tokio::test]
async fn a_late_body_is_answered() {
    let server = start(&[]);
    let mut socket = TcpStream::connect(server.address()).await.expect("the service listens");
    let head = "POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n\"";
    socket.write_all(head.as_bytes()).await.expect("sent");
    let late = raw::read(&mut socket).await.expect_problem(408, "request_timeout");
    assert_eq!(late.header("connection"), "close");
}

/// Many clients send head and body one after the other. An early response must not be lost to the reset that closing the
/// connection under the body would cause.
#[tokio::test]
async fn a_refusal_arrives_although_the_body_was_not_read() {
    let server = start(&[]);
    for path in ["/api/nothing", "/api/quick", "/health", "/api/echo"] {
        let mut socket = TcpStream::connect(server.address()).await.expect("the service listens");
        // Too large for what would read it.
        let size = 2_000_000;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.expect("sent");
        sleep(Duration::from_millis(50)).await;
        socket.write_all(&vec![b'x'; size]).await.expect("the connection is still there");
        let refused = raw::read(&mut socket).await;
        assert!([404, 405, 413].contains(&refused.status.as_u16()), "{path}: {}", refused.status);
        socket.write_all(b"GET /api/quick HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("and may be used again");
        raw::read(&mut socket).await.expect(200);
    }
}

/// The response is held back for an unneeded body, but not until its client has lost it.
#[tokio::test]
async fn a_refusal_arrives_although_the_body_goes_on_and_on() {
    let server = start(&[]);
    let socket = TcpStream::connect(server.address()).await.expect("the service listens");
    let (mut read, mut write) = socket.into_split();
    let sending = tokio::spawn(async move {
        let head = "POST /api/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n";
        let mut sent = write.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            sleep(Duration::from_millis(20)).await;
            sent = write.write_all(&[b'x'; 1_000]).await;
        }
    });
    let (mut answer, mut chunk) = (Vec::new(), [0; 4_096]);
    while !answer.ends_with(b"}") {
        let count =
            timeout(DISCONNECT_TIMEOUT, read.read(&mut chunk)).await.expect("in time").expect("no reset before it");
        assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..count]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&answer));
    sending.abort();
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_is_not_asked_for_in_vain() {
    let server = start(&[]);
    let mut socket = TcpStream::connect(server.address()).await.expect("the service listens");
    let head = "POST /api/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    socket.write_all(head.as_bytes()).await.expect("sent");
    raw::read(&mut socket).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn idle_connections_live_a_little() {
    let server = start(&[]);
    let mut socket = TcpStream::connect(server.address()).await.expect("the service listens");
    for _ in 0..3 {
        socket.write_all(b"GET /api/quick HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        raw::read(&mut socket).await.expect(200);
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_closes_the_rest() {
    let server = start(&["--shutdown-drain-ms", "2000"]);
    let client = server.client();
    let mut idle = TcpStream::connect(server.address()).await.expect("the service listens");
    idle.write_all(b"GET /api/quick HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    raw::read(&mut idle).await.expect(200);
    let in_flight = tokio::spawn({
        let client = client.clone();
        async move { client.get("/api/slow").await }
    });
    sleep(Duration::from_millis(100)).await;
    server.ask_to_stop();
    sleep(Duration::from_millis(50)).await;
    // Draining, but still serving.
    assert_eq!(client.get("/health/ready").await.expect(503)["status"], "draining");
    let last = client.get("/api/quick").await;
    assert_eq!((last.status.as_u16(), last.header("connection")), (200, "close"));
    let address = server.address();
    let took = server.stop().await;
    in_flight.await.expect("no panic").expect(200);
    // Sooner than the timeout of an idle connection.
    assert!(took < Duration::from_millis(4_500), "{took:?}");
    assert_eq!(idle.read(&mut [0; 8]).await.expect("closed in good order"), 0);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_the_shutdown() {
    let server = start(&[]);
    let mut socket = TcpStream::connect(server.address()).await.expect("the service listens");
    socket.write_all(b"GET /api/large HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    sleep(Duration::from_millis(300)).await;
    let took = server.stop().await;
    assert!(took < Duration::from_secs(14), "{took:?}");
}
