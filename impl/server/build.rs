//! The commit of the build: from GIT_COMMIT, else from git, if available.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=GIT_COMMIT");
    let given = std::env::var("GIT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let asked = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    // Only a release is worth another build for each commit.
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if let (true, Some(log)) = (release, asked(&["rev-parse", "--git-path", "logs/HEAD"])) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = given.or_else(|| asked(&["rev-parse", "--short=12", "HEAD"]).filter(|_| release)).unwrap_or_default();
    println!("cargo::rustc-env=GIT_COMMIT={commit}");
}
