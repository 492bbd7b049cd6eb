//! Work that goes on beside requests, and how it is heard of when it does not: measurements, a warning when it fails twice in a
//! row, and a process that is not ready any more when it has stood still for five minutes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use platform_telemetry::Metrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::pauses::jittered;

/// What has not succeeded for so long, beyond the time that may be between two successes, stands still.
const PATIENCE: Duration = Duration::from_secs(300);
/// What fails again and again is told once in so long.
const TOLD: Duration = Duration::from_secs(60);

/// The jobs of a service, to be asked how they are. Clones are one.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    patience: Duration,
    jobs: Mutex<Vec<Job>>,
}

/// One job: whoever does it tells how it went. Clones are one.
#[derive(Clone)]
pub struct Job {
    name: &'static str,
    interval: Duration,
    /// What [`Job::every`] does otherwise where it is asked to.
    at_once: bool,
    after_failure: Option<Duration>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// When it last succeeded, or began; by a clock that goes on steadily, and by the one that people read.
    succeeded: Instant,
    at: SystemTime,
    failures_in_a_row: u32,
    failures: u64,
    told: Option<Instant>,
}

/// Before work that has panicked begins anew.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Does something until it ends. Should it panic, it begins anew: a process that looks alive must not have stopped working.
pub async fn restart_on_panic<F>(work: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while let Err(panic) = tokio::spawn(work()).await {
        tracing::error!(error = %panic, "a task has panicked and begins anew");
        tokio::time::sleep(jittered(RESTART_DELAY)).await;
    }
}

/// Has a task of its own do something for somebody until it ends or is told to, also when it panics meanwhile.
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
        Self::with_patience(PATIENCE)
    }
}

impl Jobs {
    /// Jobs that stand still when they have not succeeded for so long.
    pub fn with_patience(patience: Duration) -> Self {
        Self(Arc::new(Inner { patience, jobs: Mutex::default() }))
    }

    /// A job that is meant to succeed at least once in `interval`. One that begins anew under its name, after a panic, has not
    /// succeeded by that.
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

    /// Those that stand still.
    pub fn standing_still(&self) -> Vec<&'static str> {
        self.list().iter().filter(|job| job.overdue() >= self.0.patience).map(|job| job.name).collect()
    }

    fn list(&self) -> Vec<Job> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Job {
    /// Tells how it went; what is handed in is handed back.
    ///
    /// # Errors
    /// Those it was given.
    pub fn settle<T, E: fmt::Display>(&self, result: Result<T, E>) -> Result<T, E> {
        match &result {
            Ok(_) => self.succeeded(),
            Err(error) => self.failed(error),
        }
        result
    }

    /// It went well.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        (state.succeeded, state.at, state.failures_in_a_row, state.told) = (Instant::now(), SystemTime::now(), 0, None);
    }

    /// It failed. Once is nobody's trouble, since it is done again; twice in a row is told, and then once a minute.
    pub fn failed(&self, error: &(impl fmt::Display + ?Sized)) {
        let (failures, tell) = {
            let mut state = self.lock();
            state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
            state.failures += 1;
            let tell = state.failures_in_a_row > 1 && state.told.is_none_or(|told| told.elapsed() >= TOLD);
            if tell {
                state.told = Some(Instant::now());
            }
            (state.failures_in_a_row, tell)
        };
        let seconds = self.age().as_secs();
        match tell {
            true => {
                tracing::warn!(job = self.name, %error, failures, seconds, "a background job fails again and again");
            }
            false => tracing::debug!(job = self.name, %error, failures, "a background job failed"),
        }
    }

    /// The same, done for the first time without a pause before it.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }

    /// The same, with another pause after a failure.
    #[must_use]
    pub fn after_failure(self, pause: Duration) -> Self {
        Self { after_failure: Some(pause), ..self }
    }

    /// Does something now and then until it is told to stop: after a [jittered] `pause`.
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

    /// How long ago it succeeded.
    fn age(&self) -> Duration {
        self.lock().succeeded.elapsed()
    }

    /// For how long it should have succeeded again.
    fn overdue(&self) -> Duration {
        self.age().saturating_sub(self.interval)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How it went with things none of which keeps the others from being done: the first failure; the log is told of the others.
///
/// # Errors
/// The first of those it was given.
pub fn first_failure<E: fmt::Display>(done: impl IntoIterator<Item = Result<(), E>>) -> Result<(), E> {
    let mut failures = done.into_iter().filter_map(Result::err);
    let first = failures.next();
    failures.for_each(|error| tracing::debug!(%error, "one more part of a background job failed"));
    first.map_or(Ok(()), Err)
}

/// Adds the state of jobs to the metrics of a service.
pub fn register(jobs: Vec<Jobs>, metrics: &Metrics) {
    metrics.register(|registry| registry.register_collector(Box::new(Measured(jobs))));
}

#[derive(Debug)]
struct Measured(Vec<Jobs>);

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let jobs: Vec<Job> = self.0.iter().flat_map(Jobs::list).collect();
        // A series of its own name: Prometheus calls `job` what it scrapes.
        let label = |job: &Job| [("task", job.name)];
        let mut gauge = |name: &str, help: &str, value: fn(&Job) -> f64| {
            let mut metric = encoder.encode_descriptor(name, help, None, ConstGauge::new(0.0).metric_type())?;
            for job in &jobs {
                ConstGauge::new(value(job)).encode(metric.encode_family(&label(job).as_slice())?)?;
            }
            Ok(())
        };
        let help = "When a background job last succeeded, or began";
        gauge("background_job_last_success_timestamp_seconds", help, |job| {
            job.lock().at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
        })?;
        let help = "For how long a background job should have succeeded again";
        gauge("background_job_overdue_seconds", help, |job| job.overdue().as_secs_f64())?;
        let (name, help) = ("background_job_failures", "How often a background job failed");
        let mut metric = encoder.encode_descriptor(name, help, None, ConstCounter::new(0_u64).metric_type())?;
        for job in &jobs {
            let failures = job.lock().failures;
            ConstCounter::new(failures).encode(metric.encode_family(&label(job).as_slice())?)?;
        }
        Ok(())
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
