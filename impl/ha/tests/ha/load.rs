//! The mixed load, and what it knows in the end.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::record::Record;
use crate::world::World;
use crate::{orders, page_views, tasks};

/// Clients of each kind.
const CLIENTS: usize = 3;
/// The writes that must be accepted again.
pub const KINDS: [&str; 3] = [orders::KIND, tasks::KIND, page_views::KIND];

/// A running load.
pub struct Load {
    pub record: Record,
    pub shop: orders::Shop,
    orders: Arc<Mutex<orders::Orders>>,
    words: Arc<Mutex<tasks::Words>>,
    views: Arc<Mutex<page_views::Views>>,
    clients: JoinSet<()>,
    end: CancellationToken,
}

impl Load {
    /// Starts every client.
    pub async fn start(world: &World) -> Self {
        let (shop, board) = (orders::Shop::open(world.url("shop")).await, tasks::Board::open(world.url("tasks")).await);
        let mut load = Self {
            record: Record::default(),
            shop: shop.clone(),
            orders: Arc::default(),
            words: Arc::default(),
            views: Arc::default(),
            clients: JoinSet::new(),
            end: CancellationToken::new(),
        };
        let analytics = testkit::Client::new(world.url("analytics"));
        for n in 0..CLIENTS {
            let (record, end) = (load.record.clone(), load.end.clone());
            load.clients.spawn(orders::run(shop.clone(), n, record.clone(), Arc::clone(&load.orders), end.clone()));
            load.clients.spawn(tasks::run(board.clone(), n, record.clone(), Arc::clone(&load.words), end.clone()));
            load.clients.spawn(page_views::run(analytics.clone(), n, record, Arc::clone(&load.views), end));
        }
        load
    }

    /// Waits until each kind of write was accepted after a moment; how long that took.
    pub async fn accepted_since(&self, moment: Instant, patience: Duration) -> Result<[Duration; 3], String> {
        loop {
            let times = KINDS.map(|kind| self.record.acked_since(kind, moment).map(|ended| ended - moment));
            if let [Some(orders), Some(tasks), Some(views)] = times {
                return Ok([orders, tasks, views]);
            }
            if moment.elapsed() > patience {
                return Err(format!("not within {patience:?}: {KINDS:?} after {times:?}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops every client, waits until the system is at rest, and holds what they know against the database.
    pub async fn holds(mut self, world: &World) {
        self.end.cancel();
        while let Some(client) = self.clients.join_next().await {
            client.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        }
        println!("{}", self.record.summary());
        world.deployment.comes_to_rest(0, || world.tails()).await;
        fn inner<T>(shared: Arc<Mutex<T>>) -> T {
            Arc::into_inner(shared).and_then(|inner| inner.into_inner().ok()).expect("the clients have ended")
        }
        inner(self.orders).hold(&world.deployment, &self.shop, &self.record).await;
        inner(self.words).hold(&world.deployment).await;
        inner(self.views).hold(&world.deployment).await;
        let unexpected = self.record.unexpected();
        assert!(unexpected.is_empty(), "{} unexpected responses:\n{}", unexpected.len(), unexpected.join("\n"));
    }
}
