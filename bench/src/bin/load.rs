//! Sends the request that the environment describes from many connections and prints what was measured as one line:
//! `MEASURED requests/s p50 p99 (ms) failures`. Reads what `bench/wrk.lua` reads, for machines without wrk; one thread, as wrk
//! has it here.
//!
//! Each `[0-9]` in the path and the body stands for a random digit, `[key]` in a header for a value that no other request has, `[token]`
//! for one of `BENCH_TOKENS`, and each `[uuid]` in the body for a UUID that was never sent before. With `BENCH_REPEAT` the body is an
//! array of so many.

use std::cell::RefCell;
use std::env;
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use rand::RngExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// So many requests are made beforehand, so that making them is not what is measured.
const REQUESTS: usize = 500;
/// Stands in a request where each has something of its own; as long as that.
const UNIQUE: &str = "<000unique0>";
/// What an answer may take; longer is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Parser)]
struct Arguments {
    /// Base URL of the server: http://HOST:PORT[/PREFIX]
    base: String,
    /// Number of concurrent connections
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Duration, in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

/// What was seen by all connections.
#[derive(Default)]
struct Seen {
    took: Vec<Duration>,
    failed: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let Arguments { base, connections, seconds } = Arguments::parse();
    let place = base.strip_prefix("http://").ok_or("the address begins with http://")?;
    let (host, prefix) =
        place.split_once('/').map_or((place, String::new()), |(host, rest)| (host, format!("/{rest}")));
    let requests = Rc::new(requests(host, &prefix));
    let seen = Rc::new(RefCell::new(Seen::default()));
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let all = LocalSet::new();
    for first in 0..connections {
        let (host, requests, seen) = (host.to_owned(), Rc::clone(&requests), Rc::clone(&seen));
        all.spawn_local(async move {
            // Each begins elsewhere, so that they do not all ask the same at the same time.
            let mut next = first * requests.len() / connections;
            while Instant::now() < end {
                if let Err(error) = converse(&host, &requests, &mut next, end, &seen).await {
                    seen.borrow_mut().failed += 1;
                    eprintln!("{error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
    }
    all.await;
    let elapsed = begun.elapsed().as_secs_f64();
    let Seen { took, failed } = &mut *seen.borrow_mut();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    #[allow(clippy::cast_precision_loss)]
    let rate = took.len() as f64 / elapsed;
    println!("MEASURED {rate:.1} {:.3} {:.3} {failed}", at(50), at(99));
    Ok(())
}

/// Asks on one connection until the time is over or the server closes it, which it may between two requests.
async fn converse(
    host: &str,
    requests: &[Vec<String>],
    next: &mut usize,
    end: Instant,
    seen: &RefCell<Seen>,
) -> Outcome<()> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufStream::new(stream);
    while Instant::now() < end {
        let request = &requests[*next % requests.len()];
        *next += 1;
        let text = request.join(&unique());
        let begun = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, async {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await?;
            answer(&mut stream).await
        });
        let Answer { status, closes } = answer.await??;
        if (200..300).contains(&status) {
            seen.borrow_mut().took.push(begun.elapsed());
        } else {
            return Err(format!("answered {status}").into());
        }
        if closes {
            break;
        }
    }
    Ok(())
}

/// Twelve hexadecimal digits that no other request of any run has.
fn unique() -> String {
    static RUN: LazyLock<u32> = LazyLock::new(|| rand::random_range(0..1 << 24));
    static SENT: AtomicU32 = AtomicU32::new(0);
    format!("{:06x}{:06x}", *RUN, SENT.fetch_add(1, Ordering::Relaxed))
}

struct Answer {
    status: u16,
    closes: bool,
}

/// Reads one answer to its end.
async fn answer(stream: &mut BufStream<TcpStream>) -> Outcome<Answer> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no answer")?;
    let (mut length, mut chunked, mut closes) = (0, false, false);
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse()?,
            "transfer-encoding" => chunked = true,
            "connection" => closes = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    while chunked {
        line.clear();
        stream.read_line(&mut line).await?;
        let size = usize::from_str_radix(line.trim(), 16)?;
        body.resize(size + 2, 0);
        stream.read_exact(&mut body).await?;
        chunked = size > 0;
    }
    body.resize(length, 0);
    stream.read_exact(&mut body).await?;
    Ok(Answer { status, closes })
}

/// The requests, each as its parts between what is different whenever it is sent.
fn requests(host: &str, prefix: &str) -> Vec<Vec<String>> {
    let of = |name: &str| env::var(name).unwrap_or_default();
    let (path, body, mut headers) = (of("BENCH_PATH"), of("BENCH_BODY"), String::new());
    for line in of("BENCH_HEADERS").lines().filter(|line| !line.is_empty()) {
        headers += &format!("{}\r\n", line.replace("[key]", UNIQUE));
    }
    let method = env::var("BENCH_METHOD").unwrap_or_else(|_| "GET".to_owned());
    let times = env::var("BENCH_REPEAT").ok().and_then(|times| times.parse().ok()).unwrap_or(1_usize);
    let tokens = of("BENCH_TOKENS");
    let tokens: Vec<&str> = tokens.lines().collect();
    let made = (0..(REQUESTS / times).max(20)).map(|n| {
        let path = filled(&path);
        let headers = headers.replace("[token]", tokens.get(n % tokens.len().max(1)).unwrap_or(&""));
        let body = match times {
            1 => filled(&body),
            _ => format!("[{}]", (0..times).map(|_| filled(&body)).collect::<Vec<_>>().join(",")),
        };
        // What stands for something is as long as that.
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let text = format!("{method} {prefix}{path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n{body}");
        text.split(UNIQUE).map(str::to_owned).collect()
    });
    made.collect()
}

fn filled(text: &str) -> String {
    let mut parts = text.split("[0-9]");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        filled += &rand::rng().random_range(0..10).to_string();
        filled += part;
    }
    // Random but for the end, which is another one whenever it is sent.
    let mut parts = filled.split("[uuid]");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let random = Uuid::new_v4().to_string();
        whole += &random[..random.len() - UNIQUE.len()];
        whole += UNIQUE;
        whole += part;
    }
    whole
}
