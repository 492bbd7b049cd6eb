//! A process that is told to stop serves as before until balancers have noticed, and ends without having failed anybody.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use backends::process::{Signal, pid};
use nix::sys::signal::kill;
use serde_json::json;
use tempfile::TempDir;
use testkit::documents::is_served;
use testkit::{Client, TestDatabase, raw};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const DRAIN: Duration = Duration::from_secs(4);
/// From the end of the drain to that of the process, when nobody holds it up.
const CLOSE: Duration = Duration::from_secs(3);

/// Ends with the test, whatever comes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn get(socket: &mut TcpStream, path: &str) -> testkit::Answer {
    socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.expect("sent");
    raw::read(socket).await
}

#[tokio::test(flavor = "multi_thread")]
async fn new_connections_are_served_for_the_whole_delay_after_sigterm() {
    if !is_served("shop") {
        return;
    }
    let (database, dir, port) = (TestDatabase::new().await, TempDir::new().unwrap(), backends::free_port().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.env_clear().current_dir(dir.path()).args(["shop", "--port", &port.to_string()]);
    command.envs([("DATABASE_URL", database.url()), ("ENVIRONMENT", "development"), ("LOG_FORMAT", "text")]);
    command.env("SHUTDOWN_DRAIN_MS", DRAIN.as_millis().to_string());
    let mut server = Running(command.spawn().unwrap());
    let (address, client) = (SocketAddr::from(([127, 0, 0, 1], port)), Client::new(format!("http://127.0.0.1:{port}")));
    timeout(Duration::from_secs(60), async {
        while TcpStream::connect(address).await.is_err() || client.get("/health/ready").await.status != 200 {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("it is ready");

    let admin = client.login("/api/v2/auth/login/access-token", "admin@example.com", "admin").await;
    let product = json!({"sku": "DRAIN-1", "name": "Drain", "price_cents": 1, "stock": 1});
    let product = admin.post("/api/v2/products", &product).await.expect(201)["id"].clone();
    let order = json!({"items": [{"product_id": product, "quantity": 1}]});
    let order = admin.post("/api/v2/orders", &order).await.expect(201)["id"].clone();
    let stream = format!("/api/v2/orders/{order}/events?seconds=30");
    let watching = tokio::spawn({
        let admin = admin.clone();
        async move { (admin.get(&stream).await, Instant::now()) }
    });
    let mut kept = TcpStream::connect(address).await.expect("it listens");
    assert_eq!(get(&mut kept, "/health").await.header("connection"), "");
    sleep(Duration::from_millis(200)).await;

    let told = Instant::now();
    kill(pid(&server.0), Signal::SIGTERM).expect("it can be signalled");
    sleep(Duration::from_millis(100)).await;
    let last = get(&mut kept, "/api/v2/products").await;
    assert_eq!((last.status.as_u16(), last.header("connection")), (200, "close"));
    let mut served = 0;
    while told.elapsed() < DRAIN - Duration::from_millis(200) {
        let mut socket = TcpStream::connect(address).await.expect("it listens to the end of the delay");
        let unready = get(&mut socket, "/health/ready").await.expect(503);
        assert_eq!(unready["status"], "draining");
        let mut socket = TcpStream::connect(address).await.expect("it listens to the end of the delay");
        get(&mut socket, "/api/v2/products").await.expect(200);
        served += 1;
        sleep(Duration::from_millis(20)).await;
    }
    assert!(served > 20, "{served}");
    let (events, ended) = watching.await.expect("no panic");
    assert_eq!(events.status, 200, "{}", events.text);
    assert!(ended - told >= DRAIN, "the stream was closed while its client would have come back to this process");
    let status = timeout(CLOSE, async {
        loop {
            if let Some(status) = server.0.try_wait().expect("a child can be waited for") {
                return status;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let status = status.await.expect("it ends soon after");
    assert!(status.success(), "{status}");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
