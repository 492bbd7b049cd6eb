//! Peers to measure against: the same work done by hand, or without storage.

pub mod from_memory;
