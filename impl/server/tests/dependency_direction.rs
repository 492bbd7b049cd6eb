//! Dependencies point one way: server -> services -> each service -> {its own generated crate, platform-account-mail, platform-mail,
//! platform-outbox, platform-webhooks, platform}
//! -> contract -> {conformance, outgoing} -> wire -> validation -> values.

use std::process::Command;

use serde_json::Value;
use services::SERVICES;

/// The crates of the platform, each of which may depend on those before it.
const PLATFORM: [&str; 13] = [
    "platform-settings",
    "platform-telemetry",
    "platform-background",
    "platform-admission",
    "platform-connections",
    "platform-store",
    "platform-migrations",
    "platform-rate-limits",
    "platform-second-factors",
    "platform-accounts",
    "platform-openid",
    "platform-serving",
    "platform",
];

/// Whether a crate of the platform may depend on another crate of the workspace.
fn platform_may_need(package: &str, name: &str) -> bool {
    let layer = |name: &str| PLATFORM.iter().position(|known| *known == name);
    match layer(name) {
        Some(below) => layer(package).is_some_and(|own| below < own),
        None => name == "contract" || (name == "common-api" && package == "platform-accounts"),
    }
}

/// Whether a crate of the workspace, by its path below the root, may depend on another one.
fn may_need(path: &str, name: &str) -> bool {
    let is_service = |name: &str| SERVICES.iter().any(|service| service.name == name);
    let is_api = |name: &str| name.strip_suffix("-api").is_some_and(is_service);
    match path.split_once('/').unwrap_or(("", path)) {
        ("generated", "services") => name == "platform" || is_service(name) || is_api(name),
        ("generated", "common-api") => name == "contract",
        ("impl", "contract") => ["conformance", "outgoing", "rows", "validation", "wire"].contains(&name),
        ("impl", "conformance") => ["validation", "wire"].contains(&name),
        ("impl", "outgoing" | "rows" | "wire") => name == "validation",
        ("impl", "validation") => name == "values",
        ("generated", _) => ["common-api", "contract"].contains(&name),
        ("impl", "platform") => platform_may_need("platform", name),
        // Whatever messages are about: it knows no service, and the platform does not know it.
        ("impl", "platform/outbox") => name == "platform",
        ("impl", "platform/webhooks") => ["contract", "platform"].contains(&name),
        ("impl", "platform/mail") => name == "platform",
        ("impl", "platform/account-mail") => ["contract", "platform", "platform-mail"].contains(&name),
        ("impl", part) if let Some(part) = part.strip_prefix("platform/") => {
            platform_may_need(&format!("platform-{part}"), name)
        }
        ("impl", "server") => ["contract", "platform", "services"].contains(&name),
        // The system on one machine; it starts the server, and is not part of it.
        ("impl", "dev") => ["backends", "platform"].contains(&name),
        // For tests and benchmarks only: nothing that is shipped depends on these.
        ("impl", "testkit") => ["backends", "contract", "platform"].contains(&name),
        ("impl", "permission-matrix") => name == "testkit",
        ("impl", "ha") => ["backends", "testkit"].contains(&name),
        ("", "bench") => ["contract", "kitchen-sink-api", "platform"].contains(&name),
        ("impl", service) if is_service(service) => {
            let known = [
                "contract",
                "platform",
                "platform-account-mail",
                "platform-mail",
                "platform-outbox",
                "platform-webhooks",
            ];
            known.contains(&name) || name == format!("{service}-api")
        }
        _ => false,
    }
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let root = metadata["workspace_root"].as_str().expect("a root");
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let path = manifest.strip_prefix(root).and_then(|path| path.strip_suffix("/Cargo.toml")).expect("a member");
        let path = path.trim_start_matches('/');
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name");
            // Crates of the workspace have a path; dev-dependencies may be anything.
            if dependency["path"].is_string() && dependency["kind"] != "dev" && !may_need(path, name) {
                wrong.push(format!("{path} must not depend on {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
