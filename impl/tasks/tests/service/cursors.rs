//! A cursor is a position in one list, in one order, with the same filters; otherwise it is opaque.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::listing::{PROJECT_SORTS, TASK_SORTS, TASKS, ids_of, next_link, walk};
use crate::world::{Person, World, ids};

async fn filled(world: &World) -> Person {
    let ada = world.person("ada").await;
    let project = ada.project("Paged").await;
    ada.project("Paged, too").await;
    for n in 0..5 {
        let due = (n % 2 == 0).then_some("2030-01-01T00:00:00Z");
        ada.task(&project, &format!("Task {n}"), json!({"due_date": due})).await;
    }
    ada
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_order_or_list_names_no_page() {
    let world = World::new().await;
    let ada = filled(&world).await;
    let lists = [("/api/v1/projects", PROJECT_SORTS.to_vec()), (TASKS, TASK_SORTS.to_vec())];
    let mut all = Vec::new();
    for (list, sorts) in &lists {
        for (sort, _) in sorts {
            let path = format!("{list}?sort={sort}");
            let answer = ada.client.get(&format!("{path}&limit=1")).await;
            all.push((path, answer.header("x-next-cursor").to_owned()));
        }
    }
    for (path, _) in &all {
        for (other, cursor) in &all {
            let answer = ada.client.get(&format!("{path}&cursor={cursor}")).await;
            if path == other {
                answer.expect(200);
            } else {
                answer.expect_problem(404, "cursor_not_found");
            }
        }
    }
    // The default order has a name.
    ada.client.get(&format!("{TASKS}?cursor={}", all[PROJECT_SORTS.len()].1)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_other_filters_names_no_page() {
    let world = World::new().await;
    let ada = filled(&world).await;
    let project = ids(&ada.client.get("/api/v1/projects").await.expect(200))[0];
    let filters = [
        String::new(),
        "&q=task".into(),
        "&q=tas".into(),
        "&status=ToDo".into(),
        "&status=ToDo&status=Done".into(),
        format!("&project_id={project}"),
        "&due_after=2030-01-01".into(),
        "&due_before=2031-01-01".into(),
        "&due_after=2030-01-01&due_before=2031-01-01".into(),
    ];
    let mut cursors = Vec::new();
    for filter in &filters {
        let answer = ada.client.get(&format!("{TASKS}?limit=1{filter}")).await;
        cursors.push(answer.header("x-next-cursor").to_owned());
    }
    for (n, filter) in filters.iter().enumerate() {
        for (m, cursor) in cursors.iter().enumerate() {
            let answer = ada.client.get(&format!("{TASKS}?cursor={cursor}{filter}")).await;
            if n == m {
                answer.expect(200);
            } else {
                answer.expect_problem(404, "cursor_not_found");
            }
        }
    }
    // The same filter in another spelling is the same.
    let same = [("&limit=1", 0), ("&status=TODO", 3), ("&status=TODO&status=ToDo", 3), ("&status=Done&status=TODO", 4)];
    for (filter, n) in same {
        ada.client.get(&format!("{TASKS}?cursor={}{filter}", cursors[n])).await.expect(200);
    }
    // The limit is no filter.
    ada.client.get(&format!("{TASKS}?cursor={}&limit=2&count=true", cursors[0])).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_does_not_count_beside_a_cursor() {
    let world = World::new().await;
    let ada = filled(&world).await;
    let all = ids(&ada.client.get(TASKS).await.expect(200));
    let first = ada.client.get(&format!("{TASKS}?limit=1")).await;
    let cursor = first.header("x-next-cursor");
    let second = ada.client.get(&format!("{TASKS}?limit=2&skip=2&cursor={cursor}")).await;
    assert_eq!(ids(&second.json), all[1..3]);
    let third = ada.client.get(&next_link(TASKS, &second).expect("one more")).await;
    assert_eq!(ids(&third.json), all[3..5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_that_were_not_given_out_are_refused() {
    let world = World::new().await;
    let ada = filled(&world).await;
    let answer = ada.client.get(&format!("{TASKS}?limit=1&sort=title")).await;
    let given = answer.header("x-next-cursor");
    let json: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(given).expect("base64url")).expect("JSON");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut cursor = json.clone();
        change(&mut cursor);
        URL_SAFE_NO_PAD.encode(cursor.to_string())
    };
    ada.client.get(&format!("{TASKS}?sort=title&cursor={}", changed(&|_| {}))).await.expect(200);
    let forged = [
        changed(&|cursor| cursor["k"] = json!("nul \u{0}")),
        changed(&|cursor| cursor["k"] = json!(7)),
        changed(&|cursor| cursor["k"] = Value::Null),
        changed(&|cursor| cursor["i"] = json!("1; DROP TABLE tasks")),
        changed(&|cursor| cursor["i"] = json!(1e30)),
        changed(&|cursor| cursor["s"] = json!("title; DROP TABLE tasks")),
        changed(&|cursor| *cursor = json!([])),
        changed(&|cursor| *cursor = json!(null)),
        "AAAA".into(),
        "a".into(),
        "-".into(),
        "A".repeat(1024),
    ];
    for cursor in &forged {
        let path = format!("{TASKS}?sort=title&cursor={cursor}");
        ada.client.get(&path).await.expect_problem(404, "cursor_not_found");
    }
    for cursor in ["", "a=b", "%00", "A%2FB", &"A".repeat(1025)] {
        ada.client.get(&format!("{TASKS}?cursor={cursor}")).await.expect_invalid("#/cursor");
    }
    // Extreme numbers are valid positions.
    for id in [i64::MIN, -1, 0, i64::MAX] {
        let cursor = changed(&|cursor| cursor["i"] = json!(id));
        ada.client.get(&format!("{TASKS}?sort=title&cursor={cursor}")).await.expect(200);
    }
    assert_eq!(ids_of(&walk(&ada.client, TASKS, 2).await).len(), 5);
}
