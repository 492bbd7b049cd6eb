//! Statements fit the schema.

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_prepared() {
    // Linked for the sake of its statements.
    let _ = tasks::OPERATIONS;
    testkit::statements::prepare_all("impl/tasks/", &["tasks", "verify"]).await;
    for folder in ["impl/platform/mail/", "impl/platform/account-mail/"] {
        testkit::statements::prepare_all(folder, &["tasks"]).await;
    }
}
