//! What kind of cluster, and who may log in.

/// The password of everybody.
pub const PASSWORD: &str = "of-this-test-only";
/// The owner of the database `app`, who may create roles.
pub const OWNER: &str = "app";

/// What kind of cluster.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    /// Machines with Postgres.
    pub nodes: usize,
    /// Servers of etcd: 1 or 3.
    pub etcd: usize,
    /// A commit waits for a standby, while there is one.
    pub synchronous: bool,
    /// A commit waits for a standby, and for ever if there is none.
    pub strict: bool,
}

impl Default for ClusterPlan {
    fn default() -> Self {
        Self { nodes: 3, etcd: 1, synchronous: true, strict: true }
    }
}
