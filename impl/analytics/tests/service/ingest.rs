//! Recording page views: what is stored, what is rejected, what is recognized.

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{OPTIMIZED, SLOW, World};

const VIEWS: &str = "/api/p3/page-views";
const BATCH: &str = "/api/p3/page-views/batch";

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_stored_and_counted_when_it_is_acknowledged() {
    let world = World::new().await;
    let me = id_of(&world).await;
    let report = json!({"path": "/pricing", "country": "de", "referrer": "https://user:pw@www.Example.com/x?y"});
    let stored = world.user.post(VIEWS, &report).await.expect(201);
    assert_eq!(
        (&stored["path"], &stored["country"], &stored["user_id"]),
        (&json!("/pricing"), &json!("DE"), &json!(me))
    );
    assert_eq!((&stored["duplicate"], &stored["bot"]), (&json!(false), &Value::Null));
    let another = json!({"path": "/pricing", "user_id": 77, "user_agent": "Mozilla/5.0 (iPhone) Mobile/15"});
    assert_eq!(world.nobody.post(VIEWS, &another).await.expect(201)["user_id"], 77);
    // A view is counted as soon as it is acknowledged.
    for path in [SLOW, OPTIMIZED] {
        assert_eq!(world.ask(path, &[]).await, json!([{"path": "/pricing", "count": 2}]));
    }
    let row = "SELECT count(*) FROM page_views WHERE referrer = 'example.com' AND device IS NULL AND visitor ~ '^[0-9a-f]{32}$'";
    assert_eq!(world.number(row).await, 1);
    assert_eq!(world.number("SELECT count(*) FROM page_views WHERE device = 'mobile'").await, 1);
    world.verify().await;
}

async fn id_of(world: &World) -> i64 {
    world.user.get("/api/p3/auth/users/me").await.expect(200)["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_stored_once_however_often_it_comes() {
    let world = World::new().await;
    let event = Uuid::new_v4();
    let report = |path: &str| json!({"path": path, "event_id": event});
    let copies = join_all((0..60).map(async |n| {
        let report = report(&format!("/{}", n % 3));
        match n % 2 {
            0 => world.nobody.post(VIEWS, &report).await.expect(201)["id"].clone(),
            _ => {
                let receipt = world.nobody.post(BATCH, &json!([report, {"path": "/new"}])).await.expect(201);
                assert_eq!(receipt["stored"].as_i64().unwrap() + receipt["duplicates"].as_i64().unwrap(), 2);
                Value::Null
            }
        }
    }))
    .await;
    let ids: Vec<&Value> = copies.iter().filter(|id| !id.is_null()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(world.number(&format!("SELECT count(*) FROM page_views WHERE event_id = '{event}'")).await, 1);
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 31);
    // A repetition returns the first record, whatever it contains itself.
    let (first, again) = (Uuid::new_v4(), json!({"path": "/other", "country": "FR"}));
    let one = world.nobody.post(VIEWS, &json!({"path": "/one", "event_id": first, "country": "DE"})).await.expect(201);
    let mut repeated = again.clone();
    repeated["event_id"] = json!(first);
    let two = world.nobody.post(VIEWS, &repeated).await.expect(201);
    assert_eq!(
        (&two["id"], &two["path"], &two["country"], &two["duplicate"]),
        (&one["id"], &json!("/one"), &json!("DE"), &json!(true))
    );
    assert_eq!(two["created_at"], one["created_at"]);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_judged_one_by_one() {
    let world = World::new().await;
    let known = Uuid::new_v4();
    world.nobody.post(VIEWS, &json!({"path": "/known", "event_id": known})).await.expect(201);
    let rows = json!([
        {"path": "/good"}, {"path": ""}, {"country": "DE"}, {"path": "/known", "event_id": known}, "garbage",
        {"path": "/old", "occurred_at": "1999-01-01T00:00:00Z"}, {"path": "/x", "extra": 1}, {"path": "/twice", "event_id": "11111111-1111-4111-8111-111111111111"},
        {"path": "/twice", "event_id": "11111111-1111-4111-8111-111111111111"},
    ]);
    let receipt = world.nobody.post(BATCH, &rows).await.expect(207);
    assert_eq!((&receipt["stored"], &receipt["duplicates"], &receipt["other"]), (&json!(2), &json!(2), &json!(0)));
    let rejected: Vec<_> = receipt["rejected"].as_array().unwrap().iter().map(|row| row["index"].clone()).collect();
    assert_eq!(rejected, [1, 2, 4, 5, 6]);
    assert_eq!(receipt["rejected"][0]["errors"][0]["pointer"], "#/1/path");
    assert_eq!(receipt["rejected"][3]["errors"][0]["code"], "event_time_out_of_range");
    world.nobody.post(BATCH, &json!([{"path": ""}, {"nothing": 1}])).await.expect_invalid("#/0/path");
    world
        .nobody
        .post(BATCH, &json!([{"path": "/a", "occurred_at": "1999-01-01T00:00:00Z"}]))
        .await
        .expect_invalid("#/0/occurred_at");
    world.nobody.post(BATCH, &json!([])).await.expect_invalid("#");
    let lines = "{\"path\":\"/line\"}\n{\"path\":\"/line\"}\n";
    let request = world.nobody.request(Method::POST, BATCH).header("content-type", "application/x-ndjson").body(lines);
    assert_eq!(world.nobody.send(request).await.expect(201)["stored"], 2);
    let thousand: Vec<Value> = (0..1_000).map(|n| json!({"path": format!("/p/{}", n % 10)})).collect();
    assert_eq!(world.nobody.post(BATCH, &json!(thousand)).await.expect(201)["stored"], 1_000);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_database_refuses_does_not_fail_its_neighbours() {
    let world = World::new().await;
    // No valid view violates it; this stands for an unforeseen database error.
    world.database.execute("ALTER TABLE page_views ADD CONSTRAINT unforeseen CHECK (country <> 'XX')").await;
    let answers = join_all((0..60).map(async |n| {
        let poison = n % 20 == 7;
        let view = json!({"path": "/x", "country": if poison { "XX" } else { "DE" }, "event_id": Uuid::new_v4()});
        (poison, world.nobody.post(VIEWS, &view).await.status)
    }))
    .await;
    for (poison, status) in answers {
        assert_eq!(status, if poison { 500 } else { 201 });
    }
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 57);
    assert_eq!(world.number("SELECT count(*) FROM page_view_events").await, 57);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_at_the_door() {
    let world = World::new().await;
    let send = async |view: Value| world.nobody.post(VIEWS, &view).await;
    for view in [
        json!({"path": ""}),
        json!({"path": "a\u{0}b"}),
        json!({"path": "x".repeat(256)}),
        json!({"path": 7}),
        json!({}),
    ] {
        send(view).await.expect_invalid("#/path");
    }
    for (member, value) in [
        ("country", json!("DEU")),
        ("country", json!("1A")),
        ("user_id", json!(0)),
        ("event_id", json!("no uuid")),
        ("occurred_at", json!("yesterday")),
    ] {
        let mut view = json!({"path": "/x"});
        view[member] = value;
        send(view).await.expect_invalid(&format!("#/{member}"));
    }
    let at = |time: chrono::DateTime<Utc>| json!({"path": "/x", "occurred_at": time.to_rfc3339()});
    for time in [Utc::now() + TimeDelta::hours(1), Utc::now() - TimeDelta::days(500)] {
        send(at(time)).await.expect_problem(409, "event_time_out_of_range");
    }
    send(at(Utc::now() - TimeDelta::days(8))).await.expect_problem(409, "event_time_out_of_range");
    for time in [Utc::now() + TimeDelta::minutes(2), Utc::now() - TimeDelta::days(6)] {
        send(at(time)).await.expect(201);
    }
    world.nobody.with_token("garbage").post(VIEWS, &json!({"path": "/x"})).await.expect_problem(401, "invalid_token");
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 2);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_are_stored_and_not_counted() {
    let world = World::new().await;
    let agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let view = json!({"path": "/x", "user_agent": agent});
    assert_eq!(world.nobody.post(VIEWS, &view).await.expect(201)["bot"], "search_engine");
    let request = world.nobody.request(Method::POST, VIEWS).header("user-agent", agent).json(&json!({"path": "/x"}));
    assert_eq!(world.nobody.send(request).await.expect(201)["bot"], "search_engine");
    assert_eq!(world.ask(OPTIMIZED, &[]).await, json!([]));
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_are_told_apart_and_not_known() {
    let world = World::new().await;
    let seen = async |agent: &str, id: Option<&str>, forwarded: &str| {
        let view = json!({"path": "/x", "visitor_id": id});
        let request =
            world.nobody.request(Method::POST, VIEWS).header("user-agent", agent).header("x-forwarded-for", forwarded);
        world.nobody.send(request.json(&view)).await.expect(201);
    };
    seen("Firefox", None, "1.2.3.4").await;
    // Anybody can set this header; it does not make another visitor.
    seen("Firefox", None, "5.6.7.8").await;
    assert_eq!(world.number("SELECT count(DISTINCT visitor) FROM page_views").await, 1);
    seen("Chrome", None, "").await;
    seen("Chrome", Some("cookie"), "").await;
    seen("Safari", Some("cookie"), "").await;
    assert_eq!(world.number("SELECT count(DISTINCT visitor) FROM page_views").await, 3);
    assert_eq!(world.number("SELECT count(*) FROM page_views WHERE visitor ~ '127|cookie|1.2.3.4'").await, 0);
    // On another day they are new visitors: the day of the view counts, not that of the report.
    let batch: Vec<Value> = (0..3)
        .map(|days| json!({"path": "/x", "visitor_id": "me", "occurred_at": (Utc::now() - TimeDelta::days(days)).to_rfc3339()}))
        .collect();
    for _ in 0..2 {
        world.nobody.post(BATCH, &json!(batch)).await.expect(201);
    }
    assert_eq!(world.number("SELECT count(DISTINCT visitor) FROM page_views").await, 3 + 3);
    assert_eq!(world.number("SELECT count(*) FROM visitor_salts").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_batch_is_written_the_next_one_is_as_well() {
    let world = World::new().await;
    world
        .database
        .execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$; \
             CREATE TRIGGER dawdle BEFORE INSERT ON page_views FOR EACH STATEMENT EXECUTE FUNCTION dawdle()",
        )
        .await;
    let report = async |path: &str| world.nobody.post(VIEWS, &json!({"path": path})).await.expect(201);
    let under_way = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
        AND application_name = 'analytics-writes' AND query ~ 'INSERT INTO page_views\\s'";
    let most = async {
        let mut most = 0;
        for _ in 0..60 {
            most = most.max(world.number(under_way).await);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        most
    };
    // One writer takes the first at once; the second comes while it is being written.
    let second = async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        report("/second").await
    };
    let (_, _, most) = tokio::join!(report("/first"), second, most);
    assert_eq!(most, 2, "writes under way at once");
}
