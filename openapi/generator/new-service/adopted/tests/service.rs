//! The @service@ service, called over HTTP: every test starts it on a port and a database of its own.

use @crate@::{DOCUMENT, SCHEMAS, @Service@Service};
use testkit::TestService;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_to_be_written_says_so() {
    let service = TestService::start::<@Service@Service>("@service@", DOCUMENT).await;
    testkit::planned::expect_not_implemented(&service).await;
}

#[test]
fn the_schemas_of_the_document_are_read() {
    assert_eq!(SCHEMAS.load(), Ok(()));
}
