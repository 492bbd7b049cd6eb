//! Failovers of every kind in random order, under load.

use std::time::{Duration, Instant};

use ha::{ClusterPlan, PoolMode, PostgresCluster};
use sqlx::{Connection as _, PgConnection};
use testkit::scale::{dice, size};
use tokio::time::sleep;

use crate::faults::Fault;
use crate::load::Load;
use crate::route::Route;
use crate::world::World;

/// How soon writes are accepted once a primary accepts them.
const RECOVERED: Duration = Duration::from_secs(15);
/// Through HAProxy and each kind of pooler.
async fn routes_lead_where_they_should(world: &World) {
    let proxy = &world.route.proxy;
    let modes = [("session", PoolMode::Session), ("transaction", PoolMode::Transaction)];
    let poolers = modes.map(|(name, mode)| Route::pooler(&world.site, proxy, mode, name));
    let addresses = poolers.iter().map(|pooler| (pooler.address(), false));
    for (address, replica) in addresses.chain([(proxy.primary(), false), (proxy.replicas(), true)]) {
        let url = PostgresCluster::url(&address.to_string());
        let mut connection = PgConnection::connect(&url).await.expect("it leads somewhere");
        let found: bool =
            sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut connection).await.expect("an answer");
        assert_eq!(found, replica, "{address}");
    }
}

/// How soon the machine that was lost follows the new primary.
const FOLLOWS: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_whatever_happens_to_postgres() {
    let mut world = World::start("failovers", &ClusterPlan::default()).await;
    routes_lead_where_they_should(&world).await;
    let load = Load::start(&world).await;
    let faults = Fault::plan(size(7, 50), &mut dice());
    sleep(Duration::from_secs(1)).await;
    for (n, fault) in faults.into_iter().enumerate() {
        let begun = Instant::now();
        let (accepts, node) = fault.happen(&mut world).await;
        let turned = accepts - begun;
        let times = load.accepted_since(accepts, RECOVERED).await;
        let times = times.unwrap_or_else(|late| panic!("{fault:?}: {late}\n{}", world.tails()));
        println!("{}: {fault:?}: writable after {turned:.1?}, accepted by the services {times:.1?} later", n + 1);
        fault.repair(&mut world, node);
        world.cluster.healthy(FOLLOWS).await.expect("the machines follow the primary");
    }
    load.holds(&world).await;
    for process in &mut world.processes {
        assert_eq!(process.stop().await.code(), Some(0));
    }
}
