//! The rate limits of the documents, enforced in a real server with a real Redis.

mod away;
mod guesses;
mod shared;
mod world;
