//! What foreign documents have and ours do not, tested on operations as the generator writes them.

mod bodies;
mod forms;
mod parameters;
mod refusals;
mod replies;
mod routes;
mod service;
