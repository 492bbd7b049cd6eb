//! The folder of a pair of private servers: its lock, the state between runs, and the location of the data.
//!
//! ```text
//! DIR/backends.lock    held while servers run       DIR/postgres/  DIR/redis/   the data
//! DIR/backends.state   ports and passwords          DIR/log/                    logs of the servers
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Uid;

use crate::identity::Identity;
use crate::log::Log;

/// `sockaddr_un` holds about a hundred bytes; the server appends `/.s.PGSQL.PORT.lock`.
const MAX_SOCKET_DIR_BYTES: usize = 80;

/// Below the ephemeral ports of Linux (32768) and macOS (49152).
const NON_EPHEMERAL_PORTS: Range<u16> = 15_000..32_000;
/// Random attempts to find a free port, which do not all fail unless there is none.
const MAX_PORT_GUESSES: usize = 32;

/// An opened and locked folder.
pub(crate) struct Place {
    dir: PathBuf,
    data: PathBuf,
    pub(crate) identity: Identity,
    state: BTreeMap<String, String>,
    _lock: Flock<File>,
}

impl Place {
    /// Locks `dir`, created when missing, and chooses the identity of the servers.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let lock = lock(&dir)?;
        let state = load_state(&dir.join("backends.state"));
        // Data that had to be elsewhere once stays there, whatever would be possible now.
        let elsewhere = Uid::effective().is_root() && shared_path(&dir).join("postgres").exists();
        let here = Identity::for_dir(&dir).filter(|_| !elsewhere);
        let mut place = Self { data: dir.clone(), dir, identity: Identity::unprivileged(), state, _lock: lock };
        match here {
            Some(identity) => place.identity = identity,
            // Only root can enter it, and root may not run the servers.
            None => {
                place.data = shared_dir(&place.dir)?;
                place.remember("data".to_owned(), place.data.display().to_string())?;
            }
        }
        Ok(place)
    }

    /// The location of the data, when it is not the folder itself.
    pub(crate) fn elsewhere(&self) -> Option<&Path> {
        (self.data != self.dir).then_some(&*self.data)
    }

    /// The folder for one server's data, owned by the identity of the servers.
    pub(crate) fn data_dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.data.join(name);
        self.private_dir(&path)?;
        Ok(path)
    }

    /// A folder for the Postgres socket with a short path, which only the caller and the server can enter.
    pub(crate) fn socket_dir(&self) -> Result<PathBuf> {
        let beside = self.data.join("run");
        if beside.as_os_str().len() <= MAX_SOCKET_DIR_BYTES {
            self.private_dir(&beside)?;
            return Ok(beside);
        }
        let short = shared_dir(&self.dir)?.join("run");
        self.private_dir(&short)?;
        Ok(short)
    }

    /// Creates `path` with mode 700 and changes the owner, recursively, to the servers' identity.
    fn private_dir(&self, path: &Path) -> Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.with_context(|| format!("cannot make {}", path.display()))?,
        }
        if Uid::effective().is_root() {
            let (uid, gid) = self.identity.owner().unwrap_or((0, 0));
            if path.symlink_metadata()?.uid() != uid {
                give(path, uid, gid).with_context(|| format!("cannot change the owner of {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// The log of one server.
    pub(crate) fn log(&self, name: &str) -> Result<Log> {
        Log::open(&self.dir.join("log"), name)
    }

    /// The port of one server: the previous one if that is still free, so that URLs stay valid over restarts.
    pub(crate) fn port(&mut self, name: &str) -> Result<u16> {
        let key = format!("{name}_port");
        let before = self.state.get(&key).and_then(|port| port.parse().ok());
        let port = match before.filter(|port| is_free(*port)) {
            Some(port) => port,
            None => free_port()?,
        };
        self.remember(key, port.to_string())?;
        Ok(port)
    }

    /// Drops the port of one server: another process took it between the search for a free one and the start.
    pub(crate) fn forget_port(&mut self, name: &str) {
        self.state.remove(&format!("{name}_port"));
    }

    /// The password of one server, generated once.
    pub(crate) fn password(&mut self, name: &str) -> Result<String> {
        let key = format!("{name}_password");
        if let Some(password) = self.state.get(&key) {
            return Ok(password.clone());
        }
        let password = random_hex()?;
        self.remember(key, password.clone())?;
        Ok(password)
    }

    fn remember(&mut self, key: String, value: String) -> Result<()> {
        self.state.insert(key, value);
        let text: String = self.state.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        write_private(&self.dir.join("backends.state"), &text)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A folder that was used because of a long path is empty now; one with data stays.
        let short = shared_path(&self.dir);
        let _ = fs::remove_dir(short.join("run"));
        let _ = fs::remove_dir(short);
    }
}

/// Ports that this process has handed out.
static ASSIGNED_PORTS: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A free port on 127.0.0.1, a different one each time in this process: a caller that needs several has bound none of them yet.
/// Not an ephemeral port where possible: while a server is down, its clients go on connecting, and one of them could be
/// assigned the very port that the server needs again.
pub fn free_port() -> Result<u16> {
    let mut random = [0; 2 * MAX_PORT_GUESSES];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let guesses = random.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let quiet =
        guesses.map(|guess| NON_EPHEMERAL_PORTS.start + guess % (NON_EPHEMERAL_PORTS.end - NON_EPHEMERAL_PORTS.start));
    let mut given = ASSIGNED_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(port) = quiet.into_iter().find(|port| is_free(*port) && given.insert(*port)) {
        return Ok(port);
    }
    loop {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
        let port = socket.local_addr()?.port();
        if given.insert(port) {
            return Ok(port);
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Replaces a file atomically by one that only its owner can read.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let fresh = path.with_added_extension("new");
    let write = || {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&fresh, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// 192 random bits, in characters that need no quoting anywhere.
pub fn random_hex() -> Result<String> {
    let mut bytes = [0; 24];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The path of the folder that is used instead of `dir` and that every account can reach.
fn shared_path(dir: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (dir, Uid::effective().as_raw()).hash(&mut hasher);
    Path::new("/var/tmp").join(format!("backends-{:016x}", hasher.finish()))
}

/// Creates that folder, writable for the caller only.
pub(crate) fn shared_dir(dir: &Path) -> Result<PathBuf> {
    let path = shared_path(dir);
    match DirBuilder::new().mode(0o711).create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.with_context(|| format!("cannot make {}", path.display()))?,
    }
    // Everyone may create folders in /var/tmp, also one of this name.
    let found = path.symlink_metadata()?;
    if !found.is_dir() || found.uid() != Uid::effective().as_raw() || found.permissions().mode() & 0o022 != 0 {
        bail!("{} was not created by this program; remove it", path.display());
    }
    Ok(path)
}

/// Opens a file to lock, created when missing.
pub(crate) fn lockable(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

fn lock(dir: &Path) -> Result<Flock<File>> {
    match Flock::lock(lockable(&dir.join("backends.lock"))?, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0)?;
            write!(&mut *lock, "{}", std::process::id())?;
            Ok(lock)
        }
        Err((mut file, _)) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            bail!("process {holder} already runs the servers of {}; stop it, or use another --dir", dir.display());
        }
    }
}

/// Whether `url` is that of a server that is private to `dir`, running or not: its password is known here only.
pub fn is_private(dir: &Path, url: &str) -> bool {
    let state = load_state(&dir.join("backends.state"));
    state.iter().any(|(key, value)| key.ends_with("_password") && url.contains(value.as_str()))
}

fn load_state(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    lchown(path, Some(uid), Some(gid))
}
