//! The fault proxy: what a client and a server on both sides of it see.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use testkit::{Fault, FaultProxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const MOMENT: Duration = Duration::from_millis(300);
const CONDITION_TIMEOUT: Duration = Duration::from_secs(20);

/// A server that echoes everything.
async fn echo() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    format!("echo://somebody:secret@{address}/path?query")
}

async fn ask(socket: &mut TcpStream, text: &str) -> std::io::Result<String> {
    socket.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    socket.read_exact(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(CONDITION_TIMEOUT, what).await.expect("it happens in the end")
}

#[tokio::test]
async fn passes_what_is_said_and_the_end_of_it() {
    let proxy = FaultProxy::start(&echo().await).await;
    assert_eq!(proxy.url(), format!("echo://somebody:secret@{}/path?query", proxy.address()));
    let mut socket = TcpStream::connect(proxy.address()).await.expect("it listens");
    let long = "x".repeat(1 << 20);
    let (mut from, mut to) = socket.split();
    let mut answer = String::new();
    let write = async {
        to.write_all(long.as_bytes()).await.expect("written");
        to.shutdown().await.expect("ended");
    };
    let (read, ()) = in_time(async { tokio::join!(from.read_to_string(&mut answer), write) }).await;
    read.expect("an end, not a reset");
    assert!(answer == long, "{} of {} bytes came back", answer.len(), long.len());
}

#[tokio::test]
async fn a_reset_ends_open_connections_and_new_ones_until_it_is_over() {
    let proxy = FaultProxy::start(&echo().await).await;
    let mut open = TcpStream::connect(proxy.address()).await.expect("it listens");
    assert_eq!(in_time(ask(&mut open, "hello")).await.expect("an answer"), "hello");
    proxy.set(Fault::Reset);
    let error = in_time(open.read_u8()).await.expect_err("no more answers");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let refused = async { ask(&mut TcpStream::connect(proxy.address()).await?, "hello").await };
    in_time(refused).await.expect_err("no answers");
    proxy.set(Fault::Pass);
    let mut next = TcpStream::connect(proxy.address()).await.expect("it listens");
    assert_eq!(in_time(ask(&mut next, "again")).await.expect("an answer"), "again");
}

#[tokio::test]
async fn a_blackhole_answers_nothing_and_gives_back_what_it_held() {
    let proxy = FaultProxy::start(&echo().await).await;
    let mut open = TcpStream::connect(proxy.address()).await.expect("it listens");
    assert_eq!(in_time(ask(&mut open, "hello")).await.expect("an answer"), "hello");
    proxy.set(Fault::Blackhole);
    let mut new = TcpStream::connect(proxy.address()).await.expect("it listens");
    for socket in [&mut open, &mut new] {
        socket.write_all(b"?").await.expect("the kernel takes it");
        timeout(MOMENT, socket.read_u8()).await.expect_err("nothing comes");
    }
    proxy.set(Fault::Pass);
    for socket in [&mut open, &mut new] {
        assert_eq!(in_time(socket.read_u8()).await.expect("an answer"), b'?');
    }
}

#[tokio::test]
async fn a_delay_counts_in_both_directions() {
    let proxy = FaultProxy::start(&echo().await).await;
    let mut socket = TcpStream::connect(proxy.address()).await.expect("it listens");
    proxy.set(Fault::Delay(MOMENT));
    let asked = Instant::now();
    assert_eq!(in_time(ask(&mut socket, "hello")).await.expect("an answer"), "hello");
    assert!(asked.elapsed() >= 2 * MOMENT, "{:?}", asked.elapsed());
}
