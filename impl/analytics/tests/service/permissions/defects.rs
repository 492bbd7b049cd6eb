//! Planted defects: the matrix reports the operations that have one, and no other.

use analytics::DOCUMENT;
use permission_matrix::plants::{Defect, Plants};
use platform::settings::Environment;
use testkit::Setup;

use super::{matrix, start};

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_handlers_lack_are_found() {
    let plants = Plants::new(
        DOCUMENT,
        &[
            ("record_page_view", Defect::OldToken),
            ("export_page_views", Defect::NoScope),
            ("erase_user", Defect::NoToken),
            ("erase_visitor", Defect::NoScope),
            ("seed", Defect::NoToken),
            ("get_seed_job", Defect::NoScope),
        ],
    );
    let setup = Setup { around: plants.around(), ..Setup::default() };
    let service = start(Environment::Production, setup).await;
    plants.grow(&service).await;
    let report = matrix(Environment::Production, service).await;
    assert_eq!(report.operations(), plants.operations(), "{:#?}", report.faults);
}
