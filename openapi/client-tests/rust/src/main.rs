//! The scenario that every client runs (see ../run), in Rust. TASKS_BASE, SHOP_BASE and ANALYTICS_BASE are base URLs,
//! RUN makes names of this run different from those of others.
mod failures;
mod headers;

use std::env;
use std::error::Error as StdError;
use std::time::Duration;

use schema_first_client::models::{
    OrderCreate, OrderItemCreate, OrderStatus, PageViewCreate, ProductCreate, ProjectCreate, Signup, TaskCreate,
    TaskUpdate,
};
use schema_first_client::{
    Addresses, Client, CreateOrderOptions, Error, GetTopPathsOptions, ListTasksOptions, PatchTaskOptions, ProblemError,
    StreamOrderEventsOptions,
};

type Outcome<T> = Result<T, Box<dyn StdError>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    failures::secrets_are_not_shown().await?;
    failures::networks_that_fail().await?;
    let run = env::var("RUN")?;
    let client = Client::new(Addresses {
        tasks: env::var("TASKS_BASE")?,
        shop: env::var("SHOP_BASE")?,
        analytics: env::var("ANALYTICS_BASE")?,
    });

    let problem = refused(client.get_me().await, 401, "missing_token")?;
    assert!(
        problem.header("WWW-Authenticate").is_some_and(|value| value.starts_with("Bearer")),
        "{:?}",
        problem.headers
    );
    let email = format!("{run}@client.test");
    let user = client.signup(&Signup::new(email.clone(), "correct horse".into())).await?;
    client.sign_in(&email, "correct horse").await?;
    assert_eq!(client.get_me().await?.id, user.id);

    let project = client.create_project(&ProjectCreate::new("Client test".into())).await?;
    let mut wanted = TaskCreate::new("Write a client".into(), project.id);
    wanted.description = Some(Some("In Rust.".into()));
    let task = client.create_task(&wanted).await?;
    assert_eq!(task.description.as_deref(), Some("In Rust."));
    // Null takes the description away; what is absent stays.
    let change = TaskUpdate { description: Some(None), ..TaskUpdate::default() };
    let task = client.patch_task(task.id, &change, &PatchTaskOptions::default()).await?;
    assert_eq!((task.description, task.title.as_str()), (None, "Write a client"));
    let options = ListTasksOptions { project_id: Some(project.id), ..Default::default() };
    assert_eq!(client.list_tasks(&options).await?.len(), 1);
    headers::pages(&client, project.id).await?;
    headers::conditional_write(&client, task.id).await?;
    headers::too_many_requests(&client, &format!("nobody-{run}@client.test")).await?;

    let problem = refused(client.create_project(&ProjectCreate::new("x".into())).await, 422, "validation_failed")?;
    let errors = problem.problem.errors.unwrap_or_default();
    assert_eq!((errors[0].pointer.as_deref(), errors[0].code.as_str()), (Some("#/title"), "too_short"));

    // A clone would share the token; a superuser is another client.
    let shopkeeper = Client::new(Addresses {
        tasks: env::var("TASKS_BASE")?,
        shop: env::var("SHOP_BASE")?,
        analytics: env::var("ANALYTICS_BASE")?,
    });
    let mut wanted = ProductCreate::new(format!("{run}-spoon"), "Spoon".into(), 250);
    wanted.stock = Some(10);
    refused(client.create_product(&wanted).await, 403, "insufficient_scope")?;
    shopkeeper.sign_in("admin@example.com", "admin").await?;
    let product = shopkeeper.create_product(&wanted).await?;

    let options = CreateOrderOptions { idempotency_key: Some(run.clone()) };
    let order = OrderCreate::new(vec![OrderItemCreate::new(product.id, 2)]);
    let placed = client.create_order(&order, &options).await?;
    assert_eq!(client.create_order(&order, &options).await?.id, placed.id, "a repeated request is the same order");
    assert_eq!(reserved(&client, placed.id).await?, OrderStatus::Reserved);
    let mut events = client
        .stream_order_events(placed.id, &StreamOrderEventsOptions { seconds: Some(1), ..Default::default() })
        .await?;
    let mut heard = String::new();
    while let Some(chunk) = events.chunk().await? {
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(heard.contains("event: reserved"), "{heard}");

    let path = format!("/{run}");
    client.record_page_view(&PageViewCreate::new(path.clone())).await?;
    let top = client.get_top_paths(&GetTopPathsOptions { limit: Some(100), ..Default::default() }).await?;
    assert!(top.iter().any(|one| one.path == path && one.count == 1), "{path} in {top:?}");

    client.logout().await?;
    refused(client.get_me().await, 401, "invalid_token")?;
    println!("rust: ok");
    Ok(())
}

fn refused<T>(result: Result<T, Error>, status: i32, code: &str) -> Outcome<ProblemError> {
    let Err(Error::Problem(problem)) = result else { return Err(format!("{code} expected").into()) };
    assert_eq!((problem.status, problem.code.as_str()), (status, code), "{problem:?}");
    Ok(*problem)
}

/// The state of an order once it is no longer pending; an error when it stays so for 30 seconds.
async fn reserved(client: &Client, order: i64) -> Outcome<OrderStatus> {
    for _ in 0..300 {
        let order = client.get_order(order).await?;
        if order.status != OrderStatus::Pending {
            return Ok(order.status);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the order is still pending".into())
}
