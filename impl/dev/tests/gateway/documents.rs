//! The declarations of the documents, read independently of the generator of the gateway.

use std::collections::BTreeMap;

use serde_json::Value;
use services::SERVICES;
use testkit::documents::document;

/// Prefix, name and document of each service.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    SERVICES.iter().filter_map(|service| Some((service.prefix?, service.name, document(service.name))))
}

/// The methods of each path, with HEAD where there is GET.
pub fn paths(document: &Value) -> BTreeMap<String, Vec<&'static str>> {
    let methods = |item: &Value| {
        let declared = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].into_iter();
        declared.filter(|method| !item[method.replace("HEAD", "GET").to_lowercase()].is_null()).collect()
    };
    document["paths"].as_object().expect("paths").iter().map(|(path, item)| (path.clone(), methods(item))).collect()
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
