//! Texts: kept to the letter whatever they mean elsewhere, measured in characters, and refused only for what the
//! document says.

use serde_json::{Value, json};
use testkit::Client;

use crate::listing::TASKS;
use crate::world::{ME, PASSWORD, World, ask, id, ids, with_query};

#[tokio::test(flavor = "multi_thread")]
async fn text_comes_back_as_it_was_sent() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Texts").await;
    for text in [
        "'; DROP TABLE tasks; --",
        "\" OR 1=1 --",
        "$1 $2 %s {} {0}",
        "<script>alert(1)</script>",
        "<b>bold</b> &amp; \u{a0}",
        "line\nbreak\ttab\r\n",
        "\\u0000 \\x00 \\0",
        "\u{1}\u{7f}\u{80}",
        "\u{202e}right to left",
        "e\u{301} is not é",
        "👩‍👩‍👧‍👦",
        "\u{10ffff}\u{fffd}\u{feff}",
        "   ",
        "null",
    ] {
        let task = ada.task(&project, text, json!({"description": text})).await;
        assert_eq!((&task["title"], &task["description"]), (&json!(text), &json!(text)));
        let path = format!("/api/v1/tasks/{}", task["id"]);
        assert_eq!(ada.client.get(&path).await.expect(200)["title"], text);
        let found = ada.client.get(&with_query(TASKS, &[("q", text)])).await.expect(200);
        assert_eq!(ids(&found), [id(&task)], "{text:?}");
        assert_eq!(ada.client.patch(ME, &json!({"full_name": text})).await.expect(200)["full_name"], text);
        ada.client.delete(&path).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_character_is_422_wherever_text_is_kept_or_searched() {
    let world = World::new().await;
    let (admin, user) = (world.admin().await, world.login("user@example.com", "user").await);
    let nul = "a\u{0}b";
    let account = json!({"email": "nul@example.com", "password": PASSWORD});
    let kept: [(&Client, &str, &str, Value, &[&str]); 8] = [
        (&world.nobody, "POST", "/api/v1/auth/signup", account.clone(), &["email", "full_name"]),
        (&admin, "POST", "/api/v1/users", account, &["email", "full_name"]),
        (&admin, "PATCH", "/api/v1/users/2", json!({}), &["email", "full_name"]),
        (&user, "PUT", ME, json!({}), &["email", "full_name"]),
        (&user, "POST", "/api/v1/projects", json!({"title": "xxx"}), &["title", "description"]),
        (&user, "PATCH", "/api/v1/projects/2", json!({}), &["title", "description"]),
        (
            &user,
            "POST",
            "/api/v1/tasks",
            json!({"title": "xxx", "project_id": 2}),
            &["title", "description", "status", "due_date"],
        ),
        (&user, "PUT", "/api/v1/tasks/3", json!({}), &["title", "description", "status", "due_date"]),
    ];
    for (client, method, path, good, members) in kept {
        for member in members {
            let mut body = good.clone();
            body[*member] = json!(nul);
            ask(client, method, path, Some(&body)).await.expect_invalid(&format!("#/{member}"));
        }
    }
    for list in ["/api/v1/users", "/api/v1/projects", TASKS] {
        admin.get(&format!("{list}?q=a%00b")).await.expect_invalid("#/q");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_are_counted_in_characters() {
    let world = World::new().await;
    let user = world.login("user@example.com", "user").await;
    for letter in ["x", "é", "語", "😀"] {
        for (length, status) in [(0, 422), (2, 422), (3, 201), (100, 201), (101, 422)] {
            let answer = user.post("/api/v1/projects", &json!({"title": letter.repeat(length)})).await;
            assert_eq!(answer.status.as_u16(), status, "{length} times {letter}: {}", answer.text);
        }
        for (length, status) in [(0, 201), (10_000, 201), (10_001, 422)] {
            let body = json!({"title": "Long", "description": letter.repeat(length)});
            assert_eq!(user.post("/api/v1/projects", &body).await.status.as_u16(), status, "{length} times {letter}");
        }
        for (length, status) in [(0, 200), (255, 200), (256, 422)] {
            let answer = user.put(ME, &json!({"full_name": letter.repeat(length)})).await;
            assert_eq!(answer.status.as_u16(), status, "{length} times {letter}");
        }
        for (length, status) in [(0, 200), (200, 200), (201, 422)] {
            let answer = user.get(&with_query(TASKS, &[("q", &letter.repeat(length))])).await;
            assert_eq!(answer.status.as_u16(), status, "{length} times {letter}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_could_never_be_reached_do_not_sign_up() {
    let world = World::new().await;
    let signup = async |email: &str| {
        world.nobody.post("/api/v1/auth/signup", &json!({"email": email, "password": PASSWORD})).await
    };
    for good in ["x@test.local", "a.b+c@example.com", "o'neil@example.museum", "x@localhost", "X@EXAMPLE.ORG"] {
        signup(good).await.expect(200);
        world.login(good, PASSWORD).await.get(ME).await.expect(200);
    }
    for bad in [
        "",
        "x",
        "@",
        "x@",
        "@x",
        "a b@x",
        "a@b c",
        "a@@b",
        "a..b@x",
        "x@-a",
        "x@a..b",
        "x\n@example.com",
        "<x@example.com>",
    ] {
        signup(bad).await.expect_invalid("#/email");
    }
    signup(&format!("{}@example.com", "x".repeat(65))).await.expect_invalid("#/email");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_kept_to_the_microsecond_and_shown_in_utc() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Times").await;
    let path = format!("/api/v1/tasks/{}", ada.task(&project, "Timed", json!({})).await["id"]);
    for (sent, shown) in [
        ("2030-01-02T03:04:05Z", json!("2030-01-02T03:04:05Z")),
        ("2030-01-02T03:04:05.123456Z", json!("2030-01-02T03:04:05.123456Z")),
        ("2030-01-02T03:04:05+05:30", json!("2030-01-01T21:34:05Z")),
        ("2030-01-02T03:04:05", json!("2030-01-02T03:04:05Z")),
        ("2030-01-02 03:04:05", json!("2030-01-02T03:04:05Z")),
        ("2030-01-02", json!("2030-01-02T00:00:00Z")),
        ("0001-01-01T00:00:00Z", json!("0001-01-01T00:00:00Z")),
        ("9999-12-31T23:59:59.999999Z", json!("9999-12-31T23:59:59.999999Z")),
    ] {
        let put = ada.client.put(&path, &json!({"due_date": sent})).await.expect(200);
        assert_eq!(put["due_date"], shown, "{sent}");
        assert_eq!(ada.client.get(&path).await.expect(200)["due_date"], shown);
    }
    assert_eq!(ada.client.put(&path, &json!({"due_date": null})).await.expect(200)["due_date"], Value::Null);
    for bad in [
        "",
        "soon",
        "2030-02-30",
        "2030-01-01T24:00:01Z",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "1893456000",
    ] {
        ada.client.put(&path, &json!({"due_date": bad})).await.expect_invalid("#/due_date");
    }
    for bad in [json!(0), json!(1.5), json!({}), json!(true)] {
        ada.client.put(&path, &json!({"due_date": bad})).await.expect_invalid("#/due_date");
    }
}
