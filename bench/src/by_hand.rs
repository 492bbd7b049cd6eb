//! Two operations of the kitchen sink as one would write them with axum: `POST /sink/things` and `GET /sink/query`.
//! Models, checks and answers are those of the document; refusals are plainer than ours, which nobody measures.

use std::sync::LazyLock;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Query};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, NaiveDate, Utc};
use http::header::{AUTHORIZATION, LOCATION};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use regex::Regex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A router with the two operations.
pub fn router() -> Router {
    Router::new()
        .route("/sink/things", post(create_thing))
        .route("/sink/query", get(echo_query))
        .layer(DefaultBodyLimit::max(64 * 1024))
}

enum Refusal {
    Unauthorized,
    Forbidden,
    Json(JsonRejection),
    Query(QueryRejection),
    Invalid(&'static str),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")]).into_response(),
            Self::Forbidden => StatusCode::FORBIDDEN.into_response(),
            Self::Json(rejection) => rejection.into_response(),
            Self::Query(rejection) => rejection.into_response(),
            Self::Invalid(place) => (StatusCode::UNPROCESSABLE_ENTITY, place).into_response(),
        }
    }
}

struct User {
    scopes: &'static [&'static str],
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let user = match header.and_then(|value| value.strip_prefix("Bearer ")) {
            Some("of-user") => Self { scopes: &["user"] },
            _ => return Err(Refusal::Unauthorized),
        };
        if user.scopes.contains(&"user") { Ok(user) } else { Err(Refusal::Forbidden) }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[a-z]+$").expect("valid"));

impl Thing {
    fn check(&self) -> Result<(), Refusal> {
        if self.id.is_some_and(|id| !(1..=9_007_199_254_740_991).contains(&id)) {
            return Err(Refusal::Invalid("id"));
        }
        if !(1..=8).contains(&self.name.chars().count()) || !WORD.is_match(&self.name) {
            return Err(Refusal::Invalid("name"));
        }
        if self.note.as_ref().is_some_and(|note| note.chars().count() > 100) {
            return Err(Refusal::Invalid("note"));
        }
        Ok(())
    }
}

async fn create_thing(
    _user: User,
    body: Result<Json<Thing>, JsonRejection>,
) -> Result<(StatusCode, [(http::HeaderName, HeaderValue); 1], Json<Thing>), Refusal> {
    let Json(thing) = body.map_err(Refusal::Json)?;
    thing.check()?;
    let location = HeaderValue::try_from("/sink/things/1".to_owned()).map_err(|_| Refusal::Invalid("location"))?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(thing)))
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Green,
    Blue,
}

fn ten() -> i32 {
    10
}

fn red() -> Color {
    Color::Red
}

#[derive(Deserialize, Serialize)]
struct Queried {
    needed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<i64>,
    #[serde(default = "ten")]
    small: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    even: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(default)]
    flag: bool,
    #[serde(default = "red")]
    color: Color,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl Queried {
    fn check(&self) -> Result<(), Refusal> {
        const EDGE: i64 = 9_007_199_254_740_991;
        let all = [
            ("needed", (1..=8).contains(&self.needed.chars().count())),
            ("text", self.text.as_ref().is_none_or(|text| text.chars().count() <= 8)),
            ("whole", self.whole.is_none_or(|whole| (-EDGE..=EDGE).contains(&whole))),
            ("small", (1..=100).contains(&self.small)),
            ("even", self.even.is_none_or(|even| (0..=100).contains(&even) && even % 2 == 0)),
            ("ratio", self.ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio))),
            ("email", self.email.as_ref().is_none_or(|email| email.chars().count() <= 320 && is_email(email))),
        ];
        all.into_iter().find(|(_, holds)| !holds).map_or(Ok(()), |(place, _)| Err(Refusal::Invalid(place)))
    }
}

fn is_email(text: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.rsplit_once('@').is_some_and(|(local, host)| {
        local.len() <= 64
            && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
            && host.len() <= 253
            && host.split('.').all(label)
    })
}

async fn echo_query(query: Result<Query<Queried>, QueryRejection>) -> Result<Json<Queried>, Refusal> {
    let Query(queried) = query.map_err(Refusal::Query)?;
    queried.check()?;
    Ok(Json(queried))
}
