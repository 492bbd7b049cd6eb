//! A small HTTP client for tests: JSON in, JSON out, and assertions on problem documents.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// A client of one service, authenticated or not.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// A response that was read completely.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body as received.
    pub text: String,
    /// The body, if it is JSON.
    pub json: Value,
}

impl Client {
    /// An unauthenticated client of a base URL such as `http://127.0.0.1:8000`.
    ///
    /// # Panics
    /// When no HTTP client can be created.
    pub fn new(base: impl Into<String>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A service closes connections that are idle for five seconds, perhaps just when one is reused.
            .pool_idle_timeout(Duration::from_secs(3))
            // Reading those of the machine takes longer than all that a test does with the client, and nothing here has one.
            .tls_certs_only([])
            .build()
            .expect("an HTTP client can be made");
        Self { http, base: base.into(), token: None }
    }

    /// The same client with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Logs in as a user. `path` is that of the login operation.
    ///
    /// # Panics
    /// When the login fails.
    pub async fn login(&self, path: &str, email: &str, password: &str) -> Self {
        let answer = self.form(path, &[("username", email), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::OK, "login of {email}: {}", answer.text);
        self.with_token(answer.json["access_token"].as_str().expect("a token"))
    }

    /// Its token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// GET
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// DELETE
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// POST without a body.
    pub async fn post_empty(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// PATCH with a merge patch (RFC 7396).
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::PATCH, path).header("content-type", "application/merge-patch+json");
        self.send(request.body(body.to_string())).await
    }

    /// POST of a form.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path).form(fields)).await
    }

    /// A request to be completed by the test; see [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The same, but of a stream of events only the head is read.
    ///
    /// # Panics
    /// When there is no response.
    pub async fn begin(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the service answers");
        let is_stream = response.headers().get("content-type").is_some_and(|media| media == "text/event-stream");
        if is_stream {
            let (status, headers) = (response.status(), response.headers().clone());
            return Answer { status, headers, text: String::new(), json: Value::Null };
        }
        Answer::read(response).await
    }

    /// Sends a request and reads the response.
    ///
    /// # Panics
    /// When there is none.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("the service answers")).await
    }
}

impl Answer {
    async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer is complete");
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }

    /// Asserts the status, and returns the JSON.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json
    }

    /// Asserts a problem document (RFC 9457) with a status and code.
    ///
    /// # Panics
    /// When it is anything else.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(self.json["status"], status, "{}", self.text);
        assert_eq!(self.json["code"], code, "{}", self.text);
        assert!(self.json["title"].is_string() && self.json["type"].is_string(), "{}", self.text);
        self
    }

    /// Asserts a validation problem at a location: `#/name` is that field of the body, or the parameter of that name.
    ///
    /// # Panics
    /// When it is anything else.
    #[track_caller]
    pub fn expect_invalid(self, place: &str) -> Self {
        let answer = self.expect_problem(422, "validation_failed");
        let parameter = place.trim_start_matches("#/").split('/').next();
        let mut errors = answer.json["errors"].as_array().into_iter().flatten();
        let found = errors.any(|error| match error["in"].as_str() {
            Some("body") => error["pointer"] == place && error.get("parameter").is_none(),
            _ => error["parameter"].as_str() == parameter && error.get("pointer").is_none(),
        });
        assert!(found, "{place} is not among the errors: {}", answer.text);
        answer
    }

    /// The problem document without the fields that differ each time.
    pub fn without_request_id(&self) -> Value {
        let mut problem = self.json.clone();
        for name in ["request_id", "instance"] {
            problem.as_object_mut().map(|members| members.remove(name));
        }
        problem
    }

    /// A header field as text, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}
