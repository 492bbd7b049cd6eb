//! Eight processes start at once on an empty database: each migration is applied once, and all become ready.

use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::scale::size;

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_start_together_on_an_empty_database() {
    for _ in 0..size(1, 5) {
        let plan = Plan { shops: 2, workers: 2, ..Plan::new("together") };
        let mut system = System::prepare(&plan).await;
        for process in system.shops.iter_mut().chain(&mut system.workers) {
            process.start();
        }
        tokio::join!(system.migrate(), system.migrate(), system.migrate(), system.migrate());
        system.ready().await;
        let versions = "SELECT count(*) - count(DISTINCT version) FROM refinery_schema_history";
        assert_eq!(system.number(versions).await, 0, "a migration was applied twice");
        assert_eq!(system.number("SELECT count(*) FROM users").await, 2, "the demo accounts, once");

        let product = Shopper::admin(&system).await.product("first", 10).await;
        let user = Shopper::user(&system).await;
        // A later one finds everything done.
        let mut late = system.process("shop", "late", &[]);
        late.start();
        late.ready().await;
        for shopper in [&user, &user, &user.at(late.url())] {
            assert!(matches!(shopper.order(None, &[(product, 1)]).await, Outcome::Acked(_)));
        }
        system.comes_to_rest(0).await;
        assert_eq!(system.orders("RESERVED").await, 3);
    }
}
