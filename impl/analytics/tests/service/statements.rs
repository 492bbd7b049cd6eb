//! Statements fit the schema.

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_prepared() {
    // Linked for the sake of its statements.
    let _ = analytics::OPERATIONS;
    testkit::statements::prepare_all("impl/analytics/", &["analytics", "verify"]).await;
}
