//! Secrets that are files: `NAME_FILE` is the path of a file with the value of `NAME`, as Docker and Kubernetes mount them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Command;
use secrecy::ExposeSecret;

use crate::InvalidSettings;
use crate::secret_file::{SecretFile, SecretFileState};

const SUFFIX: &str = "_FILE";

/// By the names of the secrets: `SECRET_KEY`.
static FILES: Mutex<BTreeMap<String, Arc<SecretFile>>> = Mutex::new(BTreeMap::new());

/// How it goes with the files of this process' secrets; each is looked at.
pub fn states() -> Vec<SecretFileState> {
    let files: Vec<_> = files().values().cloned().collect();
    files.iter().map(|file| file.state()).collect()
}

/// The file that a secret was read from.
pub(super) fn file_of(name: &str) -> Option<Arc<SecretFile>> {
    files().get(name).cloned()
}

fn files() -> MutexGuard<'static, BTreeMap<String, Arc<SecretFile>>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The names of the secrets of a command and its subcommands: those that help does not show the values of.
pub(super) fn names(command: &Command) -> HashSet<String> {
    let own = command.get_arguments().filter(|argument| argument.is_hide_env_values_set());
    let own = own.filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()));
    own.chain(command.get_subcommands().flat_map(names)).collect()
}

/// Names and values of secrets that are files, without the line break at their end; the files are remembered, to be read again. What is set
/// already stays: processes that are started by others get both.
///
/// # Errors
/// When a file cannot be read or is empty, or a secret is set and has another value.
pub(super) fn read(
    variables: impl Iterator<Item = (String, String)>,
    names: &HashSet<String>,
    set: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, InvalidSettings> {
    let mut secrets = Vec::new();
    for (variable, path) in variables.filter(|(_, path)| !path.is_empty()) {
        let Some(name) = variable.strip_suffix(SUFFIX).filter(|name| names.contains(*name)) else { continue };
        let file = SecretFile::open(&variable, &path)?;
        let value = file.value().expose_secret().to_owned();
        match set(name) {
            Some(other) if other != value => {
                return Err(InvalidSettings(format!("{name} and {variable} are both set: give one of them")));
            }
            Some(_) => {}
            None => secrets.push((name.to_owned(), value)),
        }
        files().insert(name.to_owned(), Arc::new(file));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read_one(variable: &str, path: &str, set: &str) -> Result<Vec<(String, String)>, String> {
        let variables = std::iter::once((variable.to_owned(), path.to_owned()));
        let secret = |name: &'static str| clap::Arg::new(name).env(name).hide_env_values(true);
        let tasks = Command::new("tasks").arg(secret("SHOP_DATABASE_PASSWORD")).arg(secret("DATABASE_URL"));
        let command = Command::new("server")
            .arg(clap::Arg::new("ssl").env("SSL_CERT"))
            .subcommand(tasks.arg(secret("SECRET_KEY")).arg(secret("REDIS_URL")));
        let set = |name: &str| (name == set).then(|| "another".to_owned());
        read(variables, &names(&command), set).map_err(|error| error.to_string())
    }

    #[test]
    fn secrets_are_read_from_files_and_nothing_else_is() {
        let dir = std::env::temp_dir().join(format!("secret-files-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder");
        let file = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let path = file("key", " a \"secret\" with $signs\\ \n");
        let expected = vec![("SECRET_KEY".to_owned(), " a \"secret\" with $signs\\ ".to_owned())];
        assert_eq!(read_one("SECRET_KEY_FILE", &path, ""), Ok(expected));
        let expected = vec![("SHOP_DATABASE_PASSWORD".to_owned(), "pass".to_owned())];
        assert_eq!(read_one("SHOP_DATABASE_PASSWORD_FILE", &file("role", "pass\r\n"), ""), Ok(expected));
        assert_eq!(read_one("SSL_CERT_FILE", "/nowhere", ""), Ok(Vec::new()), "not ours");
        assert_eq!(read_one("REDIS_URL_FILE", "", ""), Ok(Vec::new()), "as if it was not set");
        for (variable, path, set, why) in [
            ("SECRET_KEY_FILE", "/nowhere", "", "SECRET_KEY_FILE: cannot read /nowhere"),
            ("SECRET_KEY_FILE", &*path, "SECRET_KEY", "SECRET_KEY and SECRET_KEY_FILE are both set"),
            ("DATABASE_URL_FILE", &*file("empty", "\n"), "", "it is empty"),
        ] {
            let error = read_one(variable, path, set).expect_err(why);
            assert!(error.contains(why), "{error}");
            assert!(!error.contains("$signs"), "{error}");
        }
        let known = |_: &str| Some(" a \"secret\" with $signs\\ ".to_owned());
        let variables = std::iter::once(("SECRET_KEY_FILE".to_owned(), path));
        let names = HashSet::from(["SECRET_KEY".to_owned()]);
        assert_eq!(read(variables, &names, known).expect("both are the same"), []);
        fs::remove_dir_all(dir).expect("the folder goes");
    }
}
