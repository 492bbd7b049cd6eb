//! Periodic jobs and how their failures are noticed: metrics, a warning after two failures in a row, and a process that is not
//! ready any more when a job has been stalled for five minutes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use platform_telemetry::{Metrics, counters, gauges};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::pauses::jittered;

/// A job is stalled when it has not succeeded for so long beyond its interval.
const STALL_TIMEOUT: Duration = Duration::from_secs(300);
/// Between two log lines about a job that keeps failing.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The jobs of a service and their states. Clones share them.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    patience: Duration,
    jobs: Mutex<Vec<Job>>,
}

/// One job and its outcomes. Clones share them.
#[derive(Clone)]
pub struct Job {
    name: &'static str,
    interval: Duration,
    /// Whether [`Job::every`] runs it without a first pause.
    at_once: bool,
    after_failure: Option<Duration>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// When it last succeeded, or was registered; by the monotonic clock and by the wall clock.
    succeeded: Instant,
    at: SystemTime,
    failures_in_a_row: u32,
    failures: u64,
    told: Option<Instant>,
}

/// The pause before a task that panicked is restarted.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Runs a task until it ends, and restarts it after a panic: a process that looks alive must not have stopped working.
pub async fn restart_on_panic<F>(work: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while let Err(panic) = tokio::spawn(work()).await {
        tracing::error!(error = %panic, "task panicked, restarting");
        tokio::time::sleep(jittered(RESTART_DELAY)).await;
    }
}

/// Spawns a task that runs until it ends or is shut down, restarted after a panic.
pub fn keep<S, F>(
    tasks: &mut JoinSet<()>,
    whose: &S,
    shutdown: &CancellationToken,
    work: impl Fn(S, CancellationToken) -> F + Send + 'static,
) where
    S: Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (whose, shutdown) = (whose.clone(), shutdown.clone());
    tasks.spawn(restart_on_panic(move || work(whose.clone(), shutdown.clone())));
}

impl Default for Jobs {
    fn default() -> Self {
        Self::with_patience(STALL_TIMEOUT)
    }
}

impl Jobs {
    /// Jobs that are stalled when they have not succeeded for `patience` beyond their interval.
    pub fn with_patience(patience: Duration) -> Self {
        Self(Arc::new(Inner { patience, jobs: Mutex::default() }))
    }

    /// Registers a job that should succeed at least once in `interval`. Registering it again after a panic does not count as a
    /// success.
    pub fn job(&self, name: &'static str, interval: Duration) -> Job {
        let mut jobs = self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.iter().find(|job| job.name == name) {
            return job.clone();
        }
        let state =
            State { succeeded: Instant::now(), at: SystemTime::now(), failures_in_a_row: 0, failures: 0, told: None };
        let state = Arc::new(Mutex::new(state));
        let job = Job { name, interval, at_once: false, after_failure: None, state };
        jobs.push(job.clone());
        job
    }

    /// The jobs that are stalled.
    pub fn standing_still(&self) -> Vec<&'static str> {
        self.list().iter().filter(|job| job.overdue() >= self.0.patience).map(|job| job.name).collect()
    }

    fn list(&self) -> Vec<Job> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Job {
    /// Records the outcome, and returns it.
    ///
    /// # Errors
    /// That of `result`.
    pub fn settle<T, E: fmt::Display>(&self, result: Result<T, E>) -> Result<T, E> {
        match &result {
            Ok(_) => self.succeeded(),
            Err(error) => self.failed(error),
        }
        result
    }

    /// Records a success.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        (state.succeeded, state.at, state.failures_in_a_row, state.told) = (Instant::now(), SystemTime::now(), 0, None);
    }

    /// Records a failure. A single one is not logged, since the job is retried; two in a row are, and then once a minute.
    pub fn failed(&self, error: &(impl fmt::Display + ?Sized)) {
        let (failures, tell) = {
            let mut state = self.lock();
            state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
            state.failures += 1;
            let tell = state.failures_in_a_row > 1 && state.told.is_none_or(|told| told.elapsed() >= LOG_INTERVAL);
            if tell {
                state.told = Some(Instant::now());
            }
            (state.failures_in_a_row, tell)
        };
        let seconds = self.age().as_secs();
        match tell {
            true => {
                tracing::warn!(job = self.name, %error, failures, seconds_since_success = seconds, "background job failing repeatedly");
            }
            false => tracing::debug!(job = self.name, %error, failures, "background job failed"),
        }
    }

    /// The same job, run for the first time without a pause.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }

    /// The same job, with another pause after a failure.
    #[must_use]
    pub fn after_failure(self, pause: Duration) -> Self {
        Self { after_failure: Some(pause), ..self }
    }

    /// Runs the job periodically until shutdown, each time after a [jittered] `pause`.
    pub async fn every<T, E, F>(self, pause: Duration, shutdown: CancellationToken, mut work: impl FnMut() -> F)
    where
        E: fmt::Display,
        F: Future<Output = Result<T, E>>,
    {
        let mut next = if self.at_once { Duration::ZERO } else { pause };
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(jittered(next)) => {}
            }
            let done = self.settle(work().await);
            next = if done.is_ok() { pause } else { self.after_failure.unwrap_or(pause) };
        }
    }

    /// Time since the last success.
    fn age(&self) -> Duration {
        self.lock().succeeded.elapsed()
    }

    /// By how much the next success is overdue.
    fn overdue(&self) -> Duration {
        self.age().saturating_sub(self.interval)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of independent steps: the first failure is returned, the others are logged.
///
/// # Errors
/// The first failure.
pub fn first_failure<E: fmt::Display>(done: impl IntoIterator<Item = Result<(), E>>) -> Result<(), E> {
    let mut failures = done.into_iter().filter_map(Result::err);
    let first = failures.next();
    failures.for_each(|error| tracing::debug!(%error, "part of background job failed"));
    first.map_or(Ok(()), Err)
}

/// Registers the state of jobs in the metrics of a service.
pub fn register(jobs: Vec<Jobs>, metrics: &Metrics) {
    metrics.register(|registry| registry.register_collector(Box::new(Measured(jobs))));
}

#[derive(Debug)]
struct Measured(Vec<Jobs>);

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let jobs: Vec<Job> = self.0.iter().flat_map(Jobs::list).collect();
        // Not labelled `job`: that is Prometheus' name for the scraped target.
        let each = |value: fn(&Job) -> f64| jobs.iter().map(move |job| ([("task", job.name)], value(job)));
        let help = "Time of the last success of a background job, or of its start, since the Unix epoch in seconds";
        let succeeded = each(|job| job.lock().at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        gauges(&mut encoder, "background_job_last_success_timestamp_seconds", help, succeeded)?;
        let help = "Time since a background job was due to have succeeded again";
        gauges(&mut encoder, "background_job_overdue_seconds", help, each(|job| job.overdue().as_secs_f64()))?;
        let failures = jobs.iter().map(|job| ([("task", job.name)], job.lock().failures));
        counters(&mut encoder, "background_job_failures", "Failed runs of a background job", failures)
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_list().entries(self.list()).finish()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Job").field("name", &self.name).field("age", &self.age()).finish_non_exhaustive()
    }
}
