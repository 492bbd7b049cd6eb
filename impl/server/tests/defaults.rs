//! The defaults of the program, without any setting: it is closed.

use std::process::{Command, Output};

/// A command of the server with exactly these environment variables.
fn server(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.env_clear().current_dir(env!("CARGO_TARGET_TMPDIR")).args(arguments).envs(environment.iter().copied());
    command.output().expect("it runs")
}

fn refusal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = server(arguments, environment);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(!output.status.success(), "{arguments:?} {environment:?} started");
    said
}

/// Every serving role.
fn roles() -> impl Iterator<Item = &'static str> {
    services::SERVICES.iter().map(|service| service.name).chain(["all"])
}

#[test]
fn every_role_is_a_production_without_asking() {
    for role in roles() {
        let said = refusal(&[role], &[]);
        assert!(said.contains("SECRET_KEY is missing") && said.contains("openssl rand -hex 32"), "{role}: {said}");
        for weak in ["change-me-to-the-output-of-openssl-rand-hex-32", "passwordpasswordpasswordpassword"] {
            let said = refusal(&[role], &[("SECRET_KEY", weak)]);
            assert!(said.contains("openssl rand -hex 32") && !said.contains(weak), "{role}: {said}");
        }
    }
}

#[test]
fn a_development_listens_on_this_machine_only() {
    let public = [("ENVIRONMENT", "development"), ("BIND_ADDRESS", "0.0.0.0")];
    for role in roles().chain(["migrate"]) {
        let said = refusal(&[role], &public);
        assert!(said.contains("0.0.0.0") && said.contains("PUBLIC_DEVELOPMENT"), "{role}: {said}");
    }
    let told = [&public[..], &[("PUBLIC_DEVELOPMENT", "true")]].concat();
    assert!(refusal(&["all"], &told).contains("SECRET_KEY is missing"));
}

#[test]
fn help_tells_the_defaults() {
    let help = String::from_utf8(server(&["all", "--help"], &[]).stdout).expect("UTF-8");
    assert!(help.contains("[default: production]") && help.contains("[default: localhost]"), "{help}");
}
