//! Packages of Debian, unpacked into a folder: programs and the libraries that this machine does not have. Nothing is installed, and
//! no service is started.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::attempts::{again, output};

/// Unpacks these packages, and those of their dependencies that are not installed, into `dir`.
pub(crate) fn unpack(packages: &[&str], dir: &Path) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() || !Path::new("/usr/bin/dpkg-deb").exists() {
        bail!(
            "the packages {} are needed, and this machine has no apt-get: these tests run on Debian",
            packages.join(", ")
        );
    }
    let archives = dir.join("archives");
    fs::create_dir_all(&archives)?;
    again(|| download(packages, &archives), update).context("cannot download packages of Debian")?;
    for archive in fs::read_dir(&archives)? {
        output(Command::new("dpkg-deb").arg("-x").arg(archive?.path()).arg(dir))?;
    }
    fs::remove_dir_all(archives)?;
    Ok(())
}

/// Outdated lists name versions that are no longer there.
fn update() {
    if Uid::effective().is_root() {
        // The next attempt tells what is wrong.
        let _ = apt("update").status();
    }
}

fn apt(subcommand: &str) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["-qq", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::Retries=2", "-o", "APT::Sandbox::User=root"]);
    apt.arg(subcommand).env("LC_ALL", "C");
    apt
}

fn download(packages: &[&str], archives: &Path) -> Result<()> {
    // "Inst pgbouncer (1.18.0-1+deb12u1 Debian:12.15/oldstable [amd64])": packages, and what they need, that are not installed.
    let plan = output(apt("install").args(["--simulate", "--no-install-recommends"]).args(packages))?;
    let lines = plan.lines().filter_map(|line| line.strip_prefix("Inst "));
    let missing: BTreeSet<&str> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    output(apt("download").args(missing).current_dir(archives)).map(drop)
}

/// A program in the folder, else of this machine.
pub(crate) fn program(dir: &Path, name: &str) -> Result<PathBuf> {
    let roots = [dir, Path::new("/")];
    let places = roots.into_iter().flat_map(|root| ["usr/bin", "usr/sbin", "bin"].map(|bin| root.join(bin).join(name)));
    places.into_iter().find(|place| place.is_file()).with_context(|| format!("{name} is in none of the packages"))
}

/// The folders of unpacked libraries.
pub(crate) fn libraries(dir: &Path) -> Vec<PathBuf> {
    let places = ["usr/lib", "lib"].map(|lib| dir.join(lib));
    let entries = places.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("-linux-")).collect()
}
