//! Pages of a list that changes during the iteration: rows that exist all the time are returned exactly once, whatever is
//! inserted and deleted around them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgConnection;

use crate::listing::{Row, TASK_SORTS, TASKS, insert, next_page, order, project, with};
use crate::world::{World, ids};

/// Rows that stay.
const PERMANENT_ROWS: usize = 40;
const PAGE_LIMIT: usize = 7;

fn row(random: &mut StdRng) -> Row {
    Row {
        title: ["aaa", "bbb", "ccc"].choose(random).map(|&title| title.into()).expect("a title"),
        description: None,
        status: "ToDo",
        due: random.random_bool(0.6).then(|| random.random_range(0..3)),
        assignee: None,
        created: random.random_range(0..3),
        updated: random.random_bool(0.5).then(|| random.random_range(0..4)),
    }
}

async fn delete(db: &mut PgConnection, id: i64) {
    sqlx::query("DELETE FROM tasks WHERE id = $1").bind(id).execute(db).await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_stay_are_seen_once_while_others_come_and_go() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (seed, (sort, by)) in (0..).zip(TASK_SORTS) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut db = world.database.connect().await;
        let project = project(&mut db, 1).await;
        let mut guests = Vec::new();
        let mut stay = Vec::new();
        for _ in 0..PERMANENT_ROWS {
            stay.extend(insert(&mut db, project, &[row(&mut random)]).await);
            guests.extend(insert(&mut db, project, &[row(&mut random)]).await);
        }
        let expected: Vec<i64> = order(&mut db, project, by).await.into_iter().filter(|id| stay.contains(id)).collect();

        // Continuous inserts and deletes; and between the pages, always, the row at the cursor is deleted.
        let over = Arc::new(AtomicBool::new(false));
        let restless = tokio::spawn({
            let (over, mut random) = (Arc::clone(&over), StdRng::seed_from_u64(1_000 + seed));
            let mut db = world.database.connect().await;
            async move {
                while !over.load(Ordering::Relaxed) {
                    let guest = insert(&mut db, project, &[row(&mut random)]).await[0];
                    if random.random_bool(0.8) {
                        delete(&mut db, guest).await;
                    }
                }
            }
        });
        let mut seen = Vec::new();
        let mut next =
            Some(with(&format!("{TASKS}?project_id={project}&sort={sort}"), "limit", &PAGE_LIMIT.to_string()));
        while let Some(page) = next {
            let answer = admin.get(&page).await;
            let found = ids(&answer.json);
            next = next_page(&page, &answer, PAGE_LIMIT);
            if let Some(last) = found.last().filter(|last| !stay.contains(last)) {
                delete(&mut db, *last).await;
            }
            if let Some(guest) = guests.pop() {
                delete(&mut db, guest).await;
            }
            insert(&mut db, project, &[row(&mut random)]).await;
            seen.extend(found);
            // New rows may come as fast as they are listed, so the iteration ends when all permanent ones were seen.
            if expected.iter().all(|id| seen.contains(id)) {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        restless.await.expect("it rests");
        let distinct: HashSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{sort}: a row was seen twice");
        let stayed: Vec<i64> = seen.into_iter().filter(|id| stay.contains(id)).collect();
        assert_eq!(stayed, expected, "{sort}");
    }
}
