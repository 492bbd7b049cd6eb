//! No client can take scarce resources from others: it is served within its share, or rejected for exceeding it.

mod budgets;
mod concurrency;
mod demo;
