//! What only headers say: where pages go on, which version of an object was read, when to try again.
use schema_first_client::models::{TaskCreate, TaskSort, TaskUpdate};
use schema_first_client::{Client, ListTasksOptions, PatchTaskOptions};

use crate::{Outcome, refused};

/// Gives the project, which has one task, four more, and reads all of them two by two.
pub async fn pages(client: &Client, project_id: i64) -> Outcome<()> {
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
    // More often than there are pages: a cursor that leads nowhere is no reason to go on for ever.
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

/// Of two changes that are made to the same version, the second is refused.
pub async fn conditional_write(client: &Client, task: i64) -> Outcome<()> {
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

/// Somebody who guesses passwords is told to wait, and how long.
pub async fn too_many_requests(client: &Client, email: &str) -> Outcome<()> {
    for _ in 0..100 {
        let Err(error) = client.login_access_token(email, "guess").await else { return Err("signed in".into()) };
        let Some(problem) = error.problem().filter(|problem| problem.status == 429) else {
            assert_eq!(error.retry_after(), None, "{error}");
            refused::<()>(Err(error), 400, "invalid_grant")?;
            continue;
        };
        assert_eq!(problem.code, "rate_limited");
        let pause = problem.retry_after().ok_or("429 without Retry-After")?.as_secs();
        assert_eq!(problem.header("retry-after"), Some(pause.to_string().as_str()));
        assert_eq!(error.retry_after(), problem.retry_after());
        assert!(pause > 0 && problem.header("RateLimit").is_some(), "{:?}", problem.headers);
        return Ok(());
    }
    Err("100 guesses, and no end".into())
}
