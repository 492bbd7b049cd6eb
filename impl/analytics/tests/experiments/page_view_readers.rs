//! Readers of rankings: many at once cost the database next to nothing, and a failure of Redis has no effect.

use std::time::{Duration, Instant};

use backends::Server;
use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

use testkit::process::Process;
use testkit::system::{Plan, System};

const READERS: usize = 1_000;
/// No cached ranking is recomputed when it is younger; none is returned when it is older than a second.
const YOUNGEST: Duration = Duration::from_millis(300);
const OLDEST: Duration = Duration::from_secs(1);

async fn post(http: &Client, api: &Process, path: &str) {
    let request = http.post(format!("{}/api/p3/page-views", api.url())).json(&json!({"path": path}));
    assert_eq!(request.send().await.expect("an answer").status(), 201);
}

async fn ask(http: &Client, api: &Process, which: &str) -> Value {
    let answer = http.get(format!("{}/api/p3/analytics/top-paths/{which}", api.url())).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_read_when_a_ranking_is_too_old_are_two_statements_at_most() {
    let system = System::start(&Plan { ..Plan::new("page-view-readers") }).await;
    // Its log contains its statements; and all readers may send at once, however long that takes.
    let settings = [("RUST_LOG", "info,access=warn,sqlx::query=debug"), ("HTTP_CONCURRENCY", "4096")];
    let mut api = system.process("analytics", "analytics-1", &settings);
    api.start();
    api.ready().await;
    let http = Client::new();
    for n in 0..30 {
        post(&http, &api, &format!("/{}", n % 4)).await;
    }
    let expected = ask(&http, &api, "slow").await;
    // Connections are open when it counts.
    let health = format!("{}/health", api.url());
    join_all((0..READERS).map(|_| http.get(&health).send())).await;
    for _ in 0..3 {
        sleep(OLDEST + Duration::from_millis(300)).await;
        let statements = || api.log().matches("top_paths(").count();
        let (before, begun) = (statements(), Instant::now());
        let answers = join_all((0..READERS).map(|_| ask(&http, &api, "optimized"))).await;
        assert!(answers.iter().all(|answer| *answer == expected), "{expected}");
        let took = begun.elapsed();
        let asked = statements() - before;
        // On a slow machine the readers take so long that the ranking becomes too old again.
        let most = 2 + usize::try_from(took.as_millis() / YOUNGEST.as_millis()).expect("it is short");
        assert!((1..=most).contains(&asked), "{asked} statements for {READERS} readers in {took:?}");
    }
    assert_eq!(api.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_the_same_when_redis_is_away() {
    let mut system = System::start(&Plan { ..Plan::new("page-view-redis") }).await;
    let mut apis = ["analytics-1", "analytics-2"].map(|name| system.process("analytics", name, &[]));
    for api in &mut apis {
        api.start();
        api.ready().await;
    }
    let http = Client::new();
    for away in [false, true, false] {
        if away {
            system.pause(Server::Redis);
        }
        for n in 0..20 {
            post(&http, &apis[n % 2], &format!("/{}", n % 3)).await;
            // A view that was acknowledged is counted in the process that stored it.
            assert_eq!(ask(&http, &apis[n % 2], "optimized").await, ask(&http, &apis[n % 2], "slow").await);
        }
        sleep(OLDEST + Duration::from_millis(100)).await;
        let counts = join_all(apis.iter().map(|api| ask(&http, api, "optimized"))).await;
        let total: i64 = counts[0].as_array().expect("a ranking").iter().filter_map(|row| row["count"].as_i64()).sum();
        assert_eq!((&counts[0], total), (&counts[1], system.number("SELECT count(*) FROM page_views").await));
        if away {
            system.resume(Server::Redis);
        }
    }
    for api in &mut apis {
        assert_eq!(api.stop().await.code(), Some(0));
    }
}
