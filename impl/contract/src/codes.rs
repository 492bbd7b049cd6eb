//! Whether an operation may return an error code: openapi/codes.json has the codes that any operation may return, `x-codes` and
//! `x-quotas` of the documents the others. Checked in debug builds only, as the statuses are.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::operation::Operation;

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    problems: HashMap<&'a str, Known>,
}

#[derive(Deserialize)]
struct Known {
    #[serde(default)]
    any: bool,
}

static LIST: LazyLock<HashMap<&'static str, Known>> = LazyLock::new(|| {
    let list: List<'static> =
        serde_json::from_str(include_str!("../../../openapi/codes.json")).expect("openapi/codes.json is read");
    list.problems
});

/// Why an operation must not return a code.
pub(crate) fn fault(operation: &Operation, code: &str) -> Option<String> {
    let any = LIST.get(code).is_some_and(|known| known.any);
    let ours = operation.codes.contains(&code)
        || operation.codes.contains(&"*")
        || operation.quotas.iter().any(|quota| quota.code == code);
    (!any && !ours)
        .then(|| format!("{} returned `{code}`; its document must list it in `x-codes` of the operation", operation.id))
}
