//! Mails as files, in development.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Writes a mail into `ID.eml`; the same one again into the same file.
///
/// # Errors
/// Those of the file system.
pub(crate) async fn write(folder: &Path, id: Uuid, bytes: Vec<u8>) -> io::Result<PathBuf> {
    let folder = folder.to_owned();
    let write = tokio::task::spawn_blocking(move || {
        // For this user only: who reads it may set a password.
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let (path, part) = (folder.join(format!("{id}.eml")), folder.join(format!("{id}.part")));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&bytes)?;
        // Whoever watches the folder sees whole mails.
        fs::rename(&part, &path)?;
        Ok(path)
    });
    write.await.map_err(io::Error::other)?
}
