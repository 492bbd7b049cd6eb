//! Everything the kitchen-sink document says, asked of its generated router.

mod absence;
mod answers;
mod bodies;
mod collections;
mod exchange;
mod numbers;
mod parameters;
mod policies;
mod sink;
mod strings;
