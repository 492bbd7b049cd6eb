//! Dependencies point one way: server -> services -> {own generated crate, platform} -> contract.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// What a crate of ours may need of ours, by its path below the root; `None` for a crate that has no place yet.
fn allowed(path: &str) -> Option<BTreeSet<String>> {
    let (folder, name) = path.split_once('/').unwrap_or(("", path));
    let own_api = format!("{name}-api");
    let names: &[&str] = match (folder, name) {
        ("impl", "contract" | "backends") => &[],
        ("generated", _) | ("impl", "platform") => &["contract"],
        ("impl", "tasks" | "shop" | "analytics") => &["contract", "platform", &own_api],
        ("impl", "server") => &["analytics", "backends", "contract", "platform", "shop", "tasks"],
        // For tests and benchmarks only: nothing that is shipped needs these.
        ("impl", "testkit") | ("", "bench") => &[
            "analytics",
            "analytics-api",
            "backends",
            "contract",
            "kitchen-sink-api",
            "platform",
            "shop",
            "shop-api",
            "tasks",
            "tasks-api",
        ],
        _ => return None,
    };
    Some(names.iter().map(|name| (*name).to_owned()).collect())
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
        let Some(allowed) = allowed(path) else {
            wrong.push(format!("{path} has no place in the direction of dependencies"));
            continue;
        };
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name");
            // Ours have a path; what only tests need may come from anywhere.
            if dependency["path"].is_string() && dependency["kind"] != "dev" && !allowed.contains(name) {
                wrong.push(format!("{path} must not depend on {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
