//! Texts: stored unchanged whatever they mean elsewhere, measured in characters, and rejected only for reasons in the
//! document.

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
        "<b>bold</b> \u{a0}&amp;",
        "\\u0000 \\x00 \\0",
        "from \u{202e}right to left",
        "e\u{301} is not é",
        "👩‍👩‍👧‍👦",
        "\u{10ffff}\u{feff}\u{fffd}\u{e000}",
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
async fn descriptions_keep_every_character() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Texts").await;
    for text in ["", "   ", "line\nbreak\ttab\r\n", "\u{1}\u{7f}\u{80}", "\u{202e}\u{feff}", " around "] {
        let task = ada.task(&project, "Described", json!({"description": text})).await;
        let read = ada.client.get(&format!("/api/v1/tasks/{}", task["id"])).await.expect(200);
        assert_eq!((&task["description"], &read["description"]), (&json!(text), &json!(text)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_something_to_be_seen_on_one_line() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let project = ada.project("Named").await;
    let task = ada.task(&project, "Named", json!({})).await;
    let (project, task) = (format!("/api/v1/projects/{}", project["id"]), format!("/api/v1/tasks/{}", task["id"]));
    let new_task = json!({"project_id": 1});
    let titles: [(&Client, &str, &str, Value); 5] = [
        (&ada.client, "POST", "/api/v1/projects", json!({})),
        (&ada.client, "PUT", &project, json!({})),
        (&ada.client, "PATCH", &project, json!({})),
        (&admin, "POST", TASKS, new_task),
        (&ada.client, "PATCH", &task, json!({})),
    ];
    for (client, method, path, body) in &titles {
        let with = |title: &str| {
            let mut body = body.clone();
            body["title"] = json!(title);
            body
        };
        for bad in [
            "   ",
            "\t\n\r   ",
            "\u{3000}\u{a0}\u{2003}",
            "\u{200b}\u{200b}\u{200b}",
            "\u{2800}\u{3164}\u{feff}",
            "\u{fe0f}\u{fe0f}\u{fe0f}",
            "ab \u{200b} ",
            "  ab  ",
            "two\nlines",
            "two\u{2028}lines",
            "be\u{7}ll",
            "c1 \u{9b} control",
        ] {
            ask(client, method, path, Some(&with(bad))).await.expect_invalid("#/title");
        }
        for (typed, kept) in [
            ("  a b  ", "a b"),
            ("\u{feff}\u{3000}日本語\u{200b}\n", "日本語"),
            ("I \u{2764}\u{fe0f}", "I \u{2764}\u{fe0f}"),
            ("👩‍👩‍👧‍👦!", "👩‍👩‍👧‍👦!"),
        ] {
            let answer = ask(client, method, path, Some(&with(typed))).await;
            assert!(answer.status.is_success(), "{typed:?}: {}", answer.text);
            assert_eq!(answer.json["title"], kept);
        }
    }
    for (typed, kept) in [("  Ada  ", json!("Ada")), ("\u{200b}", json!("")), ("", json!(""))] {
        assert_eq!(ada.client.patch(ME, &json!({"full_name": typed})).await.expect(200)["full_name"], kept);
    }
    for bad in ["Ada\nLovelace", "\u{1b}[31mAda"] {
        ada.client.patch(ME, &json!({"full_name": bad})).await.expect_invalid("#/full_name");
        let account = json!({"email": "x@example.com", "password": PASSWORD, "full_name": bad});
        world.nobody.post("/api/v1/auth/signup", &account).await.expect_invalid("#/full_name");
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
        for (length, status) in [(0, 422), (2, 422), (3, 200), (64, 200), (65, 422)] {
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
        ("0000-12-31T23:00:00-01:00", json!("0001-01-01T00:00:00Z")),
        ("2016-12-31T23:59:60Z", json!("2017-01-01T00:00:00Z")),
        ("9999-12-31T23:59:59.9999999Z", json!("9999-12-31T23:59:59.999999Z")),
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
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:60",
        "9999-12-31T22:59:60.5-01:00",
        "2016-12-31T23:58:60Z",
        "0000-01-01T00:00:00Z",
        "0000-12-31T23:59:59.9999999Z",
        "0001-01-01T00:00:00+00:01",
        "0000-12-31",
        "9999-12-31T23:59:59-01:00",
        "1893456000",
    ] {
        ada.client.put(&path, &json!({"due_date": bad})).await.expect_invalid("#/due_date");
    }
    for bad in [json!(0), json!(1.5), json!({}), json!(true)] {
        ada.client.put(&path, &json!({"due_date": bad})).await.expect_invalid("#/due_date");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_has_a_time_that_cannot_be_shown() {
    let world = World::new().await;
    let mut db = world.database.connect().await;
    for time in ["infinity", "-infinity", "10000-01-01T00:00:00Z", "0001-12-31T00:00:00Z BC"] {
        let sql = "UPDATE tasks SET due_date = $1::text::timestamptz WHERE id = 3";
        let refused = sqlx::query(sql).bind(time).execute(&mut db).await.expect_err("it cannot be shown");
        assert_eq!(refused.as_database_error().and_then(|error| error.constraint()), Some("tasks_due_date_check"));
    }
    // Nor is a text searched for at an invalid position.
    let cursor = |key: &str| {
        let json = format!(r#"{{"s":"due_date.0","k":"{key}","i":1}}"#);
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, json)
    };
    let user = world.login("user@example.com", "user").await;
    for key in ["-262000-01-01T00:00:00Z", "+262000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"] {
        let path = format!("{TASKS}?sort=due_date&cursor={}", cursor(key));
        user.get(&path).await.expect_problem(404, "cursor_not_found");
    }
}
