//! Watching an order: server-sent events of its timeline.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use testkit::Client;
use tokio::time::timeout;

use crate::world::{ORDERS, World, serve};

/// What a stream has sent: ids, kinds and data.
async fn read(client: &Client, path: &str, last: Option<&str>) -> Vec<(String, String, Value)> {
    let mut request = client.request(Method::GET, path);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = timeout(Duration::from_secs(30), client.send(request)).await.expect("the stream ends");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    parse(&answer.text)
}

fn parse(text: &str) -> Vec<(String, String, Value)> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
        line.map(str::to_owned)
    };
    text.split("\n\n")
        .filter_map(|block| {
            let data = serde_json::from_str(&field(block, "data:")?).expect("data are JSON");
            Some((field(block, "id:")?, field(block, "event:")?, data))
        })
        .collect()
}

fn kinds(events: &[(String, String, Value)]) -> Vec<&str> {
    events.iter().map(|(_, kind, _)| kind.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_happens_is_told_once_and_in_order_by_every_replica() {
    for world in [World::with_stream().await, World::new().await] {
        let ada = world.person("ada").await;
        let other = serve(&world.database, world.redis.as_ref());
        let there = other.client().with_token(ada.client.token().unwrap());
        let spoon = world.product("SPOON", 250, 10).await;
        let order = ada.order(&spoon, 1).await;
        let path = format!("{ORDERS}/{order}/events?seconds=20");
        let act = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            world.drain().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            ada.client.post_empty(&format!("{ORDERS}/{order}/pay")).await.expect(200);
        };
        let (here, elsewhere, ()) = tokio::join!(read(&ada.client, &path, None), read(&there, &path, None), act);
        assert_eq!(kinds(&here), ["created", "reserved", "paid"]);
        assert_eq!(here, elsewhere);
        let timeline = ada.client.get(&format!("{ORDERS}/{order}/timeline")).await.expect(200);
        assert_eq!(here.iter().map(|(_, _, data)| data.clone()).collect::<Vec<_>>(), *timeline.as_array().unwrap());
        assert!(here.iter().all(|(id, _, data)| *id == data["id"].to_string()));

        // From where one was cut off, and from the end; an event of another order is none.
        assert_eq!(kinds(&read(&there, &path, Some(&here[0].0)).await), ["reserved", "paid"]);
        assert_eq!(kinds(&read(&there, &path, Some(&here[2].0)).await), [""; 0]);
        for nothing in ["0", "999999", "garbage", "-1"] {
            assert_eq!(kinds(&read(&there, &path, Some(nothing)).await), ["created", "reserved", "paid"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_time_is_over() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    let order = ada.order(&spoon, 1).await;
    assert_eq!(kinds(&read(&ada.client, &format!("{ORDERS}/{order}/events?seconds=1"), None).await), ["created"]);
    for seconds in ["0", "301", "x"] {
        ada.client.get(&format!("{ORDERS}/{order}/events?seconds={seconds}")).await.expect_invalid("#/seconds");
    }
}
