//! Conditional requests (RFC 9110, 13): reads only of changed objects, writes only to the version that was seen.

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::world::{PRODUCTS, World, id};

async fn get_if_none_match(client: &Client, path: &str, tags: &str) -> Answer {
    client.send(client.request(Method::GET, path).header("if-none-match", tags)).await
}

async fn if_match(client: &Client, method: Method, path: &str, tags: &str, body: Option<&Value>) -> Answer {
    let request = client.request(method, path).header("if-match", tags);
    client
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

async fn tag(client: &Client, path: &str) -> String {
    let answer = client.get(path).await;
    let tag = answer.header("etag");
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    tag.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_changes_with_the_product_and_only_then() {
    let world = World::new().await;
    let product = world.product("TAGGED", 100, 5).await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    let first = tag(&world.nobody, &path).await;
    let known = get_if_none_match(&world.nobody, &path, &format!("\"x\", W/{first}")).await;
    assert_eq!((known.status.as_u16(), &*known.text, known.header("etag")), (304, "", &*first));
    world.admin.patch(&path, &json!({"price_cents": 100})).await.expect(200);
    world.adjust(id(&product), 0).await.expect(200);
    assert_eq!(tag(&world.admin, &path).await, first, "nothing changed, for nobody");

    let priced = world.admin.patch(&path, &json!({"price_cents": 101})).await;
    assert_eq!(priced.header("etag"), tag(&world.nobody, &path).await);
    get_if_none_match(&world.nobody, &path, &first).await.expect(200);
    let stocked = world.adjust(id(&product), 3).await;
    assert_eq!(stocked.header("etag"), tag(&world.nobody, &path).await);
    // The same content again is another version all the same.
    world.adjust(id(&product), -3).await.expect(200);
    world.admin.patch(&path, &json!({"price_cents": 100})).await.expect(200);
    let last = tag(&world.nobody, &path).await;
    assert!(![&*first, priced.header("etag"), stocked.header("etag")].contains(&&*last));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_on_a_version_that_is_gone_are_412_and_change_nothing() {
    let world = World::new().await;
    let product = world.product("VERSIONED", 100, 5).await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    let old = tag(&world.nobody, &path).await;
    world.adjust(id(&product), 1).await.expect(200);
    let now = world.nobody.get(&path).await;
    let current = now.header("etag").to_owned();
    for tags in [&*old, "\"\"", "x", "", &format!("W/{current}"), current.trim_matches('"')] {
        let lost = json!({"name": "Lost"});
        let changed = if_match(&world.admin, Method::PATCH, &path, tags, Some(&lost)).await;
        changed.expect_problem(412, "precondition_failed");
        let deleted = if_match(&world.admin, Method::DELETE, &path, tags, None).await;
        deleted.expect_problem(412, "precondition_failed");
    }
    assert_eq!(world.nobody.get(&path).await.text, now.text);
    let tags = format!("{old}, {current}");
    let kept = if_match(&world.admin, Method::PATCH, &path, &tags, Some(&json!({"name": "Kept"}))).await;
    let current = kept.header("etag").to_owned();
    assert_eq!(kept.expect(200)["name"], "Kept");
    if_match(&world.admin, Method::DELETE, &path, &current, None).await.expect(204);
    if_match(&world.admin, Method::DELETE, &path, "*", None).await.expect_problem(404, "product_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_writers_one_wins_and_19_get_412() {
    let world = World::new().await;
    let product = world.product("CONTENDED", 100, 5).await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    world.warm_up(id(&product)).await;
    for round in 0..3 {
        let version = tag(&world.nobody, &path).await;
        // The last round: all want the same.
        let change = |n: usize| json!({"price_cents": if round == 2 { 7_777 } else { 1000 * round + n }});
        let answers = join_all((0..20).map(|n| {
            let (body, version, admin, path) = (change(n), &version, &world.admin, &path);
            async move { if_match(admin, Method::PATCH, path, version, Some(&body)).await }
        }))
        .await;
        let won: Vec<usize> = (0..20).filter(|n| answers[*n].status == StatusCode::OK).collect();
        assert_eq!(won.len(), 1, "winners: {won:?}");
        let now = world.nobody.get(&path).await.expect(200);
        assert_eq!(now["price_cents"], change(won[0])["price_cents"]);
        for (n, answer) in answers.into_iter().enumerate() {
            if n != won[0] {
                answer.expect_problem(412, "precondition_failed");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_and_changing_one_version_do_not_both_succeed() {
    let world = World::new().await;
    world.warm_up(id(&world.product("WARM", 1, 0).await)).await;
    for round in 0..10 {
        let path = format!("{PRODUCTS}/{}", world.product(&format!("RACE-{round}"), 1, 1).await["id"]);
        let version = tag(&world.nobody, &path).await;
        let change = json!({"name": "Changed"});
        let (changed, deleted) = tokio::join!(
            if_match(&world.admin, Method::PATCH, &path, &version, Some(&change)),
            if_match(&world.admin, Method::DELETE, &path, &version, None)
        );
        match (changed.status.as_u16(), deleted.status.as_u16()) {
            (200, 412) => assert_eq!(world.nobody.get(&path).await.expect(200)["name"], "Changed"),
            (404, 204) => drop(world.nobody.get(&path).await.expect_problem(404, "product_not_found")),
            other => panic!("{other:?}: {} {}", changed.text, deleted.text),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unconditional_writers_lose_no_field() {
    let world = World::new().await;
    let product = world.product("FIELDS", 1, 0).await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    world.warm_up(id(&product)).await;
    for round in 0..5 {
        let changes = [
            json!({"name": format!("name {round}")}),
            json!({"description": format!("description {round}")}),
            json!({"price_cents": 100 + round}),
            json!({"sku": format!("FIELDS-{round}")}),
        ];
        let (patched, adjusted) = tokio::join!(
            join_all(changes.iter().map(|change| world.admin.patch(&path, change))),
            world.adjust(id(&product), 1)
        );
        assert!(patched.into_iter().chain([adjusted]).all(|answer| answer.status == StatusCode::OK));
        let now = world.nobody.get(&path).await.expect(200);
        for change in &changes {
            for (member, value) in change.as_object().expect("an object") {
                assert_eq!(now[member], *value, "{member}");
            }
        }
        assert_eq!(now["stock"], round + 1);
    }
}
