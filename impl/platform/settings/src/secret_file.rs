//! A file with a secret, which is read again while the process runs.

use std::fmt;
use std::fs;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::InvalidSettings;

/// What a new value must satisfy.
type Check = Box<dyn Fn(&str) -> Result<(), InvalidSettings> + Send + Sync>;

/// A secret's file, and the last good value that was read from it.
pub(crate) struct SecretFile {
    /// `SECRET_KEY_FILE`.
    variable: String,
    path: String,
    state: Mutex<State>,
}

struct State {
    value: SecretString,
    checks: Vec<Check>,
    /// Whether anything asks for its value after the start.
    is_followed: bool,
    /// Why what the file has now is not used.
    rejection: Option<String>,
    changes: u64,
    rejections: u64,
}

/// How it goes with a secret's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFileState {
    /// The variable with its path, such as `SECRET_KEY_FILE`.
    pub variable: String,
    /// Whether the file cannot be read, or what it has now is rejected: then the value before it is used.
    pub is_rejected: bool,
    /// New values that were taken since the start.
    pub changes: u64,
    /// New values that were rejected since the start, and times it became unreadable.
    pub rejections: u64,
}

impl SecretFile {
    /// # Errors
    /// When it cannot be read or is empty.
    pub(crate) fn open(variable: &str, path: &str) -> Result<Self, InvalidSettings> {
        let value = read(variable, path)?;
        let state = State { value, checks: Vec::new(), is_followed: false, rejection: None, changes: 0, rejections: 0 };
        Ok(Self { variable: variable.to_owned(), path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The last good value.
    pub(crate) fn value(&self) -> SecretString {
        self.lock().value.clone()
    }

    /// What it has now, if that can be used; else what it had before.
    pub(crate) fn current(&self) -> SecretString {
        let mut state = self.lock();
        state.is_followed = true;
        let State { value, checks, .. } = &*state;
        let new = read(&self.variable, &self.path).and_then(|new| {
            let is_new = new.expose_secret() != value.expose_secret();
            if is_new {
                checks.iter().try_for_each(|check| check(new.expose_secret()))?;
            }
            Ok(is_new.then_some(new))
        });
        match new {
            Err(InvalidSettings(rejection)) => {
                // Once for each reason, however often it is read.
                if state.rejection.as_ref() != Some(&rejection) {
                    tracing::error!(
                        file = self.path,
                        error = rejection,
                        "new value of a secret rejected, keeping the old one"
                    );
                    state.rejections += 1;
                    state.rejection = Some(rejection);
                }
            }
            Ok(new) => {
                state.rejection = None;
                if let Some(new) = new {
                    tracing::info!(file = self.path, setting = self.variable, "secret has a new value");
                    state.changes += 1;
                    state.value = new;
                }
            }
        }
        state.value.clone()
    }

    pub(crate) fn add_check(&self, check: Check) {
        self.lock().checks.push(check);
    }

    /// After another look at it, if changes have an effect.
    pub(crate) fn state(&self) -> SecretFileState {
        if self.lock().is_followed {
            self.current();
        }
        let state = self.lock();
        SecretFileState {
            variable: self.variable.clone(),
            is_rejected: state.rejection.is_some(),
            changes: state.changes,
            rejections: state.rejections,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("SecretFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The text of a file without the line break at its end.
fn read(variable: &str, path: &str) -> Result<SecretString, InvalidSettings> {
    let unreadable = |why: &dyn fmt::Display| InvalidSettings(format!("{variable}: cannot read {path}: {why}"));
    let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() { Err(unreadable(&"it is empty")) } else { Ok(SecretString::from(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_and_what_is_rejected_changes_nothing() {
        let path = std::env::temp_dir().join(format!("secret-file-{}", std::process::id()));
        let write = |text: &str| fs::write(&path, text).expect("a file");
        write("old\n");
        let file = SecretFile::open("SECRET_KEY_FILE", &path.display().to_string()).expect("a file");
        let is = |expected: &str| assert_eq!(file.current().expose_secret(), expected);
        let counted = |is_rejected, changes, rejections| {
            let variable = "SECRET_KEY_FILE".to_owned();
            assert_eq!(file.state(), SecretFileState { variable, is_rejected, changes, rejections });
        };
        file.add_check(Box::new(|text| match text {
            "weak" => Err(InvalidSettings("SECRET_KEY is weak".into())),
            _ => Ok(()),
        }));
        is("old");
        write("new\r\n");
        is("new");
        counted(false, 1, 0);
        for bad in ["weak", "", "\n"] {
            write(bad);
            is("new");
        }
        is("new");
        counted(true, 1, 2);
        fs::remove_file(&path).expect("it is there");
        is("new");
        counted(true, 1, 3);
        write("new");
        counted(false, 1, 3);
        // As Kubernetes does it: a link to another folder.
        let other = path.with_extension("next");
        fs::write(&other, "newest").expect("a file");
        fs::remove_file(&path).expect("it is there");
        std::os::unix::fs::symlink(&other, &path).expect("a link");
        is("newest");
        counted(false, 2, 3);
        fs::remove_file(&path).expect("it is there");
        fs::remove_file(&other).expect("it is there");
        assert!(!format!("{file:?}").contains("newest"));
    }
}
