//! The services and their operations, as the generator lists them: for tests that cover all services. Tests of a single service
//! end at once without it, since services can be removed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn generated(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../generated").join(path)
}

fn read(path: &str) -> Value {
    let path = generated(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// A path with 7 as the value of each parameter.
pub fn filled(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |filled, part| filled + "7" + part.split_once('}').map_or("", |(_, rest)| rest))
}

/// The bundled document of a service.
pub fn document(service: &str) -> Value {
    read(&format!("{service}-api/openapi.json"))
}

/// An operation and its location.
#[derive(Debug, Clone)]
pub struct Place {
    /// The service that has it.
    pub service: String,
    /// The service's prefix at the gateway, without slashes.
    pub prefix: String,
    /// Its path at the service, with 7 for each parameter.
    pub path: String,
    /// The operation in its document.
    pub operation: Value,
}

impl Place {
    /// Its path at the gateway.
    pub fn at_gateway(&self) -> String {
        format!("/{}{}", self.prefix, self.path)
    }
}

/// Names and prefixes of all services, by port.
pub fn services() -> Vec<(String, String)> {
    let list = read("services.json");
    let text = |service: &Value, key: &str| service[key].as_str().expect("a text").to_owned();
    list.as_array().expect("a list").iter().map(|service| (text(service, "name"), text(service, "prefix"))).collect()
}

/// Whether a service is in the list.
pub fn is_served(service: &str) -> bool {
    services().iter().any(|(name, _)| name == service)
}

/// The prefix of any service.
pub fn any_prefix() -> Option<String> {
    services().into_iter().next().map(|(_, prefix)| prefix)
}

/// Every operation with this id: many services have login, for example.
pub fn operations(id: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (service, prefix) in services() {
        let document = document(&service);
        for (path, item) in document["paths"].as_object().expect("paths") {
            let operations = item.as_object().expect("a path").values();
            for operation in operations.filter(|operation| operation["operationId"] == id) {
                places.push(Place {
                    service: service.clone(),
                    prefix: prefix.clone(),
                    path: filled(path),
                    operation: operation.clone(),
                });
            }
        }
    }
    places
}

/// The first of them.
pub fn operation(id: &str) -> Option<Place> {
    operations(id).into_iter().next()
}
