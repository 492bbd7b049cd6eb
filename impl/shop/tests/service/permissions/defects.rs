//! Planted defects: the matrix reports the operations that have one, and no other.

use std::collections::BTreeSet;

use permission_matrix::plants::{Defect, Plants};
use shop::DOCUMENT;
use testkit::Setup;

use super::{matrix, start};

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_handlers_lack_are_found() {
    let plants = Plants::new(
        DOCUMENT,
        &[
            ("get_me", Defect::OldToken),
            ("create_product", Defect::NoToken),
            ("adjust_stock", Defect::NoScope),
            ("list_stock_entries", Defect::NoToken),
            ("list_orders", Defect::NoFieldCheck("user_id")),
            ("create_order", Defect::SharedKeys),
            ("get_order", Defect::NoCheck),
            ("pay_order", Defect::NoCheck),
            ("cancel_order", Defect::Reveals),
            ("get_order_timeline", Defect::NoCheck),
            ("stream_order_events", Defect::OldToken),
            ("list_dead_letters", Defect::NoScope),
            ("get_queue", Defect::OldToken),
        ],
    );
    let service = start(Setup { around: plants.around(), ..Setup::default() }).await;
    plants.grow(&service).await;
    let report = matrix(service).await;
    assert_eq!(report.operations(), plants.operations(), "{:#?}", report.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_the_database_lacks_is_found() {
    let service = start(Setup::default()).await;
    let sql =
        "CREATE OR REPLACE FUNCTION order_is_visible(placed orders, caller bigint, superuser boolean) RETURNS boolean
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT true $$";
    service.database.execute(sql).await;
    let report = matrix(service).await;
    let all = ["cancel_order", "get_order", "get_order_timeline", "pay_order", "stream_order_events"];
    assert_eq!(report.operations(), BTreeSet::from(all), "{:#?}", report.faults);
}
