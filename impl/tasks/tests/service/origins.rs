//! Cross-origin requests: listed origins are allowed, others can read nothing.

use http::Method;
use testkit::Answer;

use crate::world::{ME, World};

async fn from(world: &World, method: Method, origin: &str, preflight: bool) -> Answer {
    let mut request = world.nobody.request(method, ME).header("origin", origin);
    if preflight {
        request = request
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization, content-type");
    }
    world.nobody.send(request).await
}

const FOREIGN: [&str; 8] = [
    "https://evil.example",
    "http://app.example",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "https://app.example:8443",
    "null",
    "",
    "https://app.example/",
];

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_origins_are_answered() {
    let world = World::with(&["--backend-cors-origins", r#"["https://app.example", "http://localhost:3000"]"#]).await;
    for origin in ["https://app.example", "http://localhost:3000"] {
        let preflight = from(&world, Method::OPTIONS, origin, true).await;
        assert!(preflight.status.is_success(), "{}", preflight.text);
        assert_eq!(preflight.header("access-control-allow-origin"), origin);
        assert!(preflight.header("access-control-allow-methods").contains("PUT"));
        assert_eq!(preflight.header("access-control-allow-headers"), "authorization, content-type");
        // The page can read an error response as well.
        let refused = from(&world, Method::GET, origin, false).await.expect_problem(401, "missing_token");
        assert_eq!(refused.header("access-control-allow-origin"), origin);
        assert!(refused.header("vary").contains("origin"));
        assert!(refused.header("access-control-expose-headers").contains("etag"));
    }
    for origin in FOREIGN {
        for (method, preflight) in [(Method::OPTIONS, true), (Method::GET, false), (Method::PUT, false)] {
            let answer = from(&world, method, origin, preflight).await;
            assert!(!answer.status.is_server_error());
            let told = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(told, None, "{origin}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_no_origin_is_answered() {
    let world = World::new().await;
    for origin in FOREIGN.into_iter().chain(["http://localhost:3000"]) {
        let answer = from(&world, Method::OPTIONS, origin, true).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_origin_means_without_credentials() {
    let world = World::with(&["--backend-cors-origins", "*"]).await;
    let answer = from(&world, Method::GET, "https://evil.example", false).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
}
