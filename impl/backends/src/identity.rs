//! The user that the private servers run as. Postgres does not run as root, so when the caller is root they run as another user;
//! and that user may be unable to enter the data folder.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use crate::process;

/// The identity of a server process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The caller, who is not root.
    Caller,
    /// An unprivileged account of the machine.
    Account {
        /// Its user id.
        uid: u32,
        /// Its group id.
        gid: u32,
    },
    /// The caller in a user namespace under the name `nobody`: no longer root, or no longer without an entry in the user
    /// database, yet with access to its own files.
    Namespace,
}

impl Identity {
    /// Chooses the identity for servers with data in `dir`. `None`: the caller is root, and no other user can enter it.
    pub fn for_dir(dir: &Path) -> Option<Self> {
        let caller = Uid::effective();
        if !caller.is_root() {
            // Postgres requires that its user has a name.
            let unnamed = User::from_uid(caller).is_ok_and(|user| user.is_none());
            return Some(if unnamed && Self::Namespace.can_enter(dir) { Self::Namespace } else { Self::Caller });
        }
        [Self::unprivileged(), Self::Namespace].into_iter().find(|candidate| candidate.can_enter(dir))
    }

    /// The account that root drops to: `postgres`, else `nobody`.
    pub(crate) fn unprivileged() -> Self {
        ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten()).map_or(
            Self::Account { uid: 65534, gid: 65534 },
            |user| Self::Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() },
        )
    }

    /// Owner and group of the files this identity needs to own, when that is not the caller.
    pub fn owner(self) -> Option<(u32, u32)> {
        match self {
            Self::Account { uid, gid } => Some((uid, gid)),
            Self::Caller | Self::Namespace => None,
        }
    }

    /// A command that runs `program` as this identity, with a safe environment.
    pub fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/").stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        self.apply(&mut command);
        command
    }

    fn apply(self, command: &mut Command) {
        match self {
            Self::Caller => {}
            Self::Account { uid, gid } => {
                use std::os::unix::process::CommandExt;
                command.uid(uid).gid(gid);
            }
            Self::Namespace => enter_namespace(command),
        }
    }

    /// Whether a process of this identity can start and reach `dir`.
    pub fn can_enter(self, dir: &Path) -> bool {
        self.command("/bin/sh")
            .args(["-c", "cd \"$0\""])
            .arg(dir)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// The `--version` line of `program`, if a process of this identity can run it.
    pub fn version_of(self, program: &Path) -> Option<String> {
        let output = self.command(program).arg("--version").stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

#[cfg(target_os = "linux")]
fn enter_namespace(command: &mut Command) {
    use std::fs::OpenOptions;
    use std::io::Write;

    use nix::unistd::Gid;

    let uid_map = format!("65534 {} 1", Uid::effective());
    let gid_map = format!("65534 {} 1", Gid::effective());
    process::before_exec(command, move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)?;
        // One id each, that of the caller outside; a group map requires that setgroups is given up first.
        for (file, line) in
            [("/proc/self/setgroups", "deny"), ("/proc/self/uid_map", &uid_map), ("/proc/self/gid_map", &gid_map)]
        {
            OpenOptions::new().write(true).open(file)?.write_all(line.as_bytes())?;
        }
        Ok(())
    });
}

#[cfg(not(target_os = "linux"))]
fn enter_namespace(command: &mut Command) {
    process::before_exec(command, || Err(std::io::ErrorKind::Unsupported.into()));
}
