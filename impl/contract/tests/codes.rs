//! openapi/codes.json is the list of codes: what the sources send is on it, and what is on it is sent by somebody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Constructors of problems whose first string is the code.
const CONSTRUCTORS: [&str; 7] = [
    "Problem::new(",
    "Problem::bad_request(",
    "Problem::unauthorized(",
    "Problem::forbidden(",
    "Problem::not_found(",
    "Problem::conflict(",
    "Problem::unavailable(",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

fn list() -> Value {
    let text = std::fs::read_to_string(root().join("openapi/codes.json")).expect("openapi/codes.json");
    serde_json::from_str(&text).expect("JSON")
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_object().expect("a table").keys().cloned().collect()
}

/// The sources of the services, without their tests; and what the gateway says by itself.
fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, ends: &[&str], found: &mut Vec<(PathBuf, String)>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                collect(&path, ends, found);
            } else if path.extension().is_some_and(|end| ends.iter().any(|one| end == *one)) {
                let text = std::fs::read_to_string(&path).expect("text");
                // Tests at the end of a file may make codes up.
                let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    for name in ["contract", "platform", "tasks", "shop", "analytics", "server"] {
        collect(&root().join("impl").join(name).join("src"), &["rs"], &mut found);
    }
    for entry in std::fs::read_dir(root().join("gateway")).expect("the gateway").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "conf" || end == "template" || end == "js") {
            found.push((path.clone(), std::fs::read_to_string(&path).expect("text")));
        }
    }
    assert!(found.len() > 50, "the sources are found");
    found
}

/// The first string after each place where `start` stands, if it looks like a code and stands in the same expression.
fn literals<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    let code = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let after = text.match_indices(start).map(|(at, _)| &text[at + start.len()..]);
    after
        .filter_map(|rest| {
            let (before, rest) = rest.split_once('"')?;
            let literal = rest.split_once('"')?.0;
            (before.len() < 80 && !before.contains([';', '{', '}', ')']) && code(literal)).then_some(literal)
        })
        .collect()
}

/// Codes by the files that send them.
fn sent(starts: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (path, text) in sources() {
        for start in starts {
            for code in literals(&text, start) {
                let path = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
                found.entry(code.to_owned()).or_insert(path);
            }
        }
    }
    found
}

/// Codes of quotas, which the documents list themselves.
fn of_quotas() -> BTreeSet<String> {
    let documents =
        ["tasks", "shop", "analytics"].map(|name| root().join(format!("generated/{name}-api/openapi.json")));
    let mut found = BTreeSet::new();
    for path in documents {
        let document: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a document")).expect("JSON");
        let items = document["paths"].as_object().expect("paths").values();
        for operation in items.filter_map(Value::as_object).flat_map(|item| item.values()) {
            let quotas = operation["x-quotas"].as_array().into_iter().flatten();
            found.extend(quotas.filter_map(|quota| quota["code"].as_str()).map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_code_that_is_sent_is_listed_and_every_listed_one_is_sent() {
    let mut starts = CONSTRUCTORS.to_vec();
    starts.push("\"code\":");
    let sent = sent(&starts);
    let mut known = names(&list()["problems"]);
    known.extend(of_quotas());
    for (code, path) in &sent {
        assert!(
            known.contains(code),
            "{path} sends `{code}`, which openapi/codes.json does not list: add a line there"
        );
    }
    // Some have constructors of their own, so here their name is enough.
    let text: String = sources().into_iter().map(|(_, text)| text).collect();
    let listed = names(&list()["problems"]);
    let unsent: Vec<_> = listed.iter().filter(|code| !text.contains(&format!("\"{code}\""))).collect();
    assert!(unsent.is_empty(), "openapi/codes.json lists what nobody sends: {unsent:?}");
}

#[test]
fn every_rule_that_is_told_is_listed_and_every_listed_one_is_told() {
    let told = sent(&[".refuse(", ".refuse::<()>(", "code: ", "FieldError::body(", "FieldError::parameter("]);
    let (listed, problems) = (names(&list()["rules"]), names(&list()["problems"]));
    for (code, path) in &told {
        let known = listed.contains(code) || problems.contains(code);
        assert!(known, "{path} tells `{code}`, which `rules` of openapi/codes.json does not list: add a line there");
    }
    let text: String = sources().into_iter().map(|(_, text)| text).collect();
    let untold: Vec<_> = listed.iter().filter(|code| !text.contains(&format!("\"{code}\""))).collect();
    assert!(untold.is_empty(), "openapi/codes.json lists rules that nobody tells: {untold:?}");
}

#[test]
fn statuses_and_words_are_whole() {
    for (code, known) in list()["problems"].as_object().expect("a table") {
        let status = known["status"].as_u64().unwrap_or_default();
        assert!((400..600).contains(&status), "{code}");
        assert!(known["means"].as_str().is_some_and(|means| means.ends_with('.')), "{code}");
    }
}
