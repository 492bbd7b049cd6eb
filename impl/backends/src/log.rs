//! Log files: appended to over runs, and quoted in errors.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

/// Size in bytes from which a log is renamed to `NAME.log.1` at the next start.
const MAX_LOG_BYTES: u64 = 10 << 20;

/// The log of one process and where this run's part of it begins.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    start: u64,
}

impl Log {
    /// Opens `DIR/NAME.log` to append to.
    pub fn open(dir: &Path, name: &str) -> Result<Self> {
        let open = || {
            fs::create_dir_all(dir)?;
            let path = dir.join(format!("{name}.log"));
            if path.metadata().is_ok_and(|metadata| metadata.len() > MAX_LOG_BYTES) {
                fs::rename(&path, dir.join(format!("{name}.log.1")))?;
            }
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            Ok(Self { start: file.metadata()?.len(), file, path })
        };
        open().map_err(|error: io::Error| anyhow!("cannot open {name}.log in {}: {error}", dir.display()))
    }

    /// A handle for the process to write to.
    pub fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// What was written in this run.
    pub fn text(&self) -> String {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(io::SeekFrom::Start(self.start))?;
            file.read_to_end(&mut bytes)
        });
        read.map_or_else(|error| error.to_string(), |_| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last lines of this run, for an error message.
    pub fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(8)..];
        format!("{}\n(from {})", last.join("\n"), self.path.display())
    }
}
