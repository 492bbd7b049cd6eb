//! Failovers of every kind in random order, under load.

use std::time::{Duration, Instant};

use ha::ClusterPlan;
use testkit::scale::{dice, size};
use tokio::time::sleep;

use crate::faults::Fault;
use crate::load::Load;
use crate::world::World;

/// How soon writes are accepted once a primary accepts them.
const RECOVERED: Duration = Duration::from_secs(15);
/// How soon the machine that was lost follows the new primary.
const FOLLOWS: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_whatever_happens_to_postgres() {
    let mut world = World::start("failovers", &ClusterPlan::default()).await;
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
        fault.heal(&mut world, node);
        world.cluster.healthy(FOLLOWS).await.expect("the machines follow the primary");
    }
    load.holds(&world).await;
    for process in &mut world.processes {
        assert_eq!(process.stop().await.code(), Some(0));
    }
}
