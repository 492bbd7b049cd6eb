//! Filters of a list: each against the same condition in Rust, alone and combined.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::listing::{Row, TASKS, insert, project, walk};
use crate::random::for_all;
use crate::world::{World, ids, with_query};

const STATUSES: [(&str, &str); 3] = [("ToDo", "TODO"), ("InProgress", "IN_PROGRESS"), ("Done", "DONE")];
/// Letters with a meaning in LIKE, SQL, JSON or URLs, and some without.
const LETTERS: [&str; 15] = ["a", "B", "%", "_", "\\", "'", "\"", ";", "-", " ", "&", "+", "#", "*", "$1"];

fn text(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(select(&LETTERS[..]), length).prop_map(|letters| letters.concat())
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (text(3..6), option::of(text(0..6)), 0..3_usize, option::of(0..5_i32), option::of(1..3_i64));
    let row = row.prop_map(|(title, description, status, due, assignee)| Row {
        title,
        description,
        status: STATUSES[status].0,
        due,
        assignee,
        created: 0,
        updated: None,
    });
    prop::collection::vec(row, 0..30)
}

fn day(day: i32) -> String {
    format!("2030-01-{:02}T00:00:00.000123Z", day + 1)
}

#[test]
fn filters_combine() {
    let filters = (
        option::of(subsequence(vec![0, 1, 2], 1..=3)),
        any::<bool>(),
        option::of(1..4_i64),
        option::of(0..5_i32),
        option::of(0..6_i32),
        // Of a row, or of none.
        option::of((any::<Index>(), text(3..4), any::<bool>())),
    );
    for_all(&(rows(), filters, 1..9_usize), async |world, (rows, filters, limit)| {
        let (statuses, capitals, assignee, after, before, q) = filters;
        let q: Option<String> = q.map(|(row, text, of_none)| match of_none || rows.is_empty() {
            true => text,
            false => row.get(&rows).title.chars().take(3).collect(),
        });
        let admin = world.login("admin@example.com", "admin").await;
        let mut db = world.database.connect().await;
        let project = project(&mut db, 1).await;
        let made = insert(&mut db, project, &rows).await;
        let contains = |text: &str| q.as_ref().is_none_or(|q| text.to_lowercase().contains(&q.to_lowercase()));
        let wanted: Vec<i64> = rows
            .iter()
            .zip(made)
            .filter(|(row, _)| {
                statuses.as_ref().is_none_or(|all| all.iter().any(|n| STATUSES[*n].0 == row.status))
                    && assignee.is_none_or(|id| row.assignee == Some(id))
                    && after.is_none_or(|day| row.due.is_some_and(|due| due >= day))
                    && before.is_none_or(|day| row.due.is_some_and(|due| due < day))
                    && (contains(&row.title) || row.description.as_deref().is_some_and(contains))
            })
            .map(|(_, id)| id)
            .collect();

        let mut query = vec![("project_id", project.to_string())];
        for n in statuses.iter().flatten() {
            query.push(("status", if capitals { STATUSES[*n].1 } else { STATUSES[*n].0 }.to_owned()));
        }
        query.extend(assignee.map(|id| ("assignee_id", id.to_string())));
        query.extend(after.map(|n| ("due_after", day(n))));
        query.extend(before.map(|n| ("due_before", day(n))));
        query.extend(q.clone().map(|q| ("q", q)));
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, &**value)).collect();
        let path = with_query(TASKS, &query);
        let answer = admin.get(&format!("{path}&count=true")).await;
        assert_eq!((ids(&answer.json), answer.header("x-total-count")), (wanted.clone(), &*wanted.len().to_string()));
        assert_eq!(crate::listing::ids_of(&walk(&admin, &path, limit).await), wanted, "by pages of {limit}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_and_users_are_searched_as_plain_text() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .database
        .execute(
            r#"INSERT INTO projects (title, description, owner_id) VALUES
                   ('100%', NULL, 1), ('1000', 'a_b', 1), ('a\b', 'it''s', 1), ('axb', '"q"', 1);
               INSERT INTO users (email, full_name, hashed_password) VALUES
                   ('per%cent@example.com', NULL, '!'), ('under_score@example.com', 'A\B', '!'), ('other@example.com', 'O''Neil', '!')"#,
        )
        .await;
    let found = async |list: &str, q: &str| {
        let answer = admin.get(&with_query(&format!("/api/v1/{list}"), &[("q", q), ("count", "true")])).await;
        let ids = ids(&answer.json);
        assert_eq!(answer.header("x-total-count"), ids.len().to_string());
        ids
    };
    for (q, expected) in [
        ("00%", vec![3]),
        ("%%%", vec![]),
        ("A_B", vec![4]),
        ("A\\B", vec![5]),
        ("t's", vec![5]),
        ("\"q\"", vec![6]),
        ("100", vec![3, 4]),
        ("' OR 1=1 --", vec![]),
    ] {
        assert_eq!(found("projects", q).await, expected, "{q}");
    }
    for (q, expected) in [("r%c", vec![3]), ("r_s", vec![4]), ("a\\b", vec![4]), ("o'n", vec![5]), ("DEMO", vec![1, 2])]
    {
        assert_eq!(found("users", q).await, expected, "{q}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn due_dates_are_compared_as_points_in_time() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Zones").await;
    let due = serde_json::json!({"due_date": "2030-06-01T12:00:00+02:00"});
    let task = crate::world::id(&ada.task(&project, "Zoned", due).await);
    for (name, value, found) in [
        ("due_after", "2030-06-01T10:00:00Z", true),
        ("due_after", "2030-06-01T10:00:00", true),
        ("due_after", "2030-06-01T12:00:00+02:00", true),
        ("due_after", "2030-06-01T10:00:00.000001Z", false),
        ("due_before", "2030-06-01T10:00:00Z", false),
        ("due_before", "2030-06-01T10:00:00.000001Z", true),
        ("due_before", "2030-06-01T09:00:00-02:00", true),
        ("due_before", "2030-06-02", true),
        ("due_after", "2030-06-02", false),
    ] {
        let answer = ada.client.get(&with_query(TASKS, &[(name, value)])).await;
        assert_eq!(ids(&answer.json), if found { vec![task] } else { vec![] }, "{name} {value}");
    }
    for value in ["tomorrow", "2030-13-01", "2030-02-30T00:00:00Z", "", "1e9", "2030-06-01T25:00:00Z"] {
        ada.client.get(&with_query(TASKS, &[("due_after", value)])).await.expect_invalid("#/due_after");
    }
}
