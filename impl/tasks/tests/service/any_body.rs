//! Bodies of any shape: accepted or rejected, but never an internal error.

use proptest::prelude::*;
use serde_json::Value;

use crate::random::for_all;
use crate::world::{ME, ask};

/// JSON of any shape, with names and values the operations know mixed in.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..4_i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["ToDo", "DONE", "2030-01-01", "2030-01-01T00:00:00+24:00", "abc", "x@y.z"])
            .prop_map(Value::from),
    ];
    let name = prop_oneof![
        8 => prop::sample::select(vec!["title", "description", "status", "due_date", "project_id", "assignee_id", "email", "full_name"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

#[test]
fn any_json_is_taken_or_refused_but_never_a_failure() {
    for_all(&prop::collection::vec(any_json(), 8), async |world, bodies| {
        let client = world.login("user@example.com", "user").await;
        for body in bodies {
            for (method, path) in
                [("POST", "/api/v1/tasks"), ("PATCH", "/api/v1/tasks/3"), ("PUT", ME), ("POST", "/api/v1/projects")]
            {
                let answer = ask(&client, method, path, Some(&body)).await;
                let status = answer.status.as_u16();
                assert!([200, 201, 404, 409, 422].contains(&status), "{method} {path} {body}: {}", answer.text);
            }
        }
    });
}
