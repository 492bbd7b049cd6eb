//! Values that must stay secret, as flags and the environment give them, and as their files have them later.

use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, Command};
use secrecy::{ExposeSecret, SecretString};

use crate::InvalidSettings;
use crate::secret_file::SecretFile;
use crate::secret_files;

/// A secret. What it exposes is its value at the start; one that is a file (`NAME_FILE`) may have [another](Secret::current) later.
#[derive(Clone)]
pub struct Secret {
    given: SecretString,
    file: Option<Arc<SecretFile>>,
}

impl Secret {
    /// Its value now. A file is read again; when that fails, or the new value is rejected, the last good one stays.
    pub fn current(&self) -> SecretString {
        self.file.as_ref().map_or_else(|| self.given.clone(), |file| file.current())
    }

    /// What it must satisfy, at once and whenever its file has changed.
    ///
    /// # Errors
    /// Those of the check.
    pub fn must(
        &self,
        check: impl Fn(&str) -> Result<(), InvalidSettings> + Send + Sync + 'static,
    ) -> Result<(), InvalidSettings> {
        check(self.current().expose_secret())?;
        if let Some(file) = &self.file {
            file.add_check(Box::new(check));
        }
        Ok(())
    }

    /// Whether it can change.
    pub(crate) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    #[cfg(test)]
    pub(crate) fn of_file(file: &Arc<SecretFile>) -> Self {
        Self { given: file.value(), file: Some(Arc::clone(file)) }
    }
}

/// A secret that is set: an empty one is as good as none.
pub fn given(secret: &Option<Secret>) -> Option<&Secret> {
    secret.as_ref().filter(|secret| !secret.expose_secret().is_empty())
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        SecretString::from(text).into()
    }
}

impl From<SecretString> for Secret {
    fn from(given: SecretString) -> Self {
        Self { given, file: None }
    }
}

impl ExposeSecret<str> for Secret {
    fn expose_secret(&self) -> &str {
        self.given.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.given.fmt(to)
    }
}

/// Reads a secret from a flag or the environment, there with the file it was read from.
#[derive(Debug, Clone, Copy)]
pub struct SecretParser;

impl TypedValueParser for SecretParser {
    type Value = Secret;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Secret, clap::Error> {
        self.parse_ref_(command, arg, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<Secret, clap::Error> {
        let given = SecretString::from(StringValueParser::new().parse_ref(command, arg, value)?);
        let name = arg.and_then(Arg::get_env).and_then(OsStr::to_str).filter(|_| source == ValueSource::EnvVariable);
        Ok(Secret { given, file: name.and_then(secret_files::file_of) })
    }
}
