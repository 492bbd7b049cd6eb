//! `.env` as python-dotenv reads it, which the files of existing deployments were written for: a value without quotes goes to
//! the end of its line, whatever is in it. Only quotes that do not end, or that something follows, are rejected. (The `dotenvy`
//! crate would parse such lines as a shell does; it only sets the variables.)

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Command;

use crate::{InvalidSettings, renamed, secret_files};

/// Reads `.env` of the working directory or a parent directory into the environment, and then those secrets of a command that are files (`SECRET_KEY_FILE`);
/// variables that are already set win.
///
/// Call it first in `main`, before any thread is started. A missing file is fine.
///
/// # Errors
/// When a file exists and cannot be read or parsed, a secret has two values, or a setting has a name that was renamed.
pub fn load_dotenv(command: impl FnOnce() -> Command) -> Result<(), InvalidSettings> {
    read_dotenv()?;
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let variables =
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let secrets = secret_files::read(variables, &secret_files::names(&command()), set)?;
    dotenvy::from_read_override(io::Cursor::new(in_shell_quotes(&secrets)))
        .map_err(|_| InvalidSettings("a secret in a file cannot be set".into()))?;
    renamed::check(|name| env::var_os(name).is_some())
}

fn read_dotenv() -> Result<(), InvalidSettings> {
    let Some(path) = find() else { return Ok(()) };
    let unreadable = |error: &dyn std::fmt::Display| InvalidSettings(format!("cannot read .env: {error}"));
    let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let variables = parse(&text, |name| env::var(name).ok())?;
    // The error of `dotenvy` would repeat a line, which may hold a secret.
    dotenvy::from_read(io::Cursor::new(in_shell_quotes(&variables)))
        .map_err(|_| unreadable(&"it has a value that cannot be set"))
}

/// Lines in shell syntax. The last value of a name counts.
fn in_shell_quotes(variables: &[(String, String)]) -> String {
    let mut lines = String::new();
    for (at, (name, value)) in variables.iter().enumerate() {
        if variables[at + 1..].iter().any(|(later, _)| later == name) {
            continue;
        }
        lines.push_str(name);
        lines.push_str("=\"");
        for character in value.chars() {
            match character {
                '\n' => lines.push_str("\\n"),
                '\\' | '"' | '$' => lines.extend(['\\', character]),
                _ => lines.push(character),
            }
        }
        lines.push_str("\"\n");
    }
    lines
}

fn find() -> Option<PathBuf> {
    let folder = env::current_dir().ok()?;
    folder.ancestors().map(|folder| folder.join(".env")).find(|path| path.is_file())
}

/// Names and values, in order. `${NAME}` and `${NAME:-default}` are replaced from the environment and the lines before.
fn parse(text: &str, set: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, InvalidSettings> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let number = 1 + text[..text.len() - rest.len()].matches('\n').count();
        // A line may hold a secret, so it is not repeated.
        let wrong = |what: &str| InvalidSettings(format!("line {number} of .env {what}"));
        let (line, mut after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim();
        let assignment = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(line);
        // A word without `=` names a variable that is not set. Names that no setting has are ignored.
        let name = assignment.split_once('=').map(|(name, _)| name.trim().trim_matches('\''));
        if let Some(name) = name.filter(|name| is_name(name)) {
            let (_, value) = rest.split_once('=').unwrap_or_default();
            let value = value.trim_start_matches([' ', '\t']);
            let known = |name: &str| {
                let earlier = variables.iter().rev().find(|(known, _)| known == name);
                set(name).or_else(|| earlier.map(|(_, value)| value.clone()))
            };
            let value = match value.chars().next() {
                Some(quote @ ('\'' | '"')) => {
                    let (inner, end) = quoted(value, quote).ok_or_else(|| wrong("has an unterminated quote"))?;
                    let (end, others) = end.split_once('\n').unwrap_or((end, ""));
                    if !end.trim().is_empty() && !end.trim_start().starts_with('#') {
                        return Err(wrong("has characters after the closing quote"));
                    }
                    after = others;
                    interpolated(&inner, known)
                }
                _ => interpolated(unquoted(value.lines().next().unwrap_or_default()), known),
            };
            variables.push((name.to_owned(), value));
        }
        rest = after;
    }
    Ok(variables)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Without the comment, which begins with a blank before `#`.
fn unquoted(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| line[..*at].ends_with([' ', '\t']));
    comment.map_or(line, |(at, _)| &line[..at]).trim_end()
}

/// The text inside the quotes, with escapes resolved, and what follows the quotes.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let (mut inner, mut characters) = (String::new(), text[1..].char_indices());
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some((inner, &text[1 + at + 1..]));
        }
        if character != '\\' {
            inner.push(character);
            continue;
        }
        let (_, escaped) = characters.next()?;
        match escaped {
            'n' if quote == '"' => inner.push('\n'),
            'r' if quote == '"' => inner.push('\r'),
            't' if quote == '"' => inner.push('\t'),
            '\\' | '\'' => inner.push(escaped),
            '"' if quote == '"' => inner.push('"'),
            _ => inner.extend(['\\', escaped]),
        }
    }
    None
}

fn interpolated(text: &str, known: impl Fn(&str) -> Option<String>) -> String {
    let (mut value, mut rest) = (String::new(), text);
    while let Some((before, inner)) = rest.split_once("${") {
        let Some((inner, after)) = inner.split_once('}') else { break };
        value.push_str(before);
        match inner.split_once(':') {
            None => value.push_str(&known(inner).unwrap_or_default()),
            Some((name, default)) if default.starts_with('-') => {
                value.push_str(&known(name).unwrap_or_else(|| default[1..].to_owned()));
            }
            // Not one of the two forms.
            Some(_) => value.extend(["${", inner, "}"]),
        }
        rest = after;
    }
    value + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text, |name| (name == "HOME").then(|| "/home/a".to_owned())).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_value_is_what_python_dotenv_makes_of_it() {
        for (line, value) in [
            (r#"A=["http://a", "http://b"]"#, r#"["http://a", "http://b"]"#),
            ("A=http://a, http://b", "http://a, http://b"),
            ("A=Task Management API", "Task Management API"),
            ("A=it's", "it's"),
            ("A=Pa$$word$X", "Pa$$word$X"),
            ("A=a#b # a comment", "a#b"),
            ("A=#S3cret", "#S3cret"),
            ("A= # nothing", "# nothing"),
            ("export\tA=b", "b"),
            ("'A'=b", "b"),
            (r#"A='{"a":"x\"y"}'"#, r#"{"a":"x\"y"}"#),
            ("A=${HOME:b}", "${HOME:b}"),
            ("A=", ""),
            ("export A = b  ", "b"),
            ("A=postgresql://u:p@h/d?a=b", "postgresql://u:p@h/d?a=b"),
            (r#"A="a # b\n\"c\" \$d" # a comment"#, "a # b\n\"c\" \\$d"),
            (r"A='a ${HOME} \n \'b\''", r"a /home/a \n 'b'"),
            ("A=\"a\nb\"", "a\nb"),
            ("A=${HOME}/b${NONE}${NONE:-c}", "/home/a/bc"),
            ("A=\"${HOME}\"", "/home/a"),
            ("A=${HOME", "${HOME"),
            ("\u{feff}A=\u{e4}\r\n", "\u{e4}"),
        ] {
            assert_eq!(read(line), [("A".to_owned(), value.to_owned())], "{line}");
        }
    }

    #[test]
    fn lines_stand_for_themselves() {
        let text = "# A=1\n\nJUSTAWORD\nmy-key=1\n=1\nFOO # a=b\n  B = 2\nC='3\n4'\nD=${B}${C}\nB=5";
        let pairs = [("B", "2"), ("C", "3\n4"), ("D", "23\n4"), ("B", "5")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(read(text), pairs);
        assert_eq!(read(""), []);
    }

    #[test]
    fn every_value_is_set_as_it_was_read() {
        let values =
            ["", "it's", "'", "''", "a\nb", "$HOME ${HOME}", r"\", r"\'", "a # b", "\"", " a ", "\u{e4}=\u{20ac}"];
        let named = |(at, value): (usize, &&str)| (format!("V{at}"), (*value).to_owned());
        let variables: Vec<_> = values.iter().enumerate().map(named).collect();
        let with_older = [vec![("V0".to_owned(), "older".to_owned())], variables.clone()].concat();
        let set: Result<Vec<_>, _> = dotenvy::from_read_iter(io::Cursor::new(in_shell_quotes(&with_older))).collect();
        assert_eq!(set.expect("lines that can be read"), variables);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_not_repeated() {
        for (text, said) in [
            ("A=1\nB='secret", "line 2 of .env has an unterminated quote"),
            ("A='1\n2'\nB=\"secret", "line 3 of .env has an unterminated quote"),
            ("A='secret'secret", "line 1 of .env has characters after the closing quote"),
        ] {
            let error = parse(text, |_| None).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), Some(said), "{text}");
        }
    }
}
