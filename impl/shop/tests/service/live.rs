//! Watching an order: server-sent events of its timeline.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use testkit::Client;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::server::serve;
use crate::world::{LOGIN, ORDERS, PASSWORD, World};

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
        assert!(here.iter().all(|(id, _, data)| id.parse() == Ok(data["id"].as_i64().unwrap())));

        // From where one was cut off, and from the end; an event of another order is none.
        assert_eq!(kinds(&read(&there, &path, Some(&here[0].0)).await), ["reserved", "paid"]);
        // An `EventSource` that has seen the end comes again, and 204 tells it to stay away.
        let over = there.send(there.request(Method::GET, &path).header("last-event-id", &here[2].0)).await;
        assert_eq!((over.status.as_u16(), &*over.text), (204, ""));
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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_come_in_any_more_is_sent_away() {
    let world = World::new().await;
    let (ada, bob, cyd) = tokio::join!(world.person("ada"), world.person("bob"), world.person("cyd"));
    let spoon = world.product("SPOON", 250, 10).await;
    let order = ada.order(&spoon, 1).await;
    world.number(&format!("UPDATE users SET is_superuser = true WHERE id = {} RETURNING 1::bigint", bob.id)).await;
    let again = world.nobody.login(LOGIN, "ada@example.com", PASSWORD).await;
    let gone = world.nobody.login(LOGIN, "cyd@example.com", PASSWORD).await;
    let others = cyd.order(&spoon, 1).await;

    let path = format!("{ORDERS}/{order}/events?seconds=300");
    let others = format!("{ORDERS}/{others}/events?seconds=300");
    let act = async {
        world.until_watched(4).await;
        assert_eq!(ada.client.post_empty("/api/v2/auth/logout").await.status, 204);
        let changes = [
            format!("UPDATE users SET is_superuser = false WHERE id = {} RETURNING 1::bigint", bob.id),
            format!("DELETE FROM users WHERE id = {} RETURNING 1::bigint", cyd.id),
        ];
        for change in changes {
            world.number(&change).await;
        }
        world.until_watched(1).await;
        // Who sits at the same order with another token stays.
        world.drain().await;
        again.post_empty(&format!("{ORDERS}/{order}/pay")).await.expect(200);
    };
    let (revoked, demoted, deleted, good, ()) = tokio::join!(
        read(&ada.client, &path, None),
        read(&bob.client, &path, None),
        read(&gone, &others, None),
        read(&again, &path, None),
        act
    );
    for stream in [revoked, demoted, deleted] {
        assert_eq!(kinds(&stream), ["created"]);
    }
    assert_eq!(kinds(&good), ["created", "reserved", "paid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_watch_all_of_them_see_everything() {
    let world = World::with_stream().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    let order = ada.order(&spoon, 1).await;
    let path = format!("{ORDERS}/{order}/events?seconds=120");
    let mut watchers = JoinSet::new();
    // As many as one user may have, of each of three who may see it.
    let mut crowd = vec![world.admin.clone(), ada.client.clone()];
    let bob = world.person("bob").await;
    world.number(&format!("UPDATE users SET is_superuser = true WHERE id = {} RETURNING 1::bigint", bob.id)).await;
    crowd.push(world.nobody.login(LOGIN, "bob@example.com", PASSWORD).await);
    for (place, client) in crowd.iter().enumerate() {
        for _ in 0..20 {
            let (client, path) = (client.clone(), path.clone());
            watchers.spawn(async move { read(&client, &path, None).await });
        }
        world.until_watched((place + 1) * 20).await;
    }
    world.drain().await;
    ada.client.post_empty(&format!("{ORDERS}/{order}/pay")).await.expect(200);
    for stream in watchers.join_all().await {
        assert_eq!(kinds(&stream), ["created", "reserved", "paid"]);
    }
    world.until_watched(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_stop_sends_everybody_to_the_others() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    let order = ada.order(&spoon, 1).await;
    let path = format!("{ORDERS}/{order}/events?seconds=300");
    let end = CancellationToken::new();
    let serve = world.of_shop.serve(end.clone(), end.clone());
    let stop = async {
        world.until_watched(1).await;
        end.cancel();
    };
    let (stream, (), ()) = tokio::join!(read(&ada.client, &path, None), serve, stop);
    assert_eq!(kinds(&stream), ["created"]);
    // Also who comes now is told what there is, and that is all.
    assert_eq!(kinds(&read(&ada.client, &path, None).await), ["created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_only_so_many_streams() {
    let world = World::new().await;
    let (ada, bob) = tokio::join!(world.person("ada"), world.person("bob"));
    let spoon = world.product("SPOON", 250, 10).await;
    let (order, others) = (ada.order(&spoon, 1).await, bob.order(&spoon, 1).await);
    let path = format!("{ORDERS}/{order}/events?seconds=120");
    let mut watchers = JoinSet::new();
    for _ in 0..20 {
        let (client, path) = (ada.client.clone(), path.clone());
        watchers.spawn(async move { read(&client, &path, None).await });
    }
    world.until_watched(20).await;
    let refused = ada.client.get(&path).await.expect_problem(429, "too_many_event_streams");
    assert_eq!(refused.header("retry-after"), "30");
    // Superusers, too: what they may see is not what they may use up.
    let mut admins = JoinSet::new();
    for _ in 0..20 {
        let (client, path) = (world.admin.clone(), path.clone());
        admins.spawn(async move { read(&client, &path, None).await });
    }
    world.until_watched(40).await;
    world.admin.get(&path).await.expect_problem(429, "too_many_event_streams");
    let bobs = format!("{ORDERS}/{others}/events?seconds=1");
    assert_eq!(kinds(&read(&bob.client, &bobs, None).await), ["created"], "others are not held up");
    ada.client.post_empty(&format!("{ORDERS}/{order}/cancel")).await.expect(200);
    for stream in watchers.join_all().await.into_iter().chain(admins.join_all().await) {
        assert_eq!(kinds(&stream), ["created", "cancelled"]);
    }
    assert_eq!(kinds(&read(&ada.client, &path, None).await), ["created", "cancelled"], "there is room again");
}
