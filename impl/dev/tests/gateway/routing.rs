//! Which requests reach a service: those that the documents declare, no others.

use std::collections::HashMap;

use http::Method;
use serde_json::Value;
use services::SERVICES;
use testkit::documents::{filled, operation};

use crate::documents::{all, paths};
use crate::system::{Gateway, Stores, served};

/// Parameters that no operation takes, so that nothing is done and nothing lasts long.
const NOTHING: &str = "?rows=0&seconds=0&limit=0";

#[tokio::test(flavor = "multi_thread")]
async fn every_declared_operation_reaches_its_service_and_nothing_else_does() {
    let (_stores, services, gateway, client) = served(&[]).await;
    let (mut expected, mut asked) = (HashMap::new(), 0);
    for (prefix, _, document) in all() {
        for (path, declared) in paths(&document) {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
                for slash in ["", "/"] {
                    asked += 1;
                    let id = format!("ask-{asked}");
                    let path = format!("/{prefix}{}{slash}{NOTHING}", filled(&path));
                    let request = client.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
                    let answer = client.send(request.header("x-request-id", &id)).await;
                    let passes = declared.contains(&method);
                    if !passes {
                        assert_eq!(answer.header("allow"), declared.join(", "), "{method} {path}");
                        match method {
                            "HEAD" => assert_eq!(answer.status, 405),
                            _ => drop(answer.expect_problem(405, "method_not_allowed")),
                        }
                    }
                    expected.insert(id, passes);
                }
            }
        }
        for path in ["/", "", "/nothing", "/api", "/api/v1", "/docs/a/b", "/health/live", "/metrics/x", "//health"] {
            let undeclared = !["/", ""].contains(&path);
            let id = format!("not-{prefix}-{}", expected.len());
            let request = client.request(Method::GET, &format!("/{prefix}{path}")).header("x-request-id", &id);
            let answer = client.send(request).await;
            if undeclared {
                answer.expect_problem(404, "not_found");
            } else {
                assert_eq!((answer.status.as_u16(), answer.header("location")), (307, &*format!("/{prefix}/docs")));
            }
            expected.insert(id, false);
        }
    }
    // Names the gateway uses inside are no addresses.
    let Some((prefix, _, document)) = all().next() else { return };
    let path = paths(&document).into_keys().next().expect("it has an operation");
    let percents: String = prefix.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for path in [
        format!("/operation/{prefix}/list_tasks"),
        "/problem/404".to_owned(),
        format!("/{}/health", prefix.to_uppercase()),
        format!("/{prefix}{}", filled(&path).to_uppercase()),
        "/nobody/health".to_owned(),
        format!("/{percents}/health"),
    ] {
        client.get(&path).await.expect_problem(404, "not_found");
    }
    for (id, passes) in &expected {
        assert_eq!(services.saw(id), *passes, "{id}");
    }
    let log = gateway.stop();
    for (id, passes) in expected {
        let line = log.iter().find(|line| line["request_id"] == *id).expect("every request is in the log");
        let passed = ["upstream.address", "upstream.status_code"].map(|field| !line[field].is_null());
        assert_eq!(passed, [passes, passes], "{line}");
        let operation = line["operation"].as_str().is_some_and(|operation| !operation.ends_with("/service-root"));
        assert_eq!(operation, passes, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_service_has_answers_below_its_prefix() {
    let (_stores, _services, _gateway, client) = served(&[]).await;
    for (prefix, name, _) in all() {
        assert_eq!(client.get(&format!("/{prefix}/health")).await.expect(200)["service"], name);
        let page = client.get(&format!("/{prefix}/docs")).await;
        assert!(
            page.header("content-type").starts_with("text/html") && page.text.contains("swagger-ui"),
            "{}",
            page.text
        );
        for file in ["swagger-ui.css", "index.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png"] {
            let file = format!("/{prefix}/docs/{file}");
            let answer = client.request(Method::GET, &file).send().await.expect("it answers");
            assert_eq!(answer.status(), 200, "{file}");
        }
        let document = client.get(&format!("/{prefix}/openapi.json")).await.expect(200);
        // Documents that were written elsewhere have addresses relative to their own.
        let url = document["servers"][0]["url"].as_str().expect("a server");
        assert!(url == format!("/{prefix}") || url.starts_with('.'), "{url}");
    }
    let index = client.get("/").await;
    assert!(index.header("content-type").starts_with("text/html"));
    let links = all().flat_map(|(prefix, ..)| [format!("/{prefix}/docs"), format!("/{prefix}/health")]);
    for link in links.chain(["/health".to_owned()]) {
        assert!(index.text.contains(&format!("href=\"{link}\"")), "{link} is not linked");
    }
    assert_eq!(client.get("/health").await.expect(200)["service"], "gateway");
    client.post("/health", &Value::Null).await.expect_problem(405, "method_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_reaches_the_service() {
    let (_stores, services, _gateway, client) = served(&[]).await;
    let Some(signup) = operation("signup") else { return };
    let request = client.request(Method::OPTIONS, &signup.at_gateway()).header("origin", "https://shop.example");
    let request = request.header("access-control-request-method", "POST").header("x-request-id", "preflight-1");
    assert_eq!(client.send(request).await.status, 204);
    assert!(services.saw("preflight-1"));
}

/// Clients on this machine may see them, so the others are played by another of its addresses.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn measurements_and_readiness_are_for_insiders() {
    let stores = Stores::new().await;
    let services = stores.services().await;
    let closed = Gateway::before(&[&services], &[]).await;
    let open = Gateway::before(&[&services], &["--internal-networks", "127.0.0.2/32"]).await;
    let http = reqwest::Client::builder().local_address(Some([127, 0, 0, 2].into())).build().expect("a client");
    let paths = all().flat_map(|(prefix, ..)| {
        ["metrics", "metrics/", "health/ready", "health/ready/"].map(|path| format!("/{prefix}/{path}"))
    });
    for path in paths {
        let status = async |url: String| http.get(url + &path).send().await.expect("it answers").status().as_u16();
        assert_eq!(status(closed.url()).await, 404, "{path}");
        assert_eq!(status(open.url()).await, 200, "{path}");
        assert_eq!(closed.client().get(&path).await.status, 200, "{path} from this machine");
    }
    assert!(
        closed.stop().iter().all(|line| line["client.address"] != "127.0.0.2" || line["upstream.address"].is_null())
    );
}

/// With the passwords of the services' roles nobody needs the owner of the database, also where one process is all services.
#[tokio::test(flavor = "multi_thread")]
async fn one_process_with_every_role_logs_in_as_each_of_them() {
    const OWNERS: &str = "SELECT count(*) FILTER (WHERE usename = current_user), count(DISTINCT usename) \
         FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let stores = Stores::new().await;
    let _services = stores.services().await;
    let mut owner = stores.database.connect().await;
    let (owners, logins): (i64, i64) = sqlx::query_as(OWNERS).fetch_one(&mut owner).await.expect("the sessions");
    let each = i64::try_from(SERVICES.len()).expect("a few");
    let expected = if stores.database.role_passwords().is_empty() { (true, 1) } else { (false, each) };
    assert_eq!((owners > 0, logins), expected);
}
