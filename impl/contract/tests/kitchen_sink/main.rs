//! Everything in the kitchen-sink document, tested on its generated router.

mod absence;
mod answers;
mod bodies;
mod broken;
mod collections;
mod document;
mod encodings;
mod exchange;
mod idempotency;
mod numbers;
mod parameters;
mod policies;
mod properties;
mod rate_limits;
mod sink;
mod strings;
mod valid;
