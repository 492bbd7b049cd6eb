//! Which services there are, as ../run says: where each is, and the scenario that it has in its own folder, client-tests/scenario.rs.
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=SERVICES");
    let services = env::var("SERVICES").expect("SERVICES names the services: ../run sets it");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("this is openapi/client-tests/rust");
    let (mut modules, mut addresses, mut calls) = (String::new(), String::new(), String::new());
    for service in services.split_whitespace() {
        let (member, file) = (service.replace('-', "_"), scenario(&root, service));
        let variable = format!("{}_BASE", member.to_uppercase());
        writeln!(addresses, "        {member}: std::env::var({variable:?})?,").expect("a string");
        println!("cargo::rerun-if-changed={}", file.display());
        if file.exists() {
            writeln!(modules, "#[path = {:?}]\nmod {member};", file.display().to_string()).expect("a string");
            writeln!(calls, "    {member}::scenario(given).await?;\n    println!(\"rust, {service}: ok\");").expect("a string");
        }
    }
    let source = format!(
        "{modules}
/// Where the services are.
pub fn addresses() -> Result<schema_first_client::Addresses, std::env::VarError> {{
    Ok(schema_first_client::Addresses {{
{addresses}    }})
}}

/// What each service has of its own.
pub async fn scenarios(given: &crate::Given) -> crate::Outcome<()> {{
    let _ = given;
{calls}    Ok(())
}}
"
    );
    let into = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("services.rs");
    fs::write(into, source).expect("OUT_DIR can be written to");
}

fn scenario(root: &Path, service: &str) -> PathBuf {
    root.join("impl").join(service).join("client-tests/scenario.rs")
}
