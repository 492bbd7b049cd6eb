//! A folder of secrets as Kubernetes mounts it: links to files of a hidden folder, which is replaced at once.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

/// The secrets of one process.
pub(crate) struct Secrets {
    dir: TempDir,
    names: Vec<&'static str>,
    version: usize,
}

impl Secrets {
    pub(crate) fn new(files: &[(&'static str, String)]) -> Self {
        let dir = TempDir::new().expect("a folder");
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        for name in &names {
            symlink(format!("..data/{name}"), dir.path().join(name)).expect("a link");
        }
        let mut secrets = Self { dir, names, version: 0 };
        secrets.write(files);
        secrets
    }

    /// `SECRET_KEY_FILE` and the path.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        self.names.iter().map(|name| (format!("{name}_FILE"), path(name))).collect()
    }

    /// Replaces all of them.
    pub(crate) fn write(&mut self, files: &[(&'static str, String)]) {
        self.version += 1;
        let folder = format!("..{}", self.version);
        fs::create_dir(self.dir.path().join(&folder)).expect("a folder");
        for (name, text) in files {
            fs::write(self.dir.path().join(&folder).join(name), text).expect("a file");
        }
        symlink(&folder, self.dir.path().join("..next")).expect("a link");
        fs::rename(self.dir.path().join("..next"), self.dir.path().join("..data")).expect("it takes the place");
    }
}
