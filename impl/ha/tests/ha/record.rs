//! Every response that a client got.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

/// The deadline of a request in the server, and the two seconds within which its response must arrive.
const DEADLINE: Duration = Duration::from_secs(12);
/// What a service may say while it has no Postgres that accepts writes; the last two mean that nobody knows.
const ALLOWED: [&str; 4] = ["database_unavailable", "database_busy", OUTCOME_UNKNOWN, DEADLINE_EXCEEDED];
const OUTCOME_UNKNOWN: &str = "outcome_unknown";
/// 504: of a request that waited behind those whose commits nobody confirmed.
const DEADLINE_EXCEEDED: &str = "deadline_exceeded";

/// What a client knows of its request.
#[derive(Debug)]
pub enum Outcome {
    /// It was done: 2xx, with header fields and body.
    Acked(http::HeaderMap, Value),
    /// It was not done, and will not be if it is repeated as it is: 4xx.
    Rejected,
    /// It was not done; it may be repeated.
    NothingDone,
    /// Nobody knows.
    Unknown,
}

struct Entry {
    kind: &'static str,
    asked: Instant,
    ended: Instant,
    acked: bool,
}

/// The record of all clients.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    counts: BTreeMap<(&'static str, String), usize>,
    unexpected: Vec<String>,
}

impl Record {
    /// Sends a request and records its response. `kind` is what it is counted under.
    pub async fn send(&self, kind: &'static str, request: RequestBuilder) -> Outcome {
        let asked = Instant::now();
        let (label, unexpected, outcome) = match request.timeout(2 * DEADLINE).send().await {
            Ok(response) => read(response).await,
            Err(error) => (format!("{error:?}"), true, Outcome::Unknown),
        };
        let ended = Instant::now();
        let took = ended - asked;
        let mut inner = self.0.lock().expect("nobody panics here");
        if unexpected || took > DEADLINE {
            inner.unexpected.push(format!("{kind} after {took:.1?}: {label}"));
        }
        let short = label.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        *inner.counts.entry((kind, short)).or_default() += 1;
        inner.entries.push(Entry { kind, asked, ended, acked: matches!(outcome, Outcome::Acked(..)) });
        outcome
    }

    /// When the first request of this kind that was sent after a moment, and acknowledged, had its response.
    pub fn acked_since(&self, kind: &str, moment: Instant) -> Option<Instant> {
        let inner = self.0.lock().expect("nobody panics here");
        let fits = |entry: &&Entry| entry.kind == kind && entry.acked && entry.asked >= moment;
        inner.entries.iter().filter(fits).map(|entry| entry.ended).min()
    }

    /// Responses that no client may get, whatever happens to Postgres.
    pub fn unexpected(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics here").unexpected.clone()
    }

    /// How many there were, by kind and response.
    pub fn summary(&self) -> String {
        let inner = self.0.lock().expect("nobody panics here");
        inner.counts.iter().fold(String::new(), |mut text, ((kind, label), count)| {
            let _ = writeln!(text, "{count:7} {kind}: {label}");
            text
        })
    }
}

/// What is recorded, whether it is unexpected, and the outcome.
async fn read(response: Response) -> (String, bool, Outcome) {
    let (status, headers) = (response.status(), response.headers().clone());
    let Ok(text) = response.text().await else { return (format!("{status} incomplete"), true, Outcome::Unknown) };
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return (status.as_u16().to_string(), false, Outcome::Acked(headers, json));
    }
    let code = json["code"].as_str().unwrap_or_default().to_owned();
    let label = format!("{} {code} retry-after={:?} {text}", status.as_u16(), headers.get("retry-after"));
    let again = headers.contains_key("retry-after");
    match status.as_u16() {
        503 | 504 => {
            let unknown = [OUTCOME_UNKNOWN, DEADLINE_EXCEEDED].contains(&&*code);
            let outcome = if unknown { Outcome::Unknown } else { Outcome::NothingDone };
            (label, !again || !ALLOWED.contains(&&*code), outcome)
        }
        500.. => (label, true, Outcome::Unknown),
        // All clients are one user, whose requests before may still hold its share of the connections.
        429 => (label, !again || code != "too_many_concurrent_requests", Outcome::NothingDone),
        _ => (label, !["idempotency_in_flight", "precondition_failed"].contains(&&*code), Outcome::Rejected),
    }
}
