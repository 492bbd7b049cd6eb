//! Operations that are not implemented yet (`x-planned`): every valid request gets 501 `not_implemented`, every invalid one a 4xx.

mod request;
mod sample;
mod spelling;
mod text;

use http::Method;
use serde_json::Value;

use crate::service::{Person, TestService};
use request::Asked;

/// Sends a valid request to each planned operation of a service's document, and an invalid one where an operation has such. Which operations no valid
/// request was found for, because simple samples do not satisfy their schemas, it prints.
///
/// # Panics
/// When one returns anything else.
pub async fn expect_not_implemented(service: &TestService) {
    let document = service.document();
    let ada = service.account("ada").await;
    let mut missing = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if operation["x-planned"] != true {
                continue;
            }
            let asked = Asked { document, item, operation, path };
            let name = format!("{} {path}", method.to_uppercase());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            println!("{name}");
            match valid(service, &asked, &method, &ada).await {
                Outcome::Planned => (),
                Outcome::Unknown(why) => missing.push(format!("{name}: {why}")),
                Outcome::Wrong(answer) => panic!("{name}: {answer} instead of 501 not_implemented"),
            }
            invalid(service, &asked, &method, &ada).await;
        }
    }
    for one in missing {
        println!("no valid request: {one}");
    }
}

enum Outcome {
    Planned,
    /// It was rejected, and may have been invalid: why.
    Unknown(String),
    Wrong(String),
}

async fn valid(service: &TestService, asked: &Asked<'_>, method: &Method, ada: &Person) -> Outcome {
    let mut last = String::new();
    let mut doubts = Vec::new();
    for attempt in 0..request::ATTEMPTS {
        let client = &service.nobody;
        let target = asked.signed(&asked.target(attempt, &mut doubts), ada);
        let request = client.request(method.clone(), &target);
        let request = asked.headers(request, attempt, &mut doubts);
        let request = asked.body(request, attempt, &mut doubts);
        let Some(request) = asked.credentials(request, ada) else {
            return Outcome::Unknown("there are no credentials of its schemes".to_owned());
        };
        let answer = client.send(request).await;
        // A document may have a shape of its own for it.
        let is_problem = answer.header("content-type") == "application/problem+json" && *method != Method::HEAD;
        let is_ours = !is_problem || answer.json["code"] == "not_implemented";
        if answer.status == 501 && is_ours {
            return Outcome::Planned;
        }
        last = format!("{} {}", answer.status, answer.text);
        if !answer.status.is_client_error() {
            return Outcome::Wrong(last);
        }
    }
    doubts.sort();
    doubts.dedup();
    if doubts.is_empty() { Outcome::Wrong(last) } else { Outcome::Unknown(format!("{}; {last}", doubts.join(", "))) }
}

/// Without credentials where they are required, and with a body that cannot be read.
async fn invalid(service: &TestService, asked: &Asked<'_>, method: &Method, ada: &Person) {
    let (client, mut doubts) = (&service.nobody, Vec::new());
    let target = asked.target(0, &mut doubts);
    if asked.is_guarded() {
        let request = asked.headers(client.request(method.clone(), &target), 0, &mut doubts);
        let answer = client.send(asked.body(request, 0, &mut doubts)).await;
        assert_eq!(answer.status, 401, "{method} {target} without credentials: {}", answer.text);
    }
    if asked.requires_body() {
        let request = client.request(method.clone(), &asked.signed(&target, ada));
        let request = asked.headers(request, 0, &mut doubts);
        let request = request.header("content-type", "x-unknown/x-type").body("?");
        let Some(request) = asked.credentials(request, ada) else { return };
        let answer = client.send(request).await;
        let is_any = asked.takes_anything();
        assert!(is_any || answer.status.is_client_error(), "{method} {target} with another body: {}", answer.text);
    }
}

/// What a reference leads to.
fn resolve<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    let mut node = node;
    for _ in 0..32 {
        let Some(reference) = node["$ref"].as_str() else { return node };
        let Some(target) = target(document, reference) else { return node };
        node = target;
    }
    node
}

fn target<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = percent_encoding::percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
    document.pointer(&pointer)
}
