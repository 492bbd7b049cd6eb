//! Swagger UI from files inside the program, and the document it shows.
//!
//! All links of the page are relative, so it works behind a gateway that strips a prefix. The document names the prefix, which
//! only the gateway knows, as its server.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use utoipa_swagger_ui::Config;

/// Swagger UI uses inline styles and images as `data:` URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
);

/// The page; `{base}` is the folder of its files, relative to the page's address.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<base href="{base}">
<link rel="icon" type="image/png" href="favicon-32x32.png">
<link rel="stylesheet" href="swagger-ui.css">
<link rel="stylesheet" href="index.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</body>
</html>
"#;

const START: &str = r##"const url = new URL("../openapi.json", document.baseURI);
const prefix = url.pathname.replace("/openapi.json", "");

// A gateway that strips a prefix silently leaves the document at "/"; the page knows better, from its own address.
function below(document) {
  if (prefix && document.servers[0].url === "/") {
    document.servers[0].url = prefix;
    for (const { flows = {} } of Object.values(document.components.securitySchemes ?? {})) {
      for (const flow of Object.values(flows)) flow.tokenUrl = prefix + flow.tokenUrl;
    }
  }
  return document;
}

// What earlier versions of this page have kept there.
localStorage.removeItem("authorized");

window.ui = SwaggerUIBundle({
  url: url.href,
  responseInterceptor: (response) => {
    if (response.url === url.href) response.text = JSON.stringify(below(JSON.parse(response.text)));
    return response;
  },
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayOperationId: true,
  displayRequestDuration: true,
  // What is typed into the dialog, a password among it, is gone with the page.
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
"##;

/// The document of one service, as text.
pub(crate) struct Docs {
    document: &'static str,
    title: String,
    /// Without operations Swagger UI has nothing to show.
    is_empty: bool,
    config: Arc<Config<'static>>,
}

impl Docs {
    pub(crate) fn new(document: &'static str, service: &str) -> Self {
        let title = service.replace(['<', '>', '&'], " ");
        let parsed: serde_json::Value = serde_json::from_str(document).unwrap_or_default();
        let is_empty = parsed["paths"].as_object().is_some_and(serde_json::Map::is_empty);
        Self { document, title, is_empty, config: Arc::new(Config::from("../openapi.json")) }
    }

    /// Redirects `/` to the page, with a relative address.
    pub(crate) fn redirect() -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("./docs"));
        response
    }

    /// The page; `slashed` when its address ends in a slash.
    pub(crate) fn page(&self, slashed: bool) -> Response {
        if self.is_empty {
            let (up, sentence) =
                (if slashed { "../" } else { "./" }, "It has no operations: nobody sends it requests.");
            let more = format!(
                "<p><a href=\"{up}health\">Health</a> <a href=\"{up}health/ready\">Readiness</a> \
                 <a href=\"{up}metrics\">Metrics</a></p>"
            );
            return file("text/html; charset=utf-8", super::page::page(&self.title, sentence, &more));
        }
        let base = if slashed { "./" } else { "./docs/" };
        file("text/html; charset=utf-8", PAGE.replace("{base}", base).replace("{title}", &self.title))
    }

    /// A file of the page.
    pub(crate) fn file(&self, name: &str) -> Option<Response> {
        if name == "start.js" {
            return Some(file("text/javascript", START));
        }
        // Only files that the page uses: the crate has more, and an index of its own.
        let known = ["swagger-ui.css", "index.css", "swagger-ui-bundle.js", "favicon-32x32.png"];
        let name = known.into_iter().find(|known| *known == name)?;
        let found = utoipa_swagger_ui::serve(name, Arc::clone(&self.config)).ok().flatten()?;
        let mut response = Response::new(match found.bytes {
            // Not copied: a slow reader would hold a megabyte and a half.
            Cow::Borrowed(bytes) => Body::from(Bytes::from_static(bytes)),
            Cow::Owned(bytes) => Body::from(bytes),
        });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::try_from(found.content_type).ok()?);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        Some(response)
    }

    /// The document, with its server and token URLs below the prefix that the gateway stripped.
    pub(crate) fn document(&self, headers: &HeaderMap) -> Response {
        let mut response = match prefix(headers) {
            None => Response::new(Body::from(self.document)),
            Some(prefix) => Response::new(Body::from(below(self.document, prefix))),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

fn file(kind: &'static str, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// The prefix that a gateway stripped, if it sent a plain path: it is repeated in the response.
fn prefix(headers: &HeaderMap) -> Option<&str> {
    let prefix = headers.get("x-forwarded-prefix")?.to_str().ok()?.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    let sane = prefix.starts_with('/') && !prefix.starts_with("//") && prefix.len() <= 64 && prefix.bytes().all(plain);
    sane.then_some(prefix)
}

/// The document as text with its absolute paths moved below a prefix. Parsing it would lose the order of its keys, in which
/// the page shows it.
fn below(document: &str, prefix: &str) -> String {
    let mut moved = String::with_capacity(document.len() + 64);
    let (before, rest) = document.split_once("\"paths\"").unwrap_or(("", document));
    // The first "url" after "servers" and before the paths is the only server of a document.
    match before.split_once("\"servers\"") {
        Some((head, servers)) => {
            moved.push_str(head);
            moved.push_str("\"servers\"");
            moved.push_str(&servers.replacen("\"url\": \"/\"", &format!("\"url\": \"{prefix}\""), 1));
        }
        None => moved.push_str(before),
    }
    if rest.len() != document.len() {
        moved.push_str("\"paths\"");
    }
    moved.push_str(&rest.replace("\"tokenUrl\": \"/", &format!("\"tokenUrl\": \"{prefix}/")));
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{
  "info": {"contact": {"url": "/"}},
  "servers": [
    {"url": "/", "description": "here"}
  ],
  "paths": {"/api": {"get": {"description": "\"url\": \"/\""}}},
  "components": {"securitySchemes": {"oauth2": {"flows": {"password": {"tokenUrl": "/api/login"}}}}}
}"#;

    #[test]
    fn only_addresses_move_below_the_prefix() {
        let moved: serde_json::Value = serde_json::from_str(&below(DOCUMENT, "/p1")).expect("still JSON");
        assert_eq!(moved["servers"][0]["url"], "/p1");
        assert_eq!(moved["info"]["contact"]["url"], "/");
        assert_eq!(moved["components"]["securitySchemes"]["oauth2"]["flows"]["password"]["tokenUrl"], "/p1/api/login");
        assert!(moved["paths"].get("/api").is_some());
        assert_eq!(moved["paths"]["/api"]["get"]["description"], "\"url\": \"/\"");
    }

    #[test]
    fn a_prefix_is_a_plain_path() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-prefix", HeaderValue::from_str(value).expect("header"));
            headers
        };
        assert_eq!(prefix(&with("/p1/")), Some("/p1"));
        for bad in
            ["p1", "//evil.example", "/", "/a\"b", "/a b", "http://evil.example", &format!("/{}", "a".repeat(80))]
        {
            assert_eq!(prefix(&with(bad)), None, "{bad}");
        }
    }
}
