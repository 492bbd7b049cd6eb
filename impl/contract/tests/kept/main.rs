//! Responses that break their document, in each way, through the router and under each mode. The mode is one of the process, so one test
//! runs at a time.

mod answers;
mod streams;
mod whole;
