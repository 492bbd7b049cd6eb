//! Parses the files in `migrations/privileges`.

use std::collections::{BTreeMap, BTreeSet};

use crate::roles::{GROUPS, ROLES};

/// The role that may read every table that is not secret, and write none.
pub(super) const VERIFY_ROLE: &str = "verify";

/// The object of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A table or a view.
    Table(String),
    /// The columns of a table except one.
    Columns(String, String),
    /// Functions of this name.
    Definer(String),
}

/// The privileges of each role on each object: letters of `migrations/privileges`, `X` for EXECUTE.
pub type Rights = BTreeMap<Object, BTreeMap<&'static str, BTreeSet<char>>>;

/// A line of a file.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Group(&'a str),
    Right { object: Object, letters: BTreeSet<char>, secret: bool },
}

/// The content of the files in `migrations/privileges`; a test ensures that they can be parsed.
pub fn rights() -> Rights {
    let mut rights = Rights::new();
    let mut secrets = BTreeSet::new();
    for (role, text) in ROLES {
        for (object, letters, secret) in objects(text) {
            if secret {
                secrets.insert(object.clone());
            }
            rights.entry(object).or_default().entry(*role).or_default().extend(letters);
        }
    }
    for (object, of) in &mut rights {
        if matches!(object, Object::Table(_)) && !secrets.contains(object) {
            of.insert(VERIFY_ROLE, BTreeSet::from(['S']));
        }
    }
    // A role that may read a whole table may read its columns.
    let whole = rights.clone();
    for (object, of) in &mut rights {
        if let Object::Columns(table, _) = object {
            let table = whole.get(&Object::Table(table.clone()));
            of.retain(|role, _| !table.is_some_and(|of| of.get(role).is_some_and(|letters| letters.contains(&'S'))));
        }
    }
    rights
}

/// The objects of a text, with the privileges of its groups.
fn objects(text: &str) -> Vec<(Object, BTreeSet<char>, bool)> {
    let lines = text.lines().filter_map(line);
    lines
        .flat_map(|line| match line {
            Line::Right { object, letters, secret } => vec![(object, letters, secret)],
            Line::Group(name) => {
                GROUPS.iter().filter(|(known, _)| *known == name).flat_map(|(_, text)| objects(text)).collect()
            }
        })
        .collect()
}

fn line(text: &str) -> Option<Line<'_>> {
    let mut words = text.split_whitespace();
    let kind = words.next().filter(|word| !word.starts_with('#'))?;
    let name = words.next()?;
    let letters = |word: &str| word.chars().filter(|letter| *letter != '-').collect();
    let (object, letters) = match kind {
        "group" => return Some(Line::Group(name)),
        "table" => (Object::Table(name.to_owned()), letters(words.next()?)),
        "columns" => (Object::Columns(name.to_owned(), words.next()?.strip_prefix('-')?.to_owned()), letters("S")),
        "definer" => (Object::Definer(name.to_owned()), letters(words.next().unwrap_or("X"))),
        _ => return None,
    };
    Some(Line::Right { object, letters, secret: words.next() == Some("secret") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_read() {
        for (file, text) in ROLES.iter().chain(GROUPS) {
            let mut seen = BTreeSet::new();
            for said in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
                match line(said) {
                    None => panic!("{file}: {said}"),
                    Some(Line::Group(name)) => {
                        assert!(GROUPS.iter().any(|(known, _)| *known == name), "{file}: {said}");
                    }
                    Some(Line::Right { object, letters, .. }) => {
                        let allowed = if matches!(object, Object::Definer(_)) { "X" } else { "SIUD" };
                        assert!(letters.iter().all(|letter| allowed.contains(*letter)), "{file}: {said}");
                        assert!(seen.insert(object), "{file} says it twice: {said}");
                    }
                }
            }
        }
    }
}
