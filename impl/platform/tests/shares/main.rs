//! No client can take from the others what is scarce: it is served within its share, or told that it is its own doing.

mod budgets;
mod concurrency;
mod demo;
