//! Iteration over the pages of a list.

use reqwest::Url;
use serde_json::Value;

use crate::{Answer, Client};

/// The id of an object.
///
/// # Panics
/// When it has none.
pub fn id(object: &Value) -> i64 {
    object["id"].as_i64().expect("an id")
}

/// The ids of a list, in its order.
///
/// # Panics
/// When it is not a list of objects with ids.
pub fn ids(list: &Value) -> Vec<i64> {
    list.as_array().expect("a list").iter().map(id).collect()
}

/// `path` with an additional parameter.
pub fn with(path: &str, name: &str, value: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{name}={value}")
}

/// The path and query of the next page in the `Link` field of a response to `path`.
///
/// # Panics
/// When it is not a link.
pub fn next_link(path: &str, answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    if link.is_empty() {
        return None;
    }
    let reference = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(r#">; rel="next""#)).expect("RFC 8288");
    let base = Url::parse("http://x").and_then(|host| host.join(path)).expect("a URL");
    let next = base.join(reference).expect("a reference");
    Some(format!("{}?{}", next.path(), next.query().expect("a query")))
}

/// The next page of a list; asserts that this one is full, and that its link and its cursor agree.
///
/// # Panics
/// When an assertion fails.
pub fn next_page(path: &str, answer: &Answer, limit: usize) -> Option<String> {
    let rows = ids(&answer.json).len();
    let cursor = answer.header("x-next-cursor");
    let link = next_link(path, answer);
    if cursor.is_empty() {
        assert_eq!(link, None);
        assert!(rows <= limit);
        return None;
    }
    assert_eq!(rows, limit, "a page that is followed by another is full");
    let link = link.expect("a link beside the cursor");
    let pairs: Vec<_> = link.split_once('?').expect("a query").1.split('&').collect();
    assert!(pairs.contains(&&*format!("cursor={cursor}")), "{link} {cursor}");
    assert_eq!(pairs.iter().filter(|pair| pair.starts_with("cursor=")).count(), 1, "{link}");
    Some(link)
}

/// Every row of a list, page by page.
///
/// # Panics
/// When a page is an error response or fails the assertions of [`next_page`], or the pages never end.
pub async fn walk(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = Some(with(path, "limit", &limit.to_string()));
    while let Some(page) = next {
        let answer = client.get(&page).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        rows.extend(answer.json.as_array().expect("a list").iter().cloned());
        assert!(rows.len() < 10_000, "the pages never end");
        next = next_page(&page, &answer, limit);
    }
    rows
}
