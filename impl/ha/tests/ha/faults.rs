//! What happens to a Postgres cluster.

use std::time::{Duration, Instant};

use ha::Site;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::world::World;

/// How long Patroni may take to find another primary: the leader's lease of 20 s, and what a busy machine adds.
const TURN: Duration = Duration::from_secs(60);
/// How long a disk stays full if no other primary takes over.
const FULL: Duration = Duration::from_secs(15);

/// A fault, or something that operators do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another primary, in an orderly way.
    Switchover,
    /// The primary's machine loses its power.
    Kill,
    /// The primary's machine is suspended.
    Freeze,
    /// The primary's machine is cut off from everybody.
    CutOff,
    /// The primary's disk is full.
    DiskFull,
    /// etcd ends and starts again.
    EtcdRestart,
    /// The proxy or pooler ends and starts again.
    ProxyRestart,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::Switchover,
        Self::Kill,
        Self::Freeze,
        Self::CutOff,
        Self::DiskFull,
        Self::EtcdRestart,
        Self::ProxyRestart,
    ];

    /// That many, each kind as often as the others, in random order.
    pub fn plan(count: usize, dice: &mut StdRng) -> Vec<Self> {
        let possible = Self::ALL.into_iter().filter(|fault| *fault != Self::DiskFull || Site::has_disks());
        let mut faults: Vec<Self> = possible.cycle().take(count).collect();
        faults.shuffle(dice);
        faults
    }

    /// Makes it happen, and waits until a primary accepts writes; when that was, and the machine that is to be repaired.
    pub async fn happen(self, world: &mut World) -> (Instant, Option<usize>) {
        let cluster = &mut world.cluster;
        let old = match self {
            Self::Switchover => Some(cluster.switchover().await.expect("a switchover")),
            Self::Kill => Some(cluster.kill_primary().await.expect("a primary")),
            Self::Freeze => Some(cluster.freeze_primary().await.expect("a primary")),
            Self::CutOff => Some(cluster.cut_off_primary().await.expect("a primary")),
            Self::DiskFull => {
                let old = cluster.fill_disk_of_primary().await.expect("a primary");
                // Or the services meet a primary that can store nothing.
                let turned = cluster.other_than(old, FULL).await.is_ok();
                cluster[old].free_disk().expect("the ballast is there");
                turned.then_some(old)
            }
            Self::EtcdRestart => {
                cluster.etcd.restart().await.expect("etcd starts");
                None
            }
            Self::ProxyRestart => {
                tokio::task::block_in_place(|| world.route.restart());
                None
            }
        };
        match old {
            Some(old) => world.cluster.other_than(old, TURN).await.expect("another primary"),
            None => world.cluster.writable(TURN).await.expect("a primary"),
        };
        (Instant::now(), old)
    }

    /// Ends it for the machine that it happened to, if it goes on.
    pub fn repair(self, world: &mut World, node: Option<usize>) {
        let Some(node) = node else { return };
        match self {
            Self::Kill => world.cluster[node].revive().expect("Patroni starts"),
            Self::Freeze => world.cluster[node].thaw(),
            Self::CutOff => world.cluster[node].reconnect(),
            Self::Switchover | Self::DiskFull | Self::EtcdRestart | Self::ProxyRestart => {}
        }
    }
}
