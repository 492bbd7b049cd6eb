//! Requests that may be sent again. Their keys are not kept yet.
use crate::{Database, Result, Transaction};
use contract::{Answer, IdempotencyKey, Once};
impl Database {
    /// As `write_once`.
    pub async fn write_once_idempotent<R, F, W>(&self, _: i64, _: IdempotencyKey, work: W) -> Result<Once<R>>
    where
        R: Answer + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Clone + Send + 'static,
    {
        self.write_once(work).await.map(Once::Fresh)
    }
}
/// As `write_once`.
pub async fn forget_old(_: &Database) -> Result<u64> {
    Ok(0)
}
