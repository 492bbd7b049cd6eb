//! What to start, and where.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::find::Source;

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for everything; made when missing.
    pub dir: PathBuf,
    /// The folder of the unpacked wheels; filled when needed.
    pub wheels: PathBuf,
    /// Which binaries may be used.
    pub source: Source,
    /// Whether a Postgres is wanted.
    pub postgres: bool,
    /// Whether a Redis is wanted.
    pub redis: bool,
    /// The database to make when it is missing.
    pub database: String,
    /// Delete the data of earlier runs first.
    pub fresh: bool,
    /// How many connections Postgres accepts.
    pub connections: u32,
    /// Whether Postgres waits for the disk. Off is for data that nobody will miss.
    pub durable: bool,
    /// Whether Redis keeps an append-only file. Without one, what it holds ends with it.
    pub append_only: bool,
    /// Becoming true ends the wait for a server that starts.
    pub interrupted: Arc<AtomicBool>,
    /// Told what takes long.
    pub notice: fn(&str),
}

impl Options {
    /// Both servers, with data that last, in `dir`.
    pub fn new(dir: impl Into<PathBuf>, wheels: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            wheels: wheels.into(),
            source: Source::Auto,
            postgres: true,
            redis: true,
            database: "app".to_owned(),
            fresh: false,
            connections: 100,
            durable: true,
            append_only: true,
            interrupted: Arc::default(),
            notice: |_| {},
        }
    }
}
