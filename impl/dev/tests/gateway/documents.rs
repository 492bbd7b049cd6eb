//! The declarations of the documents, read independently of the generator of the gateway.

use std::collections::BTreeMap;

use serde_json::Value;
use services::SERVICES;
use testkit::documents::document;

/// Prefix, name and document of each service.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    SERVICES.iter().filter_map(|service| Some((service.prefix?, service.name, document(service.name))))
}

/// The methods of each path, with HEAD where there is GET; paths are below those of their servers.
pub fn paths(document: &Value) -> BTreeMap<String, Vec<&'static str>> {
    let mut found: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let operation = match &item[method.to_lowercase()] {
                Value::Null if method == "HEAD" => &item["get"],
                operation => operation,
            };
            if operation.is_object() {
                let servers = [operation, item, document].map(|one| &one["servers"][0]["url"]);
                let url = servers.into_iter().find_map(Value::as_str).unwrap_or_default();
                let path = format!("{}{path}", url.trim_start_matches('.').trim_end_matches('/'));
                found.entry(path).or_default().push(method);
            }
        }
    }
    found
}

/// The limit by address that an operation declares.
pub fn limit_by_address(operation: &Value) -> Option<usize> {
    let limits = match &operation["x-rate-limit"] {
        Value::Array(limits) => limits.clone(),
        one => vec![one.clone()],
    };
    let by_address = limits.iter().find(|limit| limit["by"] == "address")?;
    Some(by_address["amount"].as_u64().and_then(|amount| amount.try_into().ok()).expect("an amount"))
}
