//! The reporter of a view, and which of its claims are trusted.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{OPTIMIZED, SLOW, TIME_SERIES, World};

const VIEWS: &str = "/api/p3/page-views";
const BATCH: &str = "/api/p3/page-views/batch";
const UNIQUES: &str = "/api/p3/analytics/uniques";

async fn id_of(client: &testkit::Client) -> i64 {
    client.get("/api/p3/auth/users/me").await.expect(200)["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_token_is_who_the_token_says() {
    let world = World::new().await;
    let (me, admin) = (id_of(&world.user).await, id_of(&world.admin).await);
    let of = |user: Value| json!({"path": "/x", "user_id": user});
    let stored =
        async |client: &testkit::Client, user| client.post(VIEWS, &of(user)).await.expect(201)["user_id"].clone();
    assert_eq!(stored(&world.user, json!(admin)).await, me);
    assert_eq!(stored(&world.user, Value::Null).await, me);
    world.user.post(BATCH, &json!([of(json!(admin)), of(json!(me))])).await.expect(201);
    // A superuser reports for others.
    assert_eq!(stored(&world.admin, json!(77)).await, 77);
    assert_eq!(stored(&world.admin, Value::Null).await, admin);
    // An unauthenticated claim.
    assert_eq!(stored(&world.nobody, json!(admin)).await, admin);
    assert_eq!(world.number("SELECT count(*) FROM page_views WHERE user_claimed").await, 1);
    let of_me = format!("SELECT count(*) FROM page_views WHERE user_id = {me} AND NOT user_claimed");
    assert_eq!(world.number(&of_me).await, 4);
    assert_eq!(world.ask(UNIQUES, &[]).await["users"], 3);
    world.nobody.post(BATCH, &json!([of(json!(500)), of(json!(501))])).await.expect(201);
    assert_eq!(world.ask(UNIQUES, &[]).await["users"], 3);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_tells_nobody_else_what_came_first() {
    let world = World::new().await;
    let (event, me) = (Uuid::new_v4(), id_of(&world.user).await);
    let first = json!({"path": "/secret", "country": "DE", "event_id": event});
    let stored = world.user.post(VIEWS, &first).await.expect(201);
    let guess = json!({"path": "/guess", "event_id": event});
    for somebody in [&world.nobody, &world.admin] {
        let told = somebody.post(VIEWS, &guess).await.expect(201);
        assert_eq!(
            (&told["path"], &told["country"], &told["duplicate"]),
            (&json!("/guess"), &Value::Null, &json!(true))
        );
        assert_ne!(told["user_id"], me);
        assert_ne!(told["created_at"], stored["created_at"]);
    }
    let again = world.user.post(VIEWS, &guess).await.expect(201);
    assert_eq!((&again["path"], &again["user_id"], &again["id"]), (&json!("/secret"), &json!(me), &stored["id"]));
    assert_eq!(again["created_at"], stored["created_at"]);
    // Without a token, from the same network.
    let (event, sent) = (Uuid::new_v4(), |path: &str, event: Uuid| json!({"path": path, "event_id": event}));
    world.nobody.post(VIEWS, &sent("/one", event)).await.expect(201);
    assert_eq!(world.nobody.post(VIEWS, &sent("/two", event)).await.expect(201)["path"], "/one");
    assert_eq!(world.user.post(VIEWS, &sent("/two", event)).await.expect(201)["path"], "/two");
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 2);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_to_a_path_is_not_stored() {
    let world = World::new().await;
    for path in ["/a?token=secret", "/a#secret", "https://u:secret@example.com/a", "/a;jsessionid=secret", "/a"] {
        let stored = world.nobody.post(VIEWS, &json!({"path": path})).await.expect(201);
        assert_eq!(stored["path"], "/a", "{path}");
    }
    world.nobody.post(BATCH, &json!([{"path": "/reset/0123456789abcdef01"}, {"path": "?q=1"}])).await.expect(201);
    let ranking = json!([{"path": "/a", "count": 5}, {"path": "/", "count": 1}, {"path": "/reset/*", "count": 1}]);
    for path in [SLOW, OPTIMIZED] {
        assert_eq!(world.ask(path, &[]).await, ranking);
    }
    let start = (Utc::now() - TimeDelta::minutes(5)).to_rfc3339();
    let series = world.ask(TIME_SERIES, &[("path", "/a?x"), ("start", &start), ("interval", "day")]).await;
    let views: i64 = series.as_array().expect("points").iter().filter_map(|point| point["count"].as_i64()).sum();
    assert_eq!(views, 5);
    assert_eq!(world.number("SELECT count(*) FROM paths WHERE path ~ 'secret|0123'").await, 0);
}
