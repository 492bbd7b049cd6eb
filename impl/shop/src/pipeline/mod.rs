//! From an accepted order to a reserved one: outbox, stream, worker.

use platform::{Cache, Database};

/// The pipeline of a process. Clones are one.
#[derive(Clone, Debug)]
pub struct Pipeline {
    #[expect(dead_code, reason = "used from the next change on")]
    database: Database,
    #[expect(dead_code, reason = "used from the next change on")]
    cache: Option<Cache>,
}

impl Pipeline {
    /// A pipeline from a database to its workers, by way of Redis where there is one.
    pub fn new(database: Database, cache: Option<Cache>) -> Self {
        Self { database, cache }
    }
}
