//! A file of a form: in memory while it is small, otherwise in a temporary file without a name, which the system removes with its last
//! handle, whatever becomes of the process.

use std::fmt;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::io::AsyncRead;
use tokio::task::spawn_blocking;
use tokio_util::io::StreamReader;
use xxhash_rust::xxh3::Xxh3;

/// Files of one form together are kept in memory up to this size.
const IN_MEMORY: usize = 256 * 1024;
/// So much is written or read at once.
const BLOCK: usize = 128 * 1024;

/// A file that was received completely.
pub struct File {
    file_name: Option<String>,
    content_type: Option<String>,
    size: u64,
    digest: u128,
    content: Content,
}

enum Content {
    Memory(Bytes),
    /// A section of the file of its form.
    Disk {
        file: Arc<std::fs::File>,
        offset: u64,
    },
}

impl fmt::Debug for File {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("File").field("size", &self.size).finish_non_exhaustive()
    }
}

impl File {
    /// Its name as the client says. It is no path: to be used for display only.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Its media type as the client says.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A hash of its bytes, to tell requests apart.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// When it cannot be read from the disk.
    pub async fn bytes(self) -> io::Result<Bytes> {
        if let Content::Memory(bytes) = self.content {
            return Ok(bytes);
        }
        let mut all = Vec::new();
        let mut pieces = self.into_stream();
        while let Some(piece) = pieces.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.into())
    }

    /// Its bytes, piece by piece.
    pub fn into_stream(self) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> {
        match self.content {
            Content::Memory(bytes) => Box::pin(stream::iter([Ok(bytes)])),
            Content::Disk { file, offset } => {
                let end = offset + self.size;
                Box::pin(stream::try_unfold(offset, move |at| {
                    let file = Arc::clone(&file);
                    async move {
                        let length = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
                        if length == 0 {
                            return Ok(None);
                        }
                        let read = move || {
                            let mut piece = vec![0; length];
                            file.read_exact_at(&mut piece, at).map(|()| piece)
                        };
                        let piece = spawn_blocking(read).await.map_err(io::Error::other)??;
                        Ok(Some((Bytes::from(piece), at + length as u64)))
                    }
                }))
            }
        }
    }

    /// Its bytes, for whatever reads.
    pub fn into_reader(self) -> impl AsyncRead + Send + Unpin {
        StreamReader::new(self.into_stream())
    }
}

/// Where the files of a form are put.
#[derive(Default)]
pub(crate) struct Spool {
    in_memory: usize,
    disk: Option<(Arc<std::fs::File>, u64)>,
}

/// A file that is being received.
pub(crate) struct Incoming {
    waiting: Vec<u8>,
    size: u64,
    offset: Option<u64>,
    digest: Xxh3,
}

impl Incoming {
    pub(crate) fn new() -> Self {
        Self { waiting: Vec::new(), size: 0, offset: None, digest: Xxh3::new() }
    }
}

impl Spool {
    /// Takes a piece of a file.
    pub(crate) async fn write(&mut self, to: &mut Incoming, piece: &[u8]) -> io::Result<()> {
        to.digest.update(piece);
        to.size += piece.len() as u64;
        to.waiting.extend_from_slice(piece);
        let most = if to.offset.is_some() { BLOCK } else { IN_MEMORY.saturating_sub(self.in_memory) };
        if to.waiting.len() > most { self.spill(to).await } else { Ok(()) }
    }

    async fn spill(&mut self, to: &mut Incoming) -> io::Result<()> {
        let (file, end) = match self.disk.take() {
            Some(disk) => disk,
            None => (Arc::new(spawn_blocking(tempfile::tempfile).await.map_err(io::Error::other)??), 0),
        };
        to.offset.get_or_insert(end);
        let block = std::mem::take(&mut to.waiting);
        let written = block.len() as u64;
        let target = Arc::clone(&file);
        spawn_blocking(move || target.write_all_at(&block, end)).await.map_err(io::Error::other)??;
        self.disk = Some((file, end + written));
        Ok(())
    }

    /// The file, when nothing more comes.
    pub(crate) async fn finish(
        &mut self,
        mut file: Incoming,
        file_name: Option<String>,
        content_type: Option<String>,
    ) -> io::Result<File> {
        if file.offset.is_some() && !file.waiting.is_empty() {
            self.spill(&mut file).await?;
        }
        let content = match (file.offset, &self.disk) {
            (Some(offset), Some((disk, _))) => Content::Disk { file: Arc::clone(disk), offset },
            _ => {
                self.in_memory += file.waiting.len();
                Content::Memory(file.waiting.into())
            }
        };
        Ok(File { file_name, content_type, size: file.size, digest: file.digest.digest128(), content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_files_stay_in_memory_and_large_ones_do_not() {
        let mut spool = Spool::default();
        let mut files = Vec::new();
        for (byte, size) in [(1, 10), (2, IN_MEMORY), (3, 3 * BLOCK + 7), (4, 5)] {
            let mut incoming = Incoming::new();
            for piece in vec![byte; size].chunks(10_000) {
                spool.write(&mut incoming, piece).await.expect("written");
            }
            let file = spool.finish(incoming, None, None).await.expect("finished");
            assert_eq!(file.size(), size as u64);
            files.push((byte, size, file));
        }
        let on_disk: Vec<bool> =
            files.iter().map(|(_, _, file)| matches!(file.content, Content::Disk { .. })).collect();
        assert_eq!(on_disk, [false, true, true, false]);
        for (byte, size, file) in files {
            assert_eq!(file.bytes().await.expect("read"), vec![byte; size]);
        }
    }
}
