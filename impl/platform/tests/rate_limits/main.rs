//! The limits of the documents, enforced through the real road and a real Redis.

mod away;
mod guesses;
mod shared;
mod world;
