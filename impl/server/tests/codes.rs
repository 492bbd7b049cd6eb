//! openapi/codes.json and `x-problems` of the documents are the list of codes: what the sources send is on it, and what is on it
//! is sent by somebody. A service sends its own and those that all share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::documents::{document, services};

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

type Sources = Vec<(PathBuf, String)>;

/// What lies in a folder, or in the crates below it, and ends so; without tests.
fn collect(folder: &Path, ends: &[&str]) -> Sources {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() && !["examples", "tests"].iter().any(|name| path.ends_with(name)) {
            found.extend(collect(&path, ends));
        } else if path.extension().is_some_and(|end| ends.iter().any(|one| end == *one)) {
            let text = std::fs::read_to_string(&path).expect("text");
            // Tests at the end of a file may make codes up.
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
            found.push((path, text));
        }
    }
    found
}

/// The sources of one service.
fn sources_of(service: &str) -> Sources {
    collect(&root().join("impl").join(service).join("src"), &["rs"])
}

/// The sources that all services share; and what the gateway says by itself.
fn shared_sources() -> Sources {
    let services = services();
    let mut found = collect(&root().join("gateway"), &["conf", "template", "js"]);
    for entry in std::fs::read_dir(root().join("impl")).expect("crates").map(|entry| entry.expect("an entry")) {
        if !services.iter().any(|(service, _)| entry.file_name() == service.as_str()) {
            found.extend(collect(&entry.path(), &["rs"]));
        }
    }
    assert!(found.len() > 50, "the sources are found");
    found
}

fn all_sources() -> Sources {
    services().iter().flat_map(|(service, _)| sources_of(service)).chain(shared_sources()).collect()
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
fn sent(sources: &Sources, starts: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (path, text) in sources {
        for code in starts.iter().flat_map(|start| literals(text, start)) {
            let path = path.strip_prefix(root()).unwrap_or(path).display().to_string();
            found.entry(code.to_owned()).or_insert(path);
        }
    }
    found
}

/// Those that no source names.
fn unnamed(listed: &BTreeSet<String>, sources: &Sources) -> Vec<String> {
    let named = |code: &&String| sources.iter().any(|(_, text)| text.contains(&format!("\"{code}\"")));
    listed.iter().filter(|code| !named(code)).cloned().collect()
}

/// Codes that a document lists itself: of its problems, and of quotas.
fn of_document(service: &str) -> [BTreeSet<String>; 2] {
    let document = document(service);
    let problems = document["x-problems"].as_object().into_iter().flat_map(|problems| problems.keys().cloned());
    let items = document["paths"].as_object().expect("paths").values();
    let operations = items.filter_map(Value::as_object).flat_map(|item| item.values());
    let quotas = operations.flat_map(|operation| operation["x-quotas"].as_array().into_iter().flatten());
    let quotas = quotas.filter_map(|quota| quota["code"].as_str()).map(str::to_owned);
    [problems.collect(), quotas.collect()]
}

#[test]
fn every_code_that_is_sent_is_listed_and_every_listed_one_is_sent() {
    let mut starts = CONSTRUCTORS.to_vec();
    starts.push("\"code\":");
    let shared = names(&list()["problems"]);
    let check = |sources: &Sources, own: &BTreeSet<String>| {
        for (code, path) in sent(sources, &starts) {
            assert!(
                shared.contains(&code) || own.contains(&code),
                "{path} sends `{code}`, which neither openapi/codes.json nor `x-problems` of its document lists: add it there"
            );
        }
    };
    check(&shared_sources(), &BTreeSet::new());
    for (service, _) in services() {
        let (sources, [own, quotas]) = (sources_of(&service), of_document(&service));
        check(&sources, &(&own | &quotas));
        // Some have constructors of their own, so here their name is enough.
        let unsent = unnamed(&own, &sources);
        assert!(unsent.is_empty(), "`x-problems` of openapi/{service}.yaml lists what nobody sends: {unsent:?}");
    }
    let everywhere = all_sources();
    let unsent = unnamed(&shared, &everywhere);
    assert!(unsent.is_empty(), "openapi/codes.json lists what nobody sends: {unsent:?}");
}

#[test]
fn every_rule_that_is_told_is_listed_and_every_listed_one_is_told() {
    let starts = [".refuse(", ".refuse::<()>(", "code: ", "FieldError::body(", "FieldError::parameter("];
    let everywhere = all_sources();
    let (listed, mut known) = (names(&list()["rules"]), names(&list()["problems"]));
    known.extend(listed.iter().cloned());
    known.extend(services().iter().flat_map(|(service, _)| of_document(service)).flatten());
    for (code, path) in sent(&everywhere, &starts) {
        assert!(
            known.contains(&code),
            "{path} tells `{code}`, which `rules` of openapi/codes.json does not list: add a line there"
        );
    }
    let untold = unnamed(&listed, &everywhere);
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
