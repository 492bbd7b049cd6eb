//! Settings of OpenID providers, whose names depend on those of the providers: what is missing or of none is named at the start.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;
use testkit::documents::is_served;

const ISSUER: (&str, &str) = ("OIDC_MY_IDP_ISSUER", "https://id.example");
const ID: (&str, &str) = ("OIDC_MY_IDP_CLIENT_ID", "us");
const SECRET: (&str, &str) = ("OIDC_MY_IDP_CLIENT_SECRET", "a-secret-of-the-tests");
const BACK: (&str, &str) = ("OIDC_REDIRECT_URIS", "https://app.example/callback, com.example.app:/callback");

/// The service, which finds no database, with a provider.
fn tasks(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.env_clear().current_dir(env!("CARGO_TARGET_TMPDIR")).arg("tasks").args(arguments);
    command.envs([
        ("ENVIRONMENT", "development"),
        ("DATABASE_URL", "postgresql://a:b@127.0.0.1:1/c"),
        ("REDIS_URL", ""),
    ]);
    command.env("OIDC_PROVIDERS", "my-idp").envs(environment.iter().copied()).output().expect("it runs")
}

#[test]
fn what_is_missing_or_wrong_is_named_at_the_start() {
    if !is_served("tasks") {
        return;
    }
    let all = [ISSUER, ID, SECRET, BACK];
    let with = |other: (&'static str, &'static str)| [&all[..], &[other]].concat();
    let without = |name: &str| all.into_iter().filter(|(known, _)| *known != name).collect::<Vec<_>>();
    for (environment, said) in [
        (without(ISSUER.0), "OIDC_MY_IDP_ISSUER is missing"),
        (with((ISSUER.0, "")), "OIDC_MY_IDP_ISSUER is missing"),
        (without(ID.0), "OIDC_MY_IDP_CLIENT_ID is missing"),
        (without(SECRET.0), "OIDC_MY_IDP_CLIENT_SECRET is missing"),
        (without(BACK.0), "OIDC_REDIRECT_URIS is missing"),
        (with((BACK.0, "http://app.example/callback")), "\"http://app.example/callback\" is neither https"),
        (with((ISSUER.0, "http://id.example")), "my-idp is no https URL"),
        (with(("OIDC_OTHER_ISSUER", "https://id.example")), "OIDC_OTHER_ISSUER is set"),
        (with(("OIDC_PROVIDERS", "my-idp,My_IdP")), "\"My_IdP\" is not a name"),
        (with(("OIDC_MY_IDP_CLIENT_SECRET_FILE", "/nowhere")), "OIDC_MY_IDP_CLIENT_SECRET_FILE: cannot read /nowhere"),
        (with(("OIDC_SIGNUP", "perhaps")), "--oidc-signup"),
    ] {
        let output = tasks(&[], &environment);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(said) && !text.contains(SECRET.1), "{said}: {text}");
    }
}

#[test]
fn help_has_them_and_keeps_the_secret() {
    if !is_served("tasks") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("secret");
    fs::write(&file, SECRET.1).expect("a file");
    for secret in [SECRET, ("OIDC_MY_IDP_CLIENT_SECRET_FILE", file.to_str().expect("UTF-8"))] {
        let help = tasks(&["--help"], &[ISSUER, ID, secret, BACK]);
        let help = String::from_utf8_lossy(&help.stdout);
        assert!(
            help.contains("OIDC_MY_IDP_ISSUER=https://id.example") && help.contains("OIDC_MY_IDP_CLIENT_SECRET"),
            "{help}"
        );
        assert!(!help.contains(SECRET.1), "{help}");
    }
}
