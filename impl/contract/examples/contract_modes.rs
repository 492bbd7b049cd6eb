//! What it costs to check responses against the document: the same requests to the generated router of the kitchen sink under each mode,
//! in this process and on one thread. `contract_modes ROUNDS MILLISECONDS` prints requests a second, medians of the rounds, in which modes
//! take turns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use contract::Mode;
use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

#[path = "../tests/kitchen_sink/sink/mod.rs"]
mod sink;

const MODES: [Mode; 3] = [Mode::Off, Mode::Sample(0.01), Mode::Enforce];

/// A request that is sent again and again.
struct Case {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    body: String,
}

impl Case {
    fn request(&self) -> Request<Body> {
        let request = Request::builder().method(self.method).uri(self.target).header("authorization", "Bearer of-user");
        let request = request.header("content-type", "application/json").header("content-length", self.body.len());
        request.body(Body::from(self.body.clone())).expect("a request")
    }

    /// Requests a second.
    async fn rate(&self, router: &Router, mode: Mode, time: Duration) -> f64 {
        contract::set_mode(mode);
        let (started, mut count) = (Instant::now(), 0_u32);
        while started.elapsed() < time {
            for _ in 0..50 {
                let response = router.clone().oneshot(self.request()).await.expect("infallible");
                assert!(response.status() != 500, "the kitchen sink keeps its document");
                drop(response.into_body().collect().await.expect("a whole body"));
            }
            count += 50;
        }
        f64::from(count) / started.elapsed().as_secs_f64()
    }
}

fn cases() -> [Case; 4] {
    let thing = r#"{"id":7,"name":"spoon","note":"of silver, with a long handle, for the honey"}"#;
    let case = |name, method, target, body: &str| Case { name, method, target, body: body.to_owned() };
    [
        case("post", "POST", "/sink/things", thing),
        case("list", "GET", "/sink/things?count=true", ""),
        case("rows", "POST", "/sink/rows", &format!("[{}]", [thing; 100].join(","))),
        case("refusal", "GET", "/sink/things?limit=0", ""),
    ]
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<u32> = std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    let [rounds, milliseconds] = arguments.as_slice() else { panic!("contract_modes ROUNDS MILLISECONDS") };
    let time = Duration::from_millis((*milliseconds).into()) / MODES.len() as u32;
    let router = kitchen_sink_api::router(Arc::new(sink::Sink::default()));
    for case in cases() {
        // The document is read once, when the first response is checked.
        case.rate(&router, Mode::Enforce, Duration::from_millis(1)).await;
        let mut rates = MODES.map(|_| Vec::new());
        for round in 0..*rounds as usize {
            for turn in 0..MODES.len() {
                let at = (round + turn) % MODES.len();
                rates[at].push(case.rate(&router, MODES[at], time).await);
            }
        }
        let [off, sample, enforce] = rates.map(median);
        println!(
            "contract_{} off={off:.0} sample={sample:.0} enforce={enforce:.0} ratio={:.3} of_enforce={:.3}",
            case.name,
            sample / off,
            enforce / off
        );
    }
}
