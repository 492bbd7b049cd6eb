//! Pages by cursor: together they are the whole list, each row once, in every order.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::listing::{PROJECT_SORTS, Row, TASK_SORTS, TASKS, USER_SORTS, ids_of, insert, order, project, walk};
use crate::random::for_all;
use crate::world::{PASSWORD, World, ids};

/// Few different keys, so that many rows share theirs.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let titles =
        select(vec!["aaa", "aab", "Aaa", "a a", "zzz", "100%", "a_\\b", "\"quoted\"", "ÄÖÜ", "日本語", "\u{1}\t\n"]);
    let row = (titles, option::of(0..4_i32), 0..3_i32, option::of(0..5_i32));
    let row = row.prop_map(|(title, due, created, updated)| Row {
        title: title.into(),
        description: None,
        status: "ToDo",
        due,
        assignee: None,
        created,
        updated,
    });
    prop::collection::vec(row, 0..40)
}

#[test]
fn pages_together_are_the_list_in_every_order() {
    for_all(&(rows(), select(TASK_SORTS.to_vec()), 1..12_usize), async |world, (rows, (sort, by), limit)| {
        let admin = world.login("admin@example.com", "admin").await;
        let mut db = world.database.connect().await;
        let project = project(&mut db, 1).await;
        insert(&mut db, project, &rows).await;
        let expected = order(&mut db, project, by).await;
        let path = format!("{TASKS}?project_id={project}&sort={sort}");
        assert_eq!(ids_of(&walk(&admin, &path, limit).await), expected, "{sort} by {limit}");
        assert_eq!(ids(&admin.get(&format!("{path}&limit=1000")).await.expect(200)), expected);
    });
}

#[test]
fn skip_and_limit_cut_the_same_list() {
    let strategy = (rows(), select(TASK_SORTS.to_vec()), 0..45_usize, 1..20_usize);
    for_all(&strategy, async |world, (rows, (sort, by), skip, limit)| {
        let admin = world.login("admin@example.com", "admin").await;
        let mut db = world.database.connect().await;
        let project = project(&mut db, 1).await;
        insert(&mut db, project, &rows).await;
        let expected = order(&mut db, project, by).await;
        let path = format!("{TASKS}?project_id={project}&sort={sort}&skip={skip}&limit={limit}&count=true");
        let answer = admin.get(&path).await;
        let cut: Vec<i64> = expected.iter().skip(skip).take(limit).copied().collect();
        assert_eq!(ids(&answer.json), cut);
        assert_eq!(answer.header("x-total-count"), expected.len().to_string(), "the whole, not the part");
        assert_eq!(answer.header("x-next-cursor").is_empty(), skip + limit >= expected.len());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_due_date_come_last_in_both_directions() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Dates").await;
    let mut made = Vec::new();
    for due in [None, Some("2031-01-01T00:00:00Z"), None, Some("2030-01-01T00:00:00Z"), Some("2031-01-01T00:00:00Z")] {
        made.push(crate::world::id(&ada.task(&project, "Due", json!({"due_date": due})).await));
    }
    let pick = |order: [usize; 5]| order.map(|n| made[n]);
    for limit in 1..6 {
        let rising = walk(&ada.client, &format!("{TASKS}?sort=due_date"), limit).await;
        assert_eq!(ids_of(&rising), pick([3, 1, 4, 0, 2]));
        let falling = walk(&ada.client, &format!("{TASKS}?sort=-due_date"), limit).await;
        assert_eq!(ids_of(&falling), pick([4, 1, 3, 2, 0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_and_users_have_pages_too() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .database
        .execute(
            "INSERT INTO projects (title, owner_id, created_at)
                 SELECT 'title ' || n % 5, 1 + n % 2, now() + interval '1 day' * (n % 3) FROM generate_series(1, 30) n;
             INSERT INTO users (email, hashed_password, created_at)
                 SELECT 'user' || n || '@example.com', '!', now() + interval '1 day' * (n % 3) FROM generate_series(1, 30) n",
        )
        .await;
    let mut db = world.database.connect().await;
    let lists = [("projects", PROJECT_SORTS), ("users", USER_SORTS)];
    for (list, sorts) in lists {
        for (sort, by) in sorts {
            let sql = sqlx::AssertSqlSafe(format!("SELECT id FROM {list} ORDER BY {by}"));
            let expected: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut db).await.expect("ids");
            for limit in [1, 7, 32, 33] {
                let walked = walk(&admin, &format!("/api/v1/{list}?sort={sort}"), limit).await;
                assert_eq!(ids_of(&walked), expected, "{list} {sort} {limit}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_keys_fit_into_a_cursor() {
    let world = World::new().await;
    let admin = world.admin().await;
    // Quotes and backslashes have the longest JSON.
    for title in ["\\".repeat(100), "\"".repeat(100), "😀".repeat(100)] {
        for _ in 0..2 {
            admin.post("/api/v1/projects", &json!({"title": title})).await.expect(201);
        }
    }
    let local = "a".repeat(64);
    for domain in ["b", "c"] {
        let domain = [domain.repeat(63), "d".repeat(63), "e".repeat(63), "f".repeat(61)].join(".");
        let account = json!({"email": format!("{local}@{domain}"), "password": PASSWORD});
        admin.post("/api/v1/users", &account).await.expect(201);
    }
    assert_eq!(walk(&admin, "/api/v1/projects?sort=title", 1).await.len(), 8);
    assert_eq!(walk(&admin, "/api/v1/users?sort=email", 1).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_link_keeps_the_query_as_it_was_sent() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Linked").await;
    for n in 0..5 {
        ada.task(&project, &format!("50% of {n} & more"), json!({})).await;
    }
    for slash in ["", "/"] {
        let path = format!("{TASKS}{slash}?q=50%25+of&skip=1&status=ToDo&status=TODO&sort=-id");
        let rows = walk(&ada.client, &path, 2).await;
        let all = ids(&ada.client.get(TASKS).await.expect(200));
        assert_eq!(ids_of(&rows), [all[3], all[2], all[1], all[0]], "skip counts once, for the first page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_shows_its_first_hundred_tasks_and_the_list_the_others() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = crate::world::id(&ada.project("Large").await);
    let sql = "INSERT INTO tasks (title, project_id) SELECT 'task', $1 FROM generate_series(1, 203) RETURNING id";
    let made: Vec<i64> =
        sqlx::query_scalar(sql).bind(project).fetch_all(&mut world.database.connect().await).await.expect("tasks");
    let shown = ada.client.get(&format!("/api/v1/projects/{project}")).await.expect(200);
    assert_eq!(ids(&shown["tasks"]), made[..100]);
    let list = format!("{TASKS}?project_id={project}");
    assert_eq!(ids_of(&walk(&ada.client, &list, 1000).await), made);
    let cursor = shown["tasks_next_cursor"].as_str().expect("a cursor");
    let others = ada.client.get(&format!("{list}&limit=1000&cursor={cursor}")).await.expect(200);
    assert_eq!(ids(&others), made[100..]);
    ada.client.get(&format!("{TASKS}?cursor={cursor}")).await.expect_problem(404, "cursor_not_found");

    // The longest texts still fit into a response.
    world.database.execute("UPDATE tasks SET description = repeat('😀', 10000)").await;
    assert!(ada.client.get(&format!("/api/v1/projects/{project}")).await.text.len() < 5 << 20);
    world.database.execute(&format!("DELETE FROM tasks WHERE id > {}", made[99])).await;
    let whole = ada.client.get(&format!("/api/v1/projects/{project}")).await.expect(200);
    assert_eq!((ids(&whole["tasks"]), &whole["tasks_next_cursor"]), (made[..100].to_vec(), &json!(null)));
}
