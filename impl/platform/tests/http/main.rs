//! The code around every router: error responses, ids, CORS, documentation, metrics.

#[path = "../demo/mod.rs"]
mod demo;
mod docs_page;
mod fixture;
mod responses;
