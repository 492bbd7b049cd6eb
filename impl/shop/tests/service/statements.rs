//! Statements fit the schema.

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_prepared() {
    // Linked for the sake of its statements.
    let _ = shop::OPERATIONS;
    for folder in ["impl/shop/", "impl/platform/outbox/"] {
        testkit::statements::prepare_all(folder, &["shop", "worker", "verify"]).await;
    }
}
