//! The cost of a request to the database does not depend on how much data its caller has: blocks of the tables that are read,
//! counted by Postgres, with custom and with generic plans.

use std::sync::Arc;

use http::StatusCode;
use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::settings::AuthSettings;
use platform::{Database, Limiter};
use serde_json::json;
use tasks::TasksService;
use testkit::{Client, TestServer};

use crate::listing::{PROJECT_SORTS, TASK_SORTS};
use crate::world::{World, ask};

/// From the sixth execution on Postgres may use a generic plan.
const EXECUTIONS: i64 = 8;
/// A page of 20 rows, each with its assignee, reads fewer; a scan of the callers' rows many times more.
const MAX_BLOCKS: i64 = 400;

/// A user with 5,000 projects and 25,000 tasks, most of them in one project, and a user to whom 20,000 of these are assigned.
struct Rich {
    owner: i64,
    assignee: i64,
    project: i64,
    task: i64,
}

async fn riches(world: &World) -> Rich {
    let (owner, assignee) = (world.person("owner").await.id, world.person("assignee").await.id);
    let sql = format!(
        "INSERT INTO projects (id, title, owner_id, created_at)
             SELECT 1000 + n, 'Project ' || n, {owner}, now() - n * interval '1 minute' FROM generate_series(0, 4999) n;
         INSERT INTO tasks (id, title, project_id, assignee_id, status, due_date, created_at, updated_at)
             SELECT 10000 + n, 'Task ' || n, CASE WHEN n < 20000 THEN 1000 ELSE n - 19000 END,
                    CASE WHEN n < 20000 THEN {assignee} END, 'ToDo', CASE WHEN n % 3 > 0 THEN now() + n * interval '1 minute' END,
                    now() - n * interval '1 minute', now() - n * interval '1 second' FROM generate_series(0, 24999) n;
         -- Others have little: what Postgres believes of everybody is wrong of these two.
         INSERT INTO users (id, email, hashed_password) SELECT 1000 + n, n || '@example.com', '!' FROM generate_series(0, 1999) n;
         INSERT INTO projects (id, title, owner_id) SELECT 10000 + n, 'Small', 1000 + n FROM generate_series(0, 1999) n;
         INSERT INTO tasks (id, title, project_id, assignee_id)
             SELECT 50000 + n, 'Small', 10000 + n, 1000 + (n + 1) % 2000 FROM generate_series(0, 1999) n;"
    );
    // Postgres' own work on the tables would be counted as well.
    for table in ["users", "projects", "tasks"] {
        world.database.execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await;
    }
    world.database.execute(&sql).await;
    world.database.execute("VACUUM (ANALYZE) users, projects, tasks").await;
    Rich { owner, assignee, project: 1000, task: 10_000 }
}

/// Blocks of the three tables and their indexes read so far.
async fn blocks(world: &World) -> i64 {
    const SQL: &str = "SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)
                                  + coalesce(toast_blks_read + toast_blks_hit + tidx_blks_read + tidx_blks_hit, 0))::bigint
                       FROM pg_statio_user_tables WHERE relname IN ('users', 'projects', 'tasks')";
    sqlx::query_scalar(SQL).fetch_one(&mut world.database.connect().await).await.expect("a number")
}

/// The average cost of a request, in a service without other requests: sessions report their statistics when they end.
async fn cost(world: &World, token: &str, request: &(&str, String, Option<serde_json::Value>, u16)) -> i64 {
    let settings = world.database.settings();
    let auth: AuthSettings = testkit::settings(&testkit::CHEAP);
    let db = Database::new(&settings, "tasks").expect("the URL is one");
    let accounts = Accounts::start(db.clone(), &settings, &auth, "tasks").expect("the settings are good");
    let description = Description { service: "tasks".into(), version: "test".into(), document: tasks::DOCUMENT };
    let service = TasksService::plain(db.clone(), accounts, Limiter::off()).expect("the settings are good");
    let needs = Readiness { database: Some(db.clone()), cache: None, ..Readiness::default() };
    let server = TestServer::start(description, tasks::router(Arc::new(service)), needs, &[]);
    let client: Client = server.client().with_token(token);
    let before = blocks(world).await;
    let (method, path, body, status) = request;
    for _ in 0..EXECUTIONS {
        let answer = ask(&client, method, path, body.as_ref()).await;
        assert_eq!(answer.status, StatusCode::from_u16(*status).expect("a status"), "{method} {path}: {}", answer.text);
    }
    server.stop().await;
    db.close().await;
    // A server process reports a moment after its client has disconnected.
    let mut after = blocks(world).await;
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        after = blocks(world).await.max(after);
        if after > before {
            break;
        }
    }
    (after - before) / EXECUTIONS
}

async fn assert_costs_are_bounded(mode: &str) {
    let world = World::new().await;
    let rich = riches(&world).await;
    let database =
        world.database.url().rsplit('/').next().expect("a name").split('?').next().expect("a name").to_owned();
    world.database.execute(&format!("ALTER DATABASE {database} SET plan_cache_mode = {mode}")).await;
    let owner = world.login("owner@example.com", crate::world::PASSWORD).await;
    let assignee = world.login("assignee@example.com", crate::world::PASSWORD).await;
    let stranger = world.person("stranger").await.client;
    // Sessions report their statistics when they end, and those that inserted the data may still be about to.
    const MAKERS: &str = "SELECT count(*) FROM pg_stat_activity
                          WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ''";
    let mut db = world.database.connect().await;
    while sqlx::query_scalar::<_, i64>(MAKERS).fetch_one(&mut db).await.expect("a number") > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (task, project) = (format!("/api/v1/tasks/{}", rich.task), format!("/api/v1/projects/{}", rich.project));

    let mut requests = vec![
        ("GET", task.clone(), None, 200),
        ("GET", "/api/v1/tasks?limit=20&count=true".into(), None, 200),
        ("GET", format!("/api/v1/tasks?limit=20&assignee_id={}", rich.assignee), None, 200),
        ("GET", format!("/api/v1/tasks?limit=20&project_id={}&status=ToDo", rich.project), None, 200),
        ("PATCH", task.clone(), Some(json!({"description": "Changed"})), 200),
        ("POST", format!("{task}/status/Done"), None, 200),
    ];
    for (sort, _) in TASK_SORTS {
        requests.push(("GET", format!("/api/v1/tasks?limit=20&sort={sort}"), None, 200));
        requests.push(("GET", format!("/api/v1/tasks?limit=20&sort={sort}&project_id={}", rich.project), None, 200));
    }
    let mut of_owner = requests.clone();
    of_owner.extend([
        ("GET", project.clone(), None, 200),
        ("PATCH", project.clone(), Some(json!({"description": "Changed"})), 200),
        ("POST", format!("{task}/assign/{}", rich.assignee), None, 200),
        ("GET", "/api/v1/projects?limit=20&count=true".into(), None, 200),
        ("POST", "/api/v1/tasks".into(), Some(json!({"title": "One more", "project_id": rich.project})), 409),
        ("POST", "/api/v1/projects".into(), Some(json!({"title": "One more"})), 409),
    ]);
    for (sort, _) in PROJECT_SORTS {
        of_owner.push(("GET", format!("/api/v1/projects?limit=20&sort={sort}"), None, 200));
    }
    let of_stranger = [
        ("GET", task, None, 404),
        ("GET", project, None, 404),
        ("GET", format!("/api/v1/tasks?limit=20&project_id={}&sort=title", rich.project), None, 200),
        ("GET", format!("/api/v1/tasks?limit=20&assignee_id={}", rich.assignee), None, 200),
    ];
    let mut dear = Vec::new();
    for (client, requests) in [(&owner, &of_owner[..]), (&assignee, &requests), (&stranger, &of_stranger)] {
        for request in requests {
            let blocks = cost(&world, client.token().expect("logged in"), request).await;
            assert!(blocks > 0, "nothing was measured of {request:?}");
            // Counting stops at 10,000 rows, a quota at as many entries of an index. Tasks assigned to one user within a
            // project, or by an owner, are bounded by that quota, which this fixture exceeds.
            let path = &request.1;
            let by_quota =
                path.contains("assignee_id=") || std::ptr::eq(client, &assignee) && path.contains("project_id=");
            let most = match () {
                () if path.contains("count=") => 8 * MAX_BLOCKS,
                () if request.3 == 409 || by_quota => 4 * MAX_BLOCKS,
                () => MAX_BLOCKS,
            };
            if blocks > most {
                dear.push(format!("{blocks} blocks: {} {}", request.0, request.1));
            }
        }
    }
    let _ = rich.owner;
    assert!(dear.is_empty(), "{mode}: {dear:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_are_bounded_with_plans_for_the_values_at_hand() {
    assert_costs_are_bounded("force_custom_plan").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_are_bounded_with_plans_for_any_values() {
    assert_costs_are_bounded("force_generic_plan").await;
}
