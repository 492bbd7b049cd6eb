//! Two servers that do the same work, one generated from the kitchen-sink document, one written by hand:
//! `router generated|by-hand PORT`.

use std::net::Ipv4Addr;
use std::sync::Arc;

#[path = "../by_hand.rs"]
mod by_hand;
// The service that the tests of the generated router use: it answers with what it was given.
#[path = "../../../impl/contract/tests/kitchen_sink/sink/mod.rs"]
mod sink;

// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [which, port] = arguments.as_slice() else { panic!("router generated|by-hand PORT") };
    let router = match which.as_str() {
        "generated" => kitchen_sink_api::router(Arc::new(sink::Sink::default())),
        "by-hand" => by_hand::router(),
        other => panic!("no router {other}"),
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse().expect("a port"))).await?;
    axum::serve(listener, router).await
}
