//! One effect and one response for each key of a user, whatever happens to the requests that carry it.

mod fixture;
mod races;
mod replays;
