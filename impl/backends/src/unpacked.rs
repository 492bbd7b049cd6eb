//! A folder of unpacked packages that several processes and checkouts share: filled once, replaced as a whole.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};

use crate::place;

/// Runs `fill` to fill `dir` unless its file `stamp` has the text `current`, one process at a time: several may find it
/// missing together.
///
/// # Errors
/// Those of `fill`, and of files.
pub fn once(dir: &Path, stamp: &str, current: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let is_current = || fs::read_to_string(dir.join(stamp)).is_ok_and(|text| text == current);
    if is_current() {
        return Ok(());
    }
    fs::create_dir_all(dir.parent().context("a folder of packages needs a parent")?)?;
    let lock = place::lockable(&dir.with_added_extension("lock"))?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    if is_current() {
        return Ok(());
    }
    // A new folder, stamped and renamed: never an incomplete folder with a stamp.
    let fresh = dir.with_added_extension("new");
    remove(&fresh)?;
    fs::create_dir_all(&fresh)?;
    fill(&fresh)?;
    fs::write(fresh.join(stamp), current)?;
    remove(dir)?;
    fs::rename(&fresh, dir)?;
    Ok(())
}

/// Removes a folder, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
