//! The commands of docs/operations.md.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use testkit::system::System;
use tokio::task::block_in_place;

/// The page, which an image is built without.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    std::fs::read_to_string(path).expect("the page")
}

/// Its blocks by their names, with the folders that they are about.
pub struct Runbook {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Runbook {
    /// With new folders.
    pub fn new() -> Self {
        // Postgres may run as another user.
        let open = Permissions::from_mode(0o777);
        let folder = tempfile::Builder::new().prefix("restore-").permissions(open.clone()).tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), open).expect("whatever the umask");
        let mut runbook = Self { folder, variables: BTreeMap::new() };
        for name in ["ARCHIVE", "BACKUP", "LOST", "DUMP"] {
            let path = runbook.folder().join(name.to_lowercase());
            runbook.set(name, path.to_str().expect("a name"));
        }
        runbook
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Runs a block as the user of Postgres.
    pub fn carry_out(&self, system: &System, name: &str) {
        self.run(system, &format!("mkdir -p \"$ARCHIVE\"\n{}", block(name)));
    }

    /// Runs other commands in the same way.
    pub fn run(&self, system: &System, script: &str) {
        self.succeeds(system.servers.as_postgres(script).expect("Postgres"), script);
    }

    /// Runs a block as somebody who only has the URLs.
    pub fn carry_out_as_operator(&self, system: &System, server: &Path, name: &str) {
        let script = block(name);
        symlink(server, self.folder().join("server")).expect("a link");
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.folder(), system.servers.postgres_programs().expect("Postgres")].map(Path::to_owned);
        let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&inherited))).expect("a path");
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &script]).current_dir(self.folder()).env("PATH", path);
        self.succeeds(command.env("ENVIRONMENT", "development"), &script);
    }

    fn succeeds(&self, mut command: impl std::borrow::BorrowMut<Command>, script: &str) {
        let command = command.borrow_mut().envs(&self.variables);
        let output = block_in_place(|| command.output()).expect("bash runs");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}");
    }
}

/// The block whose first line is this name, without the indentation of the list it is in.
fn block(name: &str) -> String {
    let page = page();
    let opened: Vec<_> = page.split("```bash\n").skip(1).collect();
    let found = opened.iter().find(|text| text.trim_start().starts_with(&format!("# {name}\n")));
    let text = found.unwrap_or_else(|| panic!("docs/operations.md has no block {name}"));
    let text = text.split("```").next().expect("it ends");
    let indent = text.len() - text.trim_start().len();
    text.lines().map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}
