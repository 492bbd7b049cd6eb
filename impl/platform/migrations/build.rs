//! Migrations and privileges are compiled in: a new file must rebuild this crate.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=../../../migrations");
    let folder =
        Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../../../migrations/privileges");
    let (roles, groups) = (files(&folder)?, files(&folder.join("groups"))?);
    let mut source = String::new();
    for (name, what, files) in [
        (
            "ROLES",
            "The roles of Postgres that there are: services, background roles and `verify`, which only reads",
            &roles,
        ),
        ("GROUPS", "What several roles have", &groups),
    ] {
        let list = files.iter().map(|(name, path)| format!("    ({name:?}, include_str!({path:?})),\n"));
        let list: String = list.collect();
        let _ = write!(
            source,
            "/// {what}; each by its name, with the text that says it.\npub static {name}: &[(&str, &str)] = &[\n{list}];\n"
        );
    }
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("privileges.rs"), source)
}

/// The files of a folder with content for Postgres, by name.
fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.contains('.') {
            files.push((name, entry.path().canonicalize()?));
        }
    }
    files.sort();
    Ok(files)
}
