//! The analytics service, called over HTTP: every test starts it on a port and a database of its own.

mod another_history;
mod audit;
mod bounds;
mod breakdown;
mod distribution_keys;
mod erasing;
mod export;
mod identity;
mod ingest;
mod live;
mod permissions;
mod random;
mod rollups;
mod seeding;
mod statements;
mod time_series;
mod top_paths;
mod world;
