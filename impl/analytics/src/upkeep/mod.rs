//! What is done to page views that are there: old ones go, some are erased, samples are made up.

pub(crate) mod erase;
pub(crate) mod maintenance;
pub(crate) mod seed_rows;
pub(crate) mod seeding;
