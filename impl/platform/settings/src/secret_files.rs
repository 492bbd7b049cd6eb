//! Secrets that are files: `NAME_FILE` is the path of a file with the value of `NAME`, as Docker and Kubernetes mount them.

use std::fs;

use crate::InvalidSettings;

/// What may be in a file.
const NAMES: [&str; 8] = [
    "DATABASE_URL",
    "POSTGRES_PASSWORD",
    "REDIS_URL",
    "CACHE_REDIS_URL",
    "SECRET_KEY",
    "WEBHOOK_SECRET",
    "GRAFANA_PASSWORD",
    "PGADMIN_PASSWORD",
];
/// Of the role of any service.
const OF_ROLES: &str = "_DATABASE_PASSWORD";
const SUFFIX: &str = "_FILE";

/// Names and values of secrets that are files, without the line break at their end.
///
/// # Errors
/// When a file cannot be read or is empty, or a secret is given twice.
pub(super) fn read(
    variables: impl Iterator<Item = (String, String)>,
    is_set: impl Fn(&str) -> bool,
) -> Result<Vec<(String, String)>, InvalidSettings> {
    let mut secrets = Vec::new();
    for (variable, path) in variables {
        let Some(name) = variable.strip_suffix(SUFFIX).filter(|name| NAMES.contains(name) || name.ends_with(OF_ROLES))
        else {
            continue;
        };
        if path.is_empty() {
            continue;
        }
        if is_set(name) {
            return Err(InvalidSettings(format!("{name} and {variable} are both set: give one of them")));
        }
        let unreadable =
            |why: &dyn std::fmt::Display| InvalidSettings(format!("{variable}: cannot read {path}: {why}"));
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            return Err(unreadable(&"it is empty"));
        }
        secrets.push((name.to_owned(), value.to_owned()));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(variable: &str, path: &str, set: &str) -> Result<Vec<(String, String)>, String> {
        let variables = std::iter::once((variable.to_owned(), path.to_owned()));
        read(variables, |name| name == set).map_err(|error| error.to_string())
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
        fs::remove_dir_all(dir).expect("the folder goes");
    }
}
