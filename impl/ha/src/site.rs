//! One folder for the data of everything that a test starts, and what ends all of it.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use backends::process::{self, Signal};
use backends::{Daemon, Log, write_private};
use nix::unistd::Uid;
use testkit::process::target_dir;

use crate::attempts::output;
use crate::programs::Programs;

/// Waits for the end of its standard input, which comes when the test ends however that happens; then kills every process with a working
/// folder below `$0`, and removes that. Postgres outlives a killed Patroni, and a frozen process does not end with its parent.
const SWEEP: &str = r#"
read -r _
for round in 1 2 3 4 5 6 7 8 9 10; do
    found=
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd") in "$0" | "$0"/*) kill -9 "${process#/proc/}" && found=1 ;; esac
    done
    [ "$found" ] || break
    sleep 0.1
done
for disk in "$0"/*/disk; do [ ! -d "$disk" ] || umount -l "$disk"; done
rm -rf "$0""#;

/// They are killed; whatever they leave is removed.
const KILL: &[(Signal, Duration)] = &[];

/// Folder, logs and programs of a test. Everything in it ends when this is dropped, and when the test's process ends.
pub struct Site {
    /// The programs.
    pub programs: Programs,
    dir: PathBuf,
    logs: PathBuf,
    sweeper: Child,
}

impl Site {
    /// A new folder; the logs are in `target/tmp/ha/NAME/`, and stay.
    ///
    /// # Errors
    /// When programs cannot be loaded.
    pub fn new(name: &str) -> Result<Self> {
        let open = Permissions::from_mode(0o711);
        let dir = tempfile::Builder::new().prefix("ha-").permissions(open).tempdir()?.keep().canonicalize()?;
        let logs = target_dir().with_file_name("tmp").join("ha").join(name);
        // Those of the previous run.
        let _ = fs::remove_dir_all(&logs);
        fs::create_dir_all(&logs)?;
        let mut sweeper = Command::new("/bin/sh");
        sweeper.arg("-c").arg(SWEEP).arg(&dir).current_dir("/");
        sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        process::own_group(&mut sweeper);
        let sweeper = process::spawn(sweeper).context("cannot run sh")?;
        Ok(Self { programs: Programs::ready(&dir)?, dir, logs, sweeper })
    }

    /// A new folder for one server, which may write there.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        self.give(&path)?;
        Ok(path)
    }

    /// A file that only the servers' user can read.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<()> {
        write_private(path, text)?;
        self.give(path)
    }

    /// A file system of its own below a folder of [`Site::folder`], of this size, which can be full; a plain folder unless root
    /// calls.
    pub(crate) fn disk(&self, folder: &Path, mebibytes: usize) -> Result<PathBuf> {
        let path = folder.join("disk");
        DirBuilder::new().mode(0o700).create(&path)?;
        if Self::has_disks() {
            let options = format!("size={mebibytes}m,mode=700");
            output(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path))?;
        }
        self.give(&path)?;
        Ok(path)
    }

    /// Whether [`Site::disk`] has a size.
    pub fn has_disks() -> bool {
        Uid::effective().is_root()
    }

    /// Starts a server with a working folder, which is how it is found in the end, and a log.
    pub(crate) fn start(&self, name: &str, folder: &Path, command: Command) -> Result<Daemon> {
        Daemon::spawn(name, Log::open(&self.logs, name)?, KILL, Self::inside(folder, command))
    }

    /// The same for a server that is started again.
    pub(crate) fn inside(folder: &Path, mut command: Command) -> Command {
        command.current_dir(folder);
        command
    }

    /// The folder of the logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    fn give(&self, path: &Path) -> Result<()> {
        if let Some((uid, gid)) = self.programs.identity.owner() {
            chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot give away {}", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        // It has a bound of its own.
        let _ = self.sweeper.wait();
    }
}
