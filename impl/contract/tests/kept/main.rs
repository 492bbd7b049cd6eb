//! Responses that break their document, in each way, through the router and under each mode. The mode is one of the process, so one test
//! runs at a time.

mod answers;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../any_document/service.rs"]
mod service;
mod streams;
mod whole;
