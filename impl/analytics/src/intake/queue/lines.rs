//! What waits to be stored: a line for each client, from which batches take in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform::Result;
use platform::shares::{Subject, Taken};
use tokio::sync::{Notify, oneshot};

use crate::intake::page_view::View;
use crate::intake::storage::Stored;

/// Rows of a batch. The more there are, the fewer blocks of counts there are for each; more would make others wait too long.
const BATCH: usize = 4_000;

/// What one request wants stored.
pub(super) struct Job {
    pub(super) views: Vec<View>,
    pub(super) rows: usize,
    /// Rows and bytes, counted for whoever sent them until they are stored.
    pub(super) places: (Taken, Taken),
    pub(super) done: oneshot::Sender<Result<Vec<Stored>>>,
}

/// Jobs that wait, those of each client in the order they came.
#[derive(Default)]
pub(super) struct Waiting {
    lines: Mutex<Lines>,
    /// Rung when there is something to do.
    bell: Notify,
}

#[derive(Default)]
struct Lines {
    by: HashMap<Subject, VecDeque<Job>>,
    /// Those with a job, in the order of their turns.
    turns: VecDeque<Subject>,
    closed: bool,
}

/// Closes what waits when nobody can send any more.
pub(super) struct Open(pub(super) Arc<Waiting>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        // One wakes the other.
        self.0.bell.notify_one();
    }
}

impl Waiting {
    pub(super) fn push(&self, subject: Subject, job: Job) {
        let mut lines = self.lock();
        let line = lines.by.entry(subject).or_default();
        line.push_back(job);
        if line.len() == 1 {
            lines.turns.push_back(subject);
        }
        drop(lines);
        self.bell.notify_one();
    }

    /// What waits, up to a batch; nothing when nobody will send any more.
    pub(super) async fn gather(&self) -> Option<Vec<Job>> {
        loop {
            let jobs = {
                let mut lines = self.lock();
                let jobs = lines.take();
                if !jobs.is_empty() && !lines.turns.is_empty() || lines.closed {
                    // For the other writer.
                    self.bell.notify_one();
                }
                if jobs.is_empty() && lines.closed {
                    return None;
                }
                jobs
            };
            if !jobs.is_empty() {
                return Some(jobs);
            }
            self.bell.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// One job of each client in turn, until they are a batch.
    fn take(&mut self) -> Vec<Job> {
        let (mut jobs, mut rows) = (Vec::new(), 0);
        while rows < BATCH
            && let Some(subject) = self.turns.pop_front()
        {
            let Some(line) = self.by.get_mut(&subject) else { continue };
            if let Some(job) = line.pop_front() {
                rows += job.rows;
                jobs.push(job);
            }
            if line.is_empty() {
                self.by.remove(&subject);
            } else {
                self.turns.push_back(subject);
            }
        }
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::Load;
    use super::*;

    fn job(load: &Load, user: i64, rows: usize) -> (Subject, Job) {
        let subject = Subject::User(user);
        let places = load.take(subject, rows, rows).expect("there is room");
        (subject, Job { views: Vec::new(), rows, places, done: oneshot::channel().0 })
    }

    #[tokio::test]
    async fn whoever_sends_little_is_in_the_next_batch_however_much_waits() {
        let (waiting, load) = (Arc::new(Waiting::default()), Load::default());
        let open = Open(Arc::clone(&waiting));
        let push = |user, rows| {
            let (subject, job) = job(&load, user, rows);
            waiting.push(subject, job);
        };
        (0..12).for_each(|_| push(1, 1_000));
        push(2, 1);
        (0..2).for_each(|_| push(3, 10));
        let rows = |jobs: Vec<Job>| jobs.iter().map(|job| job.rows).collect::<Vec<_>>();
        assert_eq!(rows(waiting.gather().await.expect("a batch")), [1_000, 1, 10, 1_000, 10, 1_000, 1_000]);
        assert_eq!(load.rows.state().1, 8_000);
        drop(open);
        // What waits is stored before the end.
        assert_eq!(rows(waiting.gather().await.expect("a batch")).len(), 4);
        assert_eq!(rows(waiting.gather().await.expect("a batch")).len(), 4);
        let ends = async { (waiting.gather().await.is_none(), waiting.gather().await.is_none()) };
        assert_eq!(ends.await, (true, true), "both writers end");
        assert_eq!((load.rows.state().1, load.bytes.state().1), (0, 0));
        assert!(waiting.lock().by.is_empty());
    }
}
