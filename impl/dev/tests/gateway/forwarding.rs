//! What a service gets to know of the client, and the client of the service's addresses.

use std::time::Duration;

use http::Method;
use serde_json::json;
use testkit::documents::{Place, is_served, operation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::system::{Gateway, served};

/// The head of a request as a service behind the gateway gets it.
async fn sent(to: &Place, headers: &[(&str, &str)]) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = socket.local_addr().expect("an address").to_string();
    let gateway = Gateway::start(|_| address.clone(), &[]).await;
    let service = tokio::spawn(async move {
        let (mut client, _) = socket.accept().await.expect("the gateway comes");
        let mut head = vec![0; 16 * 1024];
        let count = client.read(&mut head).await.expect("a request");
        client.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("it takes the answer");
        String::from_utf8_lossy(&head[..count]).to_lowercase()
    });
    let client = gateway.client();
    let request = client.request(Method::POST, &format!("{}?a=%2F%20b", to.at_gateway()));
    let answer =
        client.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await;
    assert_eq!(answer.status, 204);
    service.await.expect("it was asked")
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_replaced() {
    let Some(place) = operation("signup") else { return };
    let forged = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "7.7.7.7"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "666"),
        ("x-forwarded-prefix", "/evil"),
        ("x-request-id", "not sane; drop it"),
        ("x-client-certificate-subject", "cn=evil"),
    ];
    let head = sent(&place, &forged).await;
    assert!(head.starts_with(&format!("post {}?a=%2f%20b http/1.1\r\n", place.path)), "{head}");
    for told in [
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-real-ip: 127.0.0.1\r\n",
        "x-forwarded-proto: http\r\n",
        &format!("x-forwarded-prefix: /{}\r\n", place.prefix),
    ] {
        assert_eq!(head.matches(told.split(' ').next().unwrap()).count(), 1, "{head}");
        assert!(head.contains(told), "{head}");
    }
    for gone in ["6.6.6.6", "7.7.7.7", "forwarded: for", "gopher", "evil", ": 666\r", "not sane", "connection: close"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert!(sent(&place, &[("x-request-id", "Mine_1-2")]).await.contains("x-request-id: mine_1-2\r\n"));
}

#[tokio::test]
async fn the_subject_of_a_verified_client_certificate_is_told() {
    let Some(place) = operation("signup") else { return };
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = socket.local_addr().expect("an address").to_string();
    let fixture = |name| format!("{}/tests/gateway/{name}", env!("CARGO_MANIFEST_DIR"));
    let (certificate, key) = (fixture("localhost.crt"), fixture("localhost.key"));
    let settings = ["--tls-certificate", &certificate, "--tls-key", &key, "--tls-client-ca", &certificate];
    let gateway = Gateway::start(|_| address.clone(), &settings).await;
    let url = format!("https://{}{}", gateway.address, place.at_gateway());
    for (with, told) in [(&["--cert", &certificate, "--key", &key][..], true), (&[], false)] {
        let mut curl = tokio::process::Command::new("curl");
        curl.args(["--silent", "--request", "POST", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"]);
        curl.args(["--max-time", "60", "--cacert", &certificate, "--header"]);
        let mut asked = curl.arg("X-Client-Certificate-Subject: CN=forged").args(with).arg(&url).spawn().expect("curl");
        let came = tokio::time::timeout(Duration::from_secs(60), socket.accept()).await.expect("the gateway comes");
        let (mut client, _) = came.expect("a connection");
        let mut head = vec![0; 16 * 1024];
        let count = client.read(&mut head).await.expect("a request");
        client.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.expect("a response");
        assert!(asked.wait().await.expect("curl ends").success());
        let head = String::from_utf8_lossy(&head[..count]).to_lowercase();
        let subject = head.lines().find_map(|line| line.strip_prefix("x-client-certificate-subject: "));
        assert_eq!(subject.is_some_and(|subject| subject.contains("cn=")), told, "{head}");
        assert!(!head.contains("forged"), "{head}");
    }
}

/// A visitor who does not say who he is goes by his address.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_address_makes_no_other_client() {
    if !is_served("analytics") {
        return;
    }
    let (stores, _services, gateway, client) = served(&[]).await;
    for (n, forged) in ["", "6.6.6.6", "7.7.7.7, 8.8.8.8"].iter().enumerate() {
        let request = client.request(Method::POST, "/p3/api/p3/page-views").json(&json!({"path": format!("/{n}")}));
        client.send(request.header("x-forwarded-for", *forged)).await.expect(201);
    }
    let visitors = "SELECT count(DISTINCT visitor), count(visitor) FROM page_views";
    let mut db = stores.database.connect().await;
    let counts = async |db: &mut sqlx::PgConnection| {
        sqlx::query_as::<_, (i64, i64)>(visitors).fetch_one(db).await.expect("a row")
    };
    assert_eq!(counts(&mut db).await, (1, 3));
    if cfg!(target_os = "linux") {
        let other = reqwest::Client::builder().local_address(Some([127, 0, 0, 2].into())).build().expect("a client");
        let view = other.post(gateway.url() + "/p3/api/p3/page-views").json(&json!({"path": "/other"}));
        assert_eq!(view.send().await.expect("it answers").status(), 201);
        assert_eq!(counts(&mut db).await, (2, 4));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_answers_lead_through_the_gateway() {
    if !is_served("tasks") {
        return;
    }
    let (_stores, _services, gateway, _) = served(&[]).await;
    let user = gateway.client().login("/p1/api/v1/auth/login/access-token", "user@example.com", "user").await;
    let project = json!({"title": "Through the gateway", "description": "long ".repeat(400)});
    let made = user.post("/p1/api/v1/projects", &project).await;
    let location = made.header("location").to_owned();
    assert_eq!(location, format!("/p1/api/v1/projects/{}", made.clone().expect(201)["id"]));
    let found = user.get(&location).await;
    assert_eq!(found.json["title"], "Through the gateway");

    // Compressed, its tag would be a weak one, and no condition of a change.
    let request = user.request(Method::GET, &location).header("accept-encoding", "gzip");
    let tag = user.send(request).await.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    let change = user.request(Method::PATCH, &location).header("content-type", "application/merge-patch+json");
    let change = change.header("if-match", &tag).body(r#"{"title": "Changed through the gateway"}"#);
    assert_eq!(user.send(change).await.expect(200)["title"], "Changed through the gateway");

    // The link repeats the query, however long.
    let page = user.get(&format!("/p1/api/v1/projects?limit=1&_={}", "a".repeat(7_000))).await;
    let link = page.header("link").split(['<', '>']).nth(1).expect("a second page").to_owned();
    let base = reqwest::Url::parse(&(gateway.url() + "/p1/api/v1/projects?limit=1")).expect("a URL");
    let next = base.join(&link).expect("a reference");
    assert_eq!(next.path(), "/p1/api/v1/projects");
    let next = user.get(next.as_str().strip_prefix(&gateway.url()).expect("the same server")).await;
    assert_ne!(next.expect(200), page.expect(200));
}
