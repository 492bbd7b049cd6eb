//! Whether stock is what its ledger says, looked at all the time and a little at a time: what moved lately, what was wrong
//! before, and a page of all the rest. `server verify` looks at everything; this is cheap enough to go on for ever.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use platform::Result;

use super::Pipeline;

/// Movements of stock whose products are looked at, and products of a page.
const RECENT: i64 = 200;
const PAGE: i64 = 100;
/// Products looked at by one statement: one with a long ledger keeps few others from being looked at.
const TOGETHER: usize = 20;

/// What is known from round to round.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// Products that were found wrong.
    wrong: BTreeSet<i64>,
    /// The last product of the page before.
    after: i64,
}

impl Pipeline {
    /// One round: compares the stock of some products with what their ledger and reservations say. How many are known to be
    /// wrong.
    ///
    /// # Errors
    /// When Postgres cannot be used. Products that take too long to look at are passed over.
    pub async fn audit(&self) -> Result<usize> {
        // One statement sees one snapshot. What is held is in the ledger as taken and not given back.
        const WRONG: &str = "SELECT p.id FROM products p \
             CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS stock, \
                 coalesce(-sum(quantity) FILTER (WHERE kind IN ('reserve', 'release')), 0) AS taken \
                 FROM stock_entries WHERE product_id = p.id) e \
             CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS quantity FROM reservations \
                 WHERE product_id = p.id AND state = 'held') held \
             WHERE p.id = ANY ($1) AND (p.stock < 0 OR p.stock <> e.stock OR held.quantity > e.taken)";
        let db = self.0.database.reads();
        let page = self.page().await?;
        let suspects: Vec<i64> = page.iter().copied().collect();
        let mut looked = 0;
        for some in suspects.chunks(TOGETHER) {
            match sqlx::query_scalar::<_, i64>(WRONG).bind(some).fetch_all(db).await {
                Ok(wrong) => {
                    self.found(some, &wrong);
                    looked += some.len();
                }
                Err(error) => {
                    let error = platform::Error::from(error);
                    tracing::warn!(%error, products = some.len(), "stock could not be compared with its ledger");
                    self.0.database.ping().await?;
                }
            }
        }
        let audit = &self.0.metrics.audit;
        audit.rounds.inc();
        audit.products.inc_by(looked as u64);
        Ok(self.audited(|audit| audit.wrong.len()))
    }

    /// The products of a round.
    async fn page(&self) -> Result<BTreeSet<i64>> {
        const LATELY: &str =
            "SELECT DISTINCT product_id FROM (SELECT product_id FROM stock_entries ORDER BY id DESC LIMIT $1) e";
        const NEXT: &str = "SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2";
        let db = self.0.database.reads();
        let (after, mut page) = self.audited(|audit| (audit.after, audit.wrong.clone()));
        page.extend(sqlx::query_scalar::<_, i64>(LATELY).bind(RECENT).fetch_all(db).await?);
        let next: Vec<i64> = sqlx::query_scalar(NEXT).bind(after).bind(PAGE).fetch_all(db).await?;
        // After the last page the first one follows.
        let last = next.last().copied().filter(|_| next.len() as i64 == PAGE).unwrap_or(0);
        self.audited(|audit| audit.after = last);
        page.extend(next);
        Ok(page)
    }

    fn found(&self, looked: &[i64], wrong: &[i64]) {
        let known = self.audited(|audit| {
            audit.wrong.retain(|product| !looked.contains(product));
            for product in wrong {
                tracing::error!(product, "the stock of a product is not what its ledger says");
                audit.wrong.insert(*product);
            }
            audit.wrong.len()
        });
        self.0.metrics.audit.mismatched.set(i64::try_from(known).unwrap_or(i64::MAX));
    }

    fn audited<T>(&self, look: impl FnOnce(&mut Audit) -> T) -> T {
        look(&mut self.0.audit.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
