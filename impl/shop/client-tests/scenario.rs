//! A product, and an order of it, with the Rust client.
use std::time::Duration;

use schema_first_client::models::{OrderCreate, OrderItemCreate, OrderStatus, ProductCreate};
use schema_first_client::{Client, CreateOrderOptions, StreamOrderEventsOptions};

use crate::{Given, Outcome, refused};

pub async fn scenario(given: &Given) -> Outcome<()> {
    let (client, run) = (&given.client, &given.run);
    let mut wanted = ProductCreate::new(format!("{run}-spoon"), "Spoon".into(), 250);
    wanted.stock = Some(10);
    refused(client.create_product(&wanted).await, 403, "insufficient_scope")?;
    let product = given.admin.create_product(&wanted).await?;

    let options = CreateOrderOptions { idempotency_key: Some(run.clone()) };
    let order = OrderCreate::new(vec![OrderItemCreate::new(product.id, 2)]);
    let placed = client.create_order(&order, &options).await?;
    assert_eq!(client.create_order(&order, &options).await?.id, placed.id, "a repeated request is the same order");
    assert_eq!(reserved(client, placed.id).await?, OrderStatus::Reserved);
    let mut events = client
        .stream_order_events(placed.id, &StreamOrderEventsOptions { seconds: Some(1), ..Default::default() })
        .await?;
    let mut heard = String::new();
    while let Some(chunk) = events.chunk().await? {
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(heard.contains("event: reserved"), "{heard}");
    Ok(())
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
