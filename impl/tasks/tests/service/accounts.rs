//! Accounts: addresses that are taken, passwords that change, sessions that end, the last superuser.

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;

use crate::world::{ME, PASSWORD, World, ask, serve, until};

const SIGNUP: &str = "/api/v1/auth/signup";

#[tokio::test(flavor = "multi_thread")]
async fn an_email_is_taken_in_every_case_of_letters_by_every_way() {
    let world = World::new().await;
    let (admin, ada, bob) = (world.admin().await, world.person("Ada").await, world.person("bob").await);
    for spelling in ["Ada@example.com", "ada@example.com", "ADA@EXAMPLE.COM"] {
        let account = json!({"email": spelling, "password": PASSWORD});
        world.nobody.post(SIGNUP, &account).await.expect_problem(409, "email_taken");
        admin.post("/api/v1/users", &account).await.expect_problem(409, "email_taken");
        for method in ["PUT", "PATCH"] {
            let change = json!({"email": spelling, "full_name": "Changed", "current_password": PASSWORD});
            ask(&bob.client, method, ME, Some(&change)).await.expect_problem(409, "email_taken");
            let path = format!("/api/v1/users/{}", bob.id);
            ask(&admin, method, &path, Some(&change)).await.expect_problem(409, "email_taken");
        }
        // The user's own e-mail in another case is not taken.
        let change = json!({"email": spelling, "current_password": PASSWORD});
        let own = world.login(&ada.email, PASSWORD).await.patch(ME, &change).await.expect(200);
        assert_eq!(own["email"], spelling);
    }
    assert_eq!(bob.client.get(ME).await.expect(200)["full_name"], "bob");
    let moved =
        bob.client.patch(ME, &json!({"email": "robert@example.com", "current_password": PASSWORD})).await.expect(200);
    assert_eq!(moved["email"], "robert@example.com");
    world.person("bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_sign_up_with_one_email_one_succeeds() {
    let world = World::new().await;
    world.warm_up(&world.admin().await).await;
    for round in 0..3 {
        let accounts: Vec<_> = (0..12)
            .map(|n| {
                let email = format!("race{round}@example.com");
                json!({"email": if n % 2 == 0 { email } else { email.to_uppercase() }, "password": PASSWORD})
            })
            .collect();
        let answers = join_all(accounts.iter().map(|account| world.nobody.post(SIGNUP, account))).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == StatusCode::OK);
        assert_eq!(made.len(), 1);
        for answer in refused {
            answer.expect_problem(409, "email_taken");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_session() {
    let world = World::new().await;
    let elsewhere = serve(&world.database, &[]);
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let path = format!("/api/v1/users/{}", ada.id);
    let mut current = PASSWORD;
    for (by_admin, method, password) in [
        (false, "PUT", "first change"),
        (false, "PATCH", "second change"),
        (true, "PUT", "third one"),
        (true, "PATCH", "fourth"),
    ] {
        let sessions = [world.login(&ada.email, current).await, world.login(&ada.email, current).await];
        let other = elsewhere.client().with_token(sessions[0].token().expect("a token"));
        for session in sessions.iter().chain([&other]) {
            session.get(ME).await.expect(200);
        }
        let (client, path) = if by_admin { (&admin, &*path) } else { (&sessions[1], ME) };
        let mut change = json!({"password": password});
        if !by_admin {
            change["current_password"] = json!(current);
        }
        let user = ask(client, method, path, Some(&change)).await.expect(200);
        assert!(user.get("password").is_none() && user.get("hashed_password").is_none());
        for session in &sessions {
            session.get(ME).await.expect_problem(401, "invalid_token");
        }
        until(&other, ME, 401).await;
        world.try_login(&ada.email, current).await.expect_problem(400, "invalid_grant");
        world.login(&ada.email, password).await.get(ME).await.expect(200);
        current = password;
    }
    // So does another e-mail; other changes do not end sessions.
    let session = world.login(&ada.email, "fourth").await;
    session.patch(ME, &json!({"full_name": "Countess", "email": ada.email})).await.expect(200);
    session.get(ME).await.expect(200);
    let change = json!({"email": "countess@example.com", "current_password": "fourth"});
    session.patch(ME, &change).await.expect(200);
    session.get(ME).await.expect_problem(401, "invalid_token");
    world.login("countess@example.com", "fourth").await.get(ME).await.expect(200);
}

/// A token alone does not prove who the caller is.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_alone_changes_neither_email_nor_password() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let ways = [(&ada.client, ME.to_owned()), (&admin, ME.to_owned()), (&admin, "/api/v1/users/1".to_owned())];
    for (client, path) in &ways {
        for method in ["PUT", "PATCH"] {
            for change in [
                json!({"email": "thief@example.com"}),
                json!({"password": "stolen one"}),
                json!({"email": "ADA@example.com", "password": "stolen one", "full_name": "Thief"}),
            ] {
                let answer = ask(client, method, path, Some(&change)).await;
                answer.expect_problem(403, "current_password_required");
            }
            // What older clients send: the name, or the whole user with the same e-mail.
            let user = client.get(path).await.expect(200);
            let whole = json!({"email": user["email"], "full_name": method});
            assert_eq!(ask(client, method, path, Some(&whole)).await.expect(200)["full_name"], method);
        }
        client.get(ME).await.expect(200);
    }
    world.login(&ada.email, PASSWORD).await.get(ME).await.expect(200);
    // A superuser needs no password of another user, and the own one for the own account.
    let path = format!("/api/v1/users/{}", ada.id);
    admin.patch(&path, &json!({"email": "lady@example.com", "password": "another one"})).await.expect(200);
    world.login("lady@example.com", "another one").await;
    let change = json!({"password": "a better one", "current_password": "wrong"});
    admin.patch("/api/v1/users/1", &change).await.expect_problem(403, "wrong_password");
    admin.patch("/api/v1/users/1", &json!({"password": "a better one", "current_password": "admin"})).await.expect(200);
    world.login("admin@example.com", "a better one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_current_password_changes_nothing() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    for method in ["PUT", "PATCH"] {
        for wrong in ["wrong", "", &"p".repeat(1024)] {
            let change = json!({"password": "another one", "full_name": "Changed", "current_password": wrong});
            ask(&ada.client, method, ME, Some(&change)).await.expect_problem(403, "wrong_password");
        }
        let change = json!({"full_name": method, "current_password": PASSWORD});
        assert_eq!(ask(&ada.client, method, ME, Some(&change)).await.expect(200)["full_name"], method);
    }
    // The session goes on, and the password is the old one.
    ada.client.get(ME).await.expect(200);
    let change = json!({"password": "another one", "current_password": PASSWORD});
    world.login(&ada.email, PASSWORD).await.put(ME, &change).await.expect(200);
    world.login(&ada.email, "another one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_this_session_only_and_everywhere() {
    let world = World::new().await;
    let elsewhere = serve(&world.database, &[]);
    let ada = world.person("ada").await;
    let second = world.login(&ada.email, PASSWORD).await;
    let other = elsewhere.client().with_token(ada.token());
    other.get(ME).await.expect(200);
    for path in ["/api/v1/auth/logout", "/api/v1/auth/logout/"] {
        let session = world.login(&ada.email, PASSWORD).await;
        session.get(ME).await.expect(200);
        let answer = session.post_empty(path).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::NO_CONTENT, ""));
        session.get(ME).await.expect_problem(401, "invalid_token");
        session.post_empty(path).await.expect_problem(401, "invalid_token");
    }
    ada.client.get(ME).await.expect(200);
    ada.client.post_empty("/api/v1/auth/logout").await.expect(204);
    until(&other, ME, 401).await;
    second.get(ME).await.expect(200);
    world.login(&ada.email, PASSWORD).await.get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_superuser_stays() {
    let world = World::new().await;
    let admin = world.admin().await;
    let attempts = [
        ("DELETE", None),
        ("PUT", Some(json!({"is_superuser": false}))),
        ("PATCH", Some(json!({"is_superuser": false, "full_name": "Nobody"}))),
        ("PUT", Some(json!({"is_active": false}))),
        ("PATCH", Some(json!({"is_active": false, "is_superuser": true}))),
    ];
    let before = admin.get(ME).await.expect(200);
    for (method, body) in &attempts {
        ask(&admin, method, "/api/v1/users/1", body.as_ref()).await.expect_problem(409, "last_superuser");
    }
    // An inactive superuser has no rights, so it does not count.
    let second = json!({"email": "root@test.local", "password": PASSWORD, "is_superuser": true, "is_active": false});
    let second = admin.post("/api/v1/users", &second).await.expect(201);
    let path = format!("/api/v1/users/{}", second["id"]);
    for (method, body) in &attempts {
        ask(&admin, method, "/api/v1/users/1", body.as_ref()).await.expect_problem(409, "last_superuser");
    }
    assert_eq!(admin.get(ME).await.expect(200), before);
    // Nor does it need to stay.
    admin.put(&path, &json!({"is_superuser": false})).await.expect(200);
    admin.put(&path, &json!({"is_superuser": true, "is_active": true})).await.expect(200);
    admin.delete("/api/v1/users/1").await.expect(200);
    let root = world.login("root@test.local", PASSWORD).await;
    root.delete(&path).await.expect_problem(409, "last_superuser");
}

#[tokio::test(flavor = "multi_thread")]
async fn superusers_who_depose_each_other_do_not_both_succeed() {
    let world = World::new().await;
    let admin = world.admin().await;
    for round in 0..5 {
        let account = json!({"email": format!("root{round}@test.local"), "password": PASSWORD, "is_superuser": true});
        let other = admin.post("/api/v1/users", &account).await.expect(201);
        let rival = world.login(&format!("root{round}@test.local"), PASSWORD).await;
        let path = format!("/api/v1/users/{}", other["id"]);
        let demote = json!({"is_superuser": false});
        let (first, second) = tokio::join!(admin.patch(&path, &demote), rival.patch("/api/v1/users/1", &demote));
        let statuses = [first.status.as_u16(), second.status.as_u16()];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{} {}", first.text, second.text);
        // The first to lose the rights may be rejected as unprivileged instead.
        assert!(statuses.iter().all(|status| [200, 403, 409].contains(status)), "{statuses:?}");
        if first.status != StatusCode::OK {
            rival.patch("/api/v1/users/1", &json!({"is_superuser": true})).await.expect(200);
            admin.patch(&path, &demote).await.expect(200);
        }
    }
}
