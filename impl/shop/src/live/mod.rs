//! What happens to orders, live: each replica of the API reads the timelines of the orders that are watched there, once for
//! all who watch. So every replica shows the same, in the same order, and nothing is missed.
//!
//! Redis carries the news that there is something to read; twice a second the timelines are asked as well, all in one
//! statement, because news can be lost. As often those are sent away who would not be let in any more.

mod stream;
mod watchers;

pub(crate) use stream::{Events, events};
pub(crate) use watchers::Live;
