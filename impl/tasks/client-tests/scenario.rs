//! Projects and tasks with the Rust client, and what only headers contain: the next page, the version of an object that was read.
use schema_first_client::models::{ProjectCreate, TaskCreate, TaskSort, TaskUpdate, UserCreate, UserSelfUpdate};
use schema_first_client::{Client, ListTasksOptions, PatchTaskOptions};

use crate::{Given, Outcome, refused};

pub async fn scenario(given: &Given) -> Outcome<()> {
    let client = &given.client;
    passwords_are_not_shown();
    let project = client.create_project(&ProjectCreate::new("Client test".into())).await?;
    let mut wanted = TaskCreate::new("Write a client".into(), project.id);
    wanted.description = Some(Some("In Rust.".into()));
    let task = client.create_task(&wanted).await?;
    assert_eq!(task.description.as_deref(), Some("In Rust."));
    // Null removes the description; an absent field is unchanged.
    let change = TaskUpdate { description: Some(None), ..TaskUpdate::default() };
    let task = client.patch_task(task.id, &change, &PatchTaskOptions::default()).await?;
    assert_eq!((task.description, task.title.as_str()), (None, "Write a client"));
    let options = ListTasksOptions { project_id: Some(project.id), ..Default::default() };
    assert_eq!(client.list_tasks(&options).await?.len(), 1);
    pages(client, project.id).await?;
    conditional_write(client, task.id).await?;

    // A token that is not valid any more: the same body again, with a new one.
    let mut session = client.session().ok_or("no session")?;
    session.access_token = "no-token-of-any-service".into();
    client.set_session(Some(session));
    let change = TaskUpdate { title: Some("Sent twice".into()), ..TaskUpdate::default() };
    assert_eq!(client.patch_task(task.id, &change, &PatchTaskOptions::default()).await?.title, "Sent twice");

    let problem = refused(client.create_project(&ProjectCreate::new("x".into())).await, 422, "validation_failed")?;
    let errors = problem.problem.errors.unwrap_or_default();
    assert_eq!((errors[0].pointer.as_deref(), errors[0].code.as_str()), (Some("#/title"), "too_short"));
    Ok(())
}

fn passwords_are_not_shown() {
    let secret = || String::from("not to be seen");
    let own = UserSelfUpdate { password: Some(secret()), current_password: Some(secret()), ..Default::default() };
    for shown in [format!("{own:?}"), format!("{:?}", UserCreate::new("a@b.test".into(), secret()))] {
        assert!(!shown.contains(&secret()) && shown.contains('{'), "{shown}");
    }
}

/// Adds four tasks to the project, which has one, and reads all of them two by two.
async fn pages(client: &Client, project_id: i64) -> Outcome<()> {
    for number in 1..=4 {
        client.create_task(&TaskCreate::new(format!("Page {number}"), project_id)).await?;
    }
    let mut options = ListTasksOptions {
        project_id: Some(project_id),
        sort: Some(TaskSort::Title),
        limit: Some(2),
        count: Some(true),
        ..Default::default()
    };
    let mut titles = Vec::new();
    let mut sizes = Vec::new();
    // More often than there are pages: a wrong cursor must not cause an endless loop.
    for _ in 0..5 {
        let page = client.list_tasks_with_response(&options).await?;
        assert_eq!((page.status.as_u16(), page.total_count()), (200, Some(5)), "{:?}", page.headers);
        options.cursor = page.next_cursor();
        sizes.push(page.body.len());
        titles.extend(page.body.into_iter().map(|task| task.title));
        if options.cursor.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(titles, ["Page 1", "Page 2", "Page 3", "Page 4", "Write a client"]);
    Ok(())
}

/// Of two changes of the same version, the second is rejected.
async fn conditional_write(client: &Client, task: i64) -> Outcome<()> {
    let read = client.get_task_with_response(task).await?;
    let options = PatchTaskOptions { if_match: Some(read.etag().ok_or("a task without an entity tag")?) };
    let titled = |title: &str| TaskUpdate { title: Some(title.into()), ..TaskUpdate::default() };
    let written = client.patch_task_with_response(task, &titled("Mine"), &options).await?;
    assert_eq!(written.body.title, "Mine");
    assert_ne!(written.etag(), options.if_match);
    refused(client.patch_task(task, &titled("Too late"), &options).await, 412, "precondition_failed")?;
    let now = client.get_task_with_response(task).await?;
    assert_eq!((now.etag(), now.body.title.as_str()), (written.etag(), "Mine"));
    Ok(())
}
