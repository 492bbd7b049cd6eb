//! Responses cached by the gateway: the same as the service's, and never older than what the client has seen.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use backends::{Nginx, Source};
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::documents::is_served;
use testkit::{Answer, Client};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::system::{Gateway, served};

const RANKING: &str = "/p3/api/p3/analytics/top-paths/optimized";
const VIEWS: &str = "/p3/api/p3/page-views";

/// The number of views of the only path.
async fn count(client: &Client, question: &str) -> i64 {
    client.get(question).await.expect(200)[0]["count"].as_i64().unwrap_or(0)
}

async fn view(client: &Client, path: &str) {
    client.post(path, &json!({"path": "/viewed", "user_id": 1})).await.expect(201);
}

/// Right after a change nothing is cached.
async fn settle() {
    sleep(Duration::from_millis(300)).await;
}

/// For each request of an operation in a gateway's log, whether it reached a service, which it does not for a cached response.
fn asked(log: &[Value], operation: &str) -> Vec<bool> {
    log.iter().filter(|line| line["operation"] == operation).map(|line| !line["upstream.address"].is_null()).collect()
}

/// Header fields that are the same for every response to one request.
fn headers(answer: &Answer) -> Vec<(String, String)> {
    let constant = |name: &&http::HeaderName| !["date", "x-request-id"].contains(&name.as_str());
    let mut all: Vec<_> = answer.headers.keys().filter(constant).map(ToString::to_string).collect();
    all.sort();
    all.into_iter().map(|name| (name.clone(), answer.header(&name).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_the_one_the_service_gave() {
    if !is_served("analytics") {
        return;
    }
    let (_stores, _services, gateway, client) = served(&[]).await;
    for path in ["/\u{fc}\u{20ac}\u{1f600}", "/\"quoted\"\\", "/ "] {
        client.post(VIEWS, &json!({"path": path})).await.expect(201);
    }
    client.post("/p3/api/p3/analytics/seed?rows=2000&unique_paths=400", &json!(null)).await;
    settle().await;
    for question in ["?limit=5", "?limit=100", "/", ""] {
        let question = format!("{RANKING}{question}");
        let all: Vec<_> = join_all((0..20).map(|_| client.get(&question))).await;
        for answer in &all {
            assert_eq!(answer.status, 200);
            assert_eq!((&answer.json, headers(answer)), (&all[0].json, headers(&all[0])), "{question}");
        }
        let again = client.get(&question).await;
        assert_eq!((&again.json, headers(&again)), (&all[0].json, headers(&all[0])), "{question}");
        let named = client.request(Method::GET, &question).header("x-request-id", "mine");
        assert_eq!(client.send(named).await.header("x-request-id"), "mine");
    }
    let log = gateway.stop();
    let asked = asked(&log, "p3/get_top_paths");
    assert_eq!(asked.len(), 4 * 22);
    assert!(asked.iter().any(|asked| !asked), "none was kept");
    let methods: Vec<_> = log.iter().map(|line| &line["http.request.method"]).collect();
    assert!(methods.iter().all(|method| *method == "GET" || *method == "POST"), "{methods:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_is_in_the_next_answer() {
    if !is_served("analytics") {
        return;
    }
    // No cached response expires meanwhile.
    const ALL: &str = "/p3/api/p3/analytics/top-paths/optimized?start=2000-01-01T00:00:00Z";
    let (_stores, _services, gateway, _) = served(&["--workers", "3"]).await;
    // Others ask all the time, so that there always is something kept.
    let (mut others, end) = (JoinSet::new(), CancellationToken::new());
    for _ in 0..4 {
        let (client, end) = (gateway.client(), end.clone());
        others.spawn(async move {
            while !end.is_cancelled() {
                count(&client, ALL).await;
            }
            count(&client, ALL).await
        });
    }
    let client = gateway.client();
    for n in 1..=100 {
        if n % 2 == 0 {
            view(&client, VIEWS).await;
        } else {
            client.post("/p3/api/p3/page-views/batch", &json!([{"path": "/viewed", "user_id": 1}])).await.expect(201);
        }
        assert_eq!(count(&client, ALL).await, n);
    }
    let seeded = client.post("/p3/api/p3/analytics/seed?rows=5000&unique_paths=1", &json!(null)).await;
    // On a busy machine it takes longer than a response may.
    assert!([200, 202].contains(&seeded.status.as_u16()), "{}", seeded.text);
    let done = async {
        while count(&client, ALL).await != 5_000 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), done).await.expect("all rows are counted");
    let admin = client.login("/p3/api/p3/auth/login/access-token", "admin@example.com", "admin").await;
    admin.delete("/p3/api/p3/users/1/page-views").await.expect(200);
    let paths = client.get(ALL).await.expect(200);
    assert_eq!(paths.as_array().map(Vec::len), Some(1), "{paths}");
    // Some of the generated views may have been of the same user.
    let left = paths[0]["count"].as_i64();
    end.cancel();
    while let Some(last) = others.join_next().await {
        assert_eq!(Some(last.expect("it asked")), left);
    }
    let asked = asked(&gateway.stop(), "p3/get_top_paths");
    let kept = asked.iter().filter(|asked| !**asked).count();
    assert!(kept > 0, "none of {} was kept", asked.len());
}

/// Through another gateway, for example, or directly at the service.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_elsewhere_is_seen_within_a_second() {
    if !is_served("analytics") {
        return;
    }
    let (_stores, services, _gateway, client) = served(&[]).await;
    let direct = Client::new(format!("http://{}", services.address("analytics")));
    for n in 1..=8 {
        // A response is cached.
        assert_eq!(count(&client, RANKING).await, n - 1);
        view(&direct, "/api/p3/page-views").await;
        let acknowledged = Instant::now();
        loop {
            let late = acknowledged.elapsed() >= Duration::from_secs(1);
            let found = count(&client, RANKING).await;
            assert!(found == n || (found == n - 1 && !late), "{found} views of {n}, late: {late}");
            if late {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    // A client that has seen the newer number gets no older one.
    for n in 9..=20 {
        assert_eq!(count(&client, RANKING).await, n - 1);
        view(&direct, "/api/p3/page-views").await;
        assert_eq!(count(&client, &RANKING.replace("optimized", "slow")).await, n);
        assert_eq!(count(&client, RANKING).await, n);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_plain_questions_are_answered_by_the_gateway() {
    if !is_served("analytics") {
        return;
    }
    let (_stores, services, gateway, client) = served(&[]).await;
    view(&client, VIEWS).await;
    settle().await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (method, header, value) in [
        (Method::GET, "origin", "http://localhost:3000"),
        (Method::GET, "traceparent", traceparent),
        (Method::GET, "content-length", "0"),
        (Method::HEAD, "accept", "*/*"),
        (Method::POST, "accept", "*/*"),
    ] {
        for n in 0..3 {
            let id = format!("{method}-{header}-{n}");
            let request = client.request(method.clone(), RANKING).header(header, value).header("x-request-id", &id);
            let status = client.send(request).await.status;
            assert_eq!(status.as_u16(), if method == Method::POST { 405 } else { 200 }, "{id}");
            assert_eq!(services.saw(&id), method != Method::POST, "{id}");
        }
    }
    for (path, status) in [("?limit=101", 422), ("/more", 404), ("%2Fmore", 404), ("/../optimized", 404)] {
        for _ in 0..3 {
            // An HTTP client would normalize the path.
            let answer = raw(&gateway, &format!("{RANKING}{path}")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        }
    }
    let encoded = raw(&gateway, &RANKING.replace("optimized", "optimi%7Aed")).await;
    assert!(encoded.starts_with("HTTP/1.1 404 "), "{encoded}");
}

/// The response to exactly this target.
async fn raw(gateway: &Gateway, target: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(gateway.address).await.expect("it listens");
    let request = format!("GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("it takes the request");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

/// As in many distributions.
#[tokio::test(flavor = "multi_thread")]
async fn an_nginx_without_scripts_asks_for_every_answer() {
    if !is_served("analytics") {
        return;
    }
    let wheels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/py");
    let nginx = match std::env::var_os("GATEWAY_NGINX") {
        Some(program) => program.into(),
        None => Nginx::find(Source::Auto, &wheels, |_| {}).expect("an nginx").program,
    };
    let dir = TempDir::new().expect("a folder");
    let other = dir.path().join("nginx");
    // Its `-V` lists no njs, and it rejects configurations with scripts.
    let script = format!(
        "#!/bin/sh\ncase $1 in -V) '{0}' -v; exit;; esac\ngrep -rlE '^ *(js_|load_module)' \"$4\" >&2 && exit 1\nexec '{0}' \"$@\"\n",
        nginx.display()
    );
    std::fs::write(&other, script).expect("it can be written");
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o755)).expect("it can be run");

    let (_stores, _services, gateway, client) = served(&["--nginx", other.to_str().expect("UTF-8")]).await;
    for n in 1..=5 {
        view(&client, VIEWS).await;
        assert_eq!(count(&client, RANKING).await, n);
        assert_eq!(count(&client, RANKING).await, n);
    }
    assert_eq!(asked(&gateway.stop(), "p3/get_top_paths"), [true; 10]);
}
