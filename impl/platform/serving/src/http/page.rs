//! An error response as a page, for people who opened an address in a browser.

use axum::body::Body;
use axum::response::Response;
use contract::{Problem, RequestId};
use http::header::{CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};

use super::accept::asks_for;

/// Whether the client prefers HTML to JSON.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    asks_for(headers, "text/html", "application/problem+json")
}

/// The response with the title and detail of the problem, its status and its headers.
pub(crate) fn of(problem: Problem, id: &RequestId) -> Response {
    let title = format!("{} {}", problem.status().as_u16(), problem.status().canonical_reason().unwrap_or("Error"));
    let text = page(&title, problem.detail(), &format!("<p>Request {}</p>", id.0));
    let mut response = problem.into_response_for(Some(id));
    *response.body_mut() = Body::from(text);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}

/// A page of a title, a sentence and further content; none of them contains client input.
pub(crate) fn page(title: &str, sentence: &str, more: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1><p>{sentence}</p>{more}</body>\n</html>\n"
    )
}
