//! Quotas of a user: as declared in the document, also with concurrent requests.

use futures_util::future::join_all;
use serde_json::json;
use tasks_api::apis::projects::CREATE_PROJECT;
use tasks_api::apis::tasks::CREATE_TASK;

use crate::listing::TASKS;
use crate::world::{World, id};

#[tokio::test(flavor = "multi_thread")]
async fn projects_and_tasks_have_quotas_that_races_do_not_pass() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (projects, tasks) = (CREATE_PROJECT.quotas[0].amount, CREATE_TASK.quotas[0].amount);
    let project = id(&ada.project("First").await);
    let fill = format!(
        "INSERT INTO projects (title, owner_id) SELECT 'Filler', {ada} FROM generate_series(1, {});
         INSERT INTO tasks (title, project_id, assignee_id) SELECT 'Filler', {project}, {bob} FROM generate_series(1, {})",
        projects - 4,
        tasks - 3,
        ada = ada.id,
        bob = bob.id,
    );
    world.database.execute(&fill).await;
    let admin = world.admin().await;
    let (new_project, new_task) = (json!({"title": "More"}), json!({"title": "More", "project_id": project}));
    let answers = join_all((0..12).map(|_| ada.client.post("/api/v1/projects", &new_project))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.as_u16() == 201).count(), 3);
    let refused = answers.into_iter().filter(|answer| answer.status.as_u16() != 201);
    refused.for_each(|answer| drop(answer.expect_problem(409, "too_many_projects")));
    // A task counts for the owner of its project, also when it is added by a superuser.
    let answers = join_all((0..12).map(|n| if n % 2 == 0 { &ada.client } else { &admin }.post(TASKS, &new_task))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.as_u16() == 201).count(), 3);
    let refused = answers.into_iter().filter(|answer| answer.status.as_u16() != 201);
    refused.for_each(|answer| drop(answer.expect_problem(409, "too_many_tasks")));

    // Objects that others assign to a user do not count for that user.
    let own = bob.project("Own").await;
    bob.task(&own, "Own", json!({})).await;
    // A deleted task makes room for another; so does one that moves to another user's project.
    let some = ada.client.get(&format!("{TASKS}?limit=2")).await.expect(200);
    ada.client.delete(&format!("{TASKS}/{}", some[0]["id"])).await.expect(200);
    ada.client.post(TASKS, &new_task).await.expect(201);
    ada.client.post(TASKS, &new_task).await.expect_problem(409, "too_many_tasks");
    admin.patch(&format!("{TASKS}/{}", some[1]["id"]), &json!({"project_id": own["id"]})).await.expect(200);
    ada.client.post(TASKS, &new_task).await.expect(201);
    ada.client
        .post(TASKS, &json!({"title": "More", "project_id": 4711}))
        .await
        .expect_problem(404, "project_not_found");
    bob.client.post(TASKS, &new_task).await.expect_problem(404, "project_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_knows_its_owner_whatever_happens_to_its_project() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let project = ada.project("Handed over").await;
    let task = ada.task(&project, "Handed over", json!({})).await;
    let path = format!("{TASKS}/{}", task["id"]);
    world.database.execute(&format!("UPDATE projects SET owner_id = {} WHERE id = {}", bob.id, project["id"])).await;
    ada.client.get(&path).await.expect_problem(404, "task_not_found");
    assert_eq!(bob.client.get(&path).await.expect(200)["project"]["owner_id"], bob.id);
    // A task cannot have another owner than its project.
    world.database.execute(&format!("UPDATE tasks SET owner_id = {}", ada.id)).await;
    ada.client.get(&path).await.expect_problem(404, "task_not_found");
    bob.client.get(&path).await.expect(200);
    let others = bob.project("Others").await;
    bob.client.patch(&path, &json!({"project_id": others["id"]})).await.expect(200);
    assert_eq!(crate::world::ids(&bob.client.get(TASKS).await.expect(200)), [id(&task)]);
}
