//! The cost of one client's requests.

use std::time::Duration;

use tokio::time::sleep;

use crate::demo::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_charged_for_long_statements_while_others_ask_and_refuses_nobody_else() {
    let world = World::new(&["--database-budget-seconds", "1"]).await;
    let (dear, other) = (world.user(1), world.user(2));
    for _ in 0..4 {
        dear.get("/slow").await.expect(200);
    }
    dear.get("/quick").await.expect(200);
    gets_into_debt("database_budget_exhausted", async || {
        other.get("/quick").await.expect(200);
        dear.get("/slow").await
    })
    .await;
    // A client without a token at the same address is another client.
    world.server.client().get("/quick").await.expect(200);
    other.get("/quick").await.expect(200);
    is_counted(&world, "database_time", async || dear.get("/slow").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_keeps_processors_busy_pays_for_that() {
    let world = World::new(&["--cpu-budget-seconds", "1"]).await;
    let (dear, other) = (world.user(1), world.user(2));
    gets_into_debt("processor_budget_exhausted", async || {
        other.get("/quick").await.expect(200);
        dear.get("/compute").await
    })
    .await;
    other.get("/compute").await.expect(200);
    is_counted(&world, "cpu_time", async || dear.get("/compute").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hangs_up_pays_as_well() {
    let world = World::new(&["--cpu-budget-seconds", "1"]).await;
    let (dear, other) = (world.user(1), world.user(2));
    gets_into_debt("processor_budget_exhausted", async || {
        other.get("/quick").await.expect(200);
        let gone = slow_reader(world.server.address(), 1, "GET /compute-and-wait").await;
        sleep(Duration::from_millis(700)).await;
        drop(gone);
        dear.get("/quick").await
    })
    .await;
}
