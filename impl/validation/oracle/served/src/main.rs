//! Operations that are generated from random schemas accept what the independent validator accepts, and return what they were sent.
//!
//!     served CASES      each line is a JSON text: the path, whether the value is valid, the value

mod service;

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
// Types that service.rs may name.
use {chrono as _, uuid as _};

/// Documented limits: what no type of Rust holds is rejected although JSON Schema allows it.
const LIMITS: [&str; 2] = ["too_large", "too_small"];

/// Whether values are equal: numbers as doubles, times as points in time, and UUIDs whatever their case, which are their types.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        (Value::String(one), Value::String(other)) => {
            let time = |text: &str| contract::parse_date_time(text, false);
            one == other || one.eq_ignore_ascii_case(other) || (time(one).is_some() && time(one) == time(other))
        }
        _ => one == other,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cases = std::fs::read_to_string(std::env::args().nth(1).ok_or("CASES is needed")?)?;
    let router = random_api::router(Arc::new(service::Echo));
    let (mut asked, mut valid, mut differences) = (0_usize, 0_usize, Vec::new());
    for line in cases.lines() {
        let (path, is_valid, sent) = serde_json::from_str::<(String, bool, Box<serde_json::value::RawValue>)>(line)?;
        let request =
            Request::post(&path).header("content-type", "application/json").body(Body::from(sent.get().to_owned()))?;
        let (parts, body) = router.clone().oneshot(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        asked += 1;
        valid += usize::from(is_valid);
        let text = String::from_utf8_lossy(&body);
        let agrees = match parts.status.as_u16() {
            200 => is_valid && same(&serde_json::from_slice(&body)?, &serde_json::from_str(sent.get())?),
            422 => !is_valid || LIMITS.iter().any(|code| text.contains(code)),
            _ => false,
        };
        if !agrees {
            differences.push(format!("{path}: {} {is_valid}: {} -> {text}", parts.status, sent.get()));
        }
    }
    println!("served: {asked} values, {valid} valid, {} differences", differences.len());
    differences.iter().take(20).for_each(|one| println!("{one}"));
    if asked == 0 || !differences.is_empty() { Err("there are differences".into()) } else { Ok(()) }
}
