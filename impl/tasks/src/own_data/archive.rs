//! The archive of a user's data: a ZIP file with JSON lines for each kind, written to a temporary file without a name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use contract::{ByteStream, Bytes, Problem};
use futures_util::stream;
use platform::{Database, Error, Result};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::queries;

/// How long an archive may be built, shorter than the deadline of the operation.
const BUILD_TIMEOUT: Duration = Duration::from_secs(24);
/// How long an archive may be sent: nobody keeps a place for longer.
const SEND_TIMEOUT: Duration = Duration::from_secs(300);
/// Of an archive, compressed.
const MAX_ARCHIVE_BYTES: u64 = 48 << 20;
/// Sent at a time.
const CHUNK_BYTES: usize = 64 << 10;
const ABOUT: &str = "What is stored about you. Each line of a file is a JSON object; times are in UTC, and all files are of one instant.";

/// An archive that is being written.
struct Archive {
    zip: ZipWriter<File>,
    /// Names and numbers of rows.
    files: Vec<(String, usize)>,
}

/// The archive of a user, from its beginning.
pub(super) async fn build(database: &Database, user: i64) -> Result<File> {
    let built = database.snapshot(BUILD_TIMEOUT, move |mut tx| async move {
        let mut archive = Archive::new().await?;
        for export in queries::exports(&mut tx).await? {
            archive = archive.begin(export.trim_start_matches("exported_")).await?;
            queries::open(&mut tx, &export, user).await?;
            loop {
                let rows = queries::fetch(&mut tx).await?;
                if rows.is_empty() {
                    break;
                }
                archive = archive.append(rows).await?;
            }
        }
        archive.finish(user).await
    });
    built.await
}

impl Archive {
    async fn new() -> Result<Self> {
        blocking(|| Ok(Self { zip: ZipWriter::new(tempfile::tempfile()?), files: Vec::new() })).await
    }

    /// Begins the file of a kind.
    async fn begin(mut self, kind: &str) -> Result<Self> {
        let name = format!("{kind}.ndjson");
        blocking(move || {
            self.zip.start_file(&name, SimpleFileOptions::default().large_file(true))?;
            self.files.push((name, 0));
            Ok(self)
        })
        .await
    }

    /// Appends rows to the file that was begun last.
    async fn append(mut self, rows: Vec<String>) -> Result<Self> {
        if let Some((_, count)) = self.files.last_mut() {
            *count += rows.len();
        }
        let (archive, size) = blocking(move || {
            for row in &rows {
                self.zip.write_all(row.as_bytes())?;
                self.zip.write_all(b"\n")?;
            }
            let size = self.zip.get_ref().map_or(Ok(0), |file| file.metadata().map(|file| file.len()))?;
            Ok((self, size))
        })
        .await?;
        if size > MAX_ARCHIVE_BYTES { Err(too_large().into()) } else { Ok(archive) }
    }

    /// Adds what tells of the files, and returns the archive.
    async fn finish(mut self, user: i64) -> Result<File> {
        let files: Vec<_> = self.files.iter().map(|(name, rows)| json!({"name": name, "rows": rows})).collect();
        let created_at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let readme = json!({"about": ABOUT, "user_id": user, "created_at": created_at, "files": files});
        blocking(move || {
            self.zip.start_file("README.json", SimpleFileOptions::default())?;
            self.zip.write_all(format!("{readme:#}\n").as_bytes())?;
            let mut file = self.zip.finish()?;
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        })
        .await
    }
}

fn too_large() -> Problem {
    Problem::unavailable("export_too_large", "There is more data than can be exported at once; ask the operator.", 3600)
}

/// Compresses and writes on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    match spawn_blocking(work).await.map_err(Error::internal)? {
        Ok(done) => Ok(done),
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            tracing::warn!(%error, "no room for export of personal data");
            Err(Problem::unavailable("overloaded", "There is no room for an export; try again.", 60).into())
        }
        Err(error) => Err(Error::internal(error)),
    }
}

/// Sends a file; `place` is given back at its end.
pub(super) fn stream(file: File, place: OwnedSemaphorePermit) -> ByteStream {
    let deadline = Instant::now() + SEND_TIMEOUT;
    Box::pin(stream::try_unfold((file, place), move |(mut file, place)| async move {
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let read = spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK_BYTES];
            let length = file.read(&mut chunk)?;
            chunk.truncate(length);
            io::Result::Ok((Bytes::from(chunk), file))
        });
        let (chunk, file) = read.await.map_err(io::Error::other)??;
        Ok((!chunk.is_empty()).then_some((chunk, (file, place))))
    }))
}
