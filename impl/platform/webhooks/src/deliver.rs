//! The loop of a process: claims what is due while there is room, and sends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::{Job, Result, jittered};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::claim::Delivery;
use crate::lanes::{LANES, Place};
use crate::sender::Requests;
use crate::slots::{Slot, Slots};
use crate::webhooks::Webhooks;

/// Statements of one round.
const MAX_PAGES: usize = 20;
/// Between two rounds, so that a round has several.
const MIN_DELAY: Duration = Duration::from_millis(10);
/// How long a shutdown waits for responses. What is not finished is sent again, by another process.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

impl Webhooks {
    /// Delivers until it is told to stop; what is being sent is finished.
    pub(crate) async fn deliver(self, shutdown: CancellationToken) {
        let job = self.0.jobs.job("webhook deliveries", self.0.tuning.poll);
        let Some(requests) = self.requests(&job, &shutdown).await else { return };
        let (slots, mut sending, mut place) = (Slots::default(), JoinSet::new(), Place::first());
        while !shutdown.is_cancelled() {
            while sending.try_join_next().is_some() {}
            let began = Instant::now();
            let round = self.round(place, &slots, &requests, &mut sending).await;
            let goes_on;
            (place, goes_on) = match job.settle(round) {
                Ok(Some(place)) => (place, !slots.is_full()),
                Ok(None) => (Place::first(), false),
                Err(_) => (Place::first(), false),
            };
            // Half of the time at most is spent on looking, however many recipients there are.
            sleep(MIN_DELAY.max(began.elapsed())).await;
            if goes_on {
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep(jittered(self.0.tuning.poll)) => {}
                () = self.0.woken.notified() => {}
                Some(_) = sending.join_next() => {}
            }
        }
        let finished = async { while sending.join_next().await.is_some() {} };
        if timeout(DRAIN_TIMEOUT, finished).await.is_err() {
            tracing::warn!(requests = sending.len(), "webhooks still being sent at shutdown, and sent again");
        }
    }

    /// Claims and begins to send what is due from here on, as far as there is room. The place from where the next round goes on;
    /// nothing after the last lane.
    ///
    /// # Errors
    /// Those of the database.
    async fn round(
        &self,
        mut place: Place,
        slots: &Slots,
        requests: &Arc<Requests>,
        sending: &mut JoinSet<()>,
    ) -> Result<Option<Place>> {
        for _ in 0..MAX_PAGES {
            if slots.is_full() {
                return Ok(Some(place));
            }
            let lanes = place.next(&self.0.database, self.0.service, slots.without_room()).await?;
            let (shares, looked_at) = slots.shares(&lanes);
            if !shares.is_empty() {
                for delivery in self.claim(shares, self.0.tuning.lease()).await? {
                    let slot = slots.take(delivery.recipient, &delivery.host);
                    sending.spawn(self.clone().attempt(delivery, slot, Arc::clone(requests)));
                }
            }
            let last = looked_at.checked_sub(1).and_then(|index| lanes.get(index));
            match last {
                Some(lane) if looked_at < lanes.len() || lanes.len() == LANES => place = Place::after(lane),
                _ => return Ok(None),
            }
        }
        Ok(Some(place))
    }

    async fn attempt(self, mut delivery: Delivery, slot: Slot, requests: Arc<Requests>) {
        let began = Instant::now();
        let outcome = requests.send(&mut delivery).await;
        self.0.metrics.attempted(&outcome, began.elapsed());
        self.settle(&delivery, &outcome).await;
        drop(slot);
    }

    /// The client. Without certificates of authorities nothing is claimed, so that no attempt is lost.
    async fn requests(&self, job: &Job, shutdown: &CancellationToken) -> Option<Arc<Requests>> {
        let inner = &self.0;
        loop {
            let made = Requests::new(inner.service, inner.keys.clone(), inner.targets, &inner.tuning);
            match job.settle(made) {
                Ok(requests) => return Some(Arc::new(requests)),
                Err(_) => tokio::select! {
                    () = shutdown.cancelled() => return None,
                    () = sleep(jittered(inner.tuning.poll)) => {}
                },
            }
        }
    }
}
