//! Counts requests against the limits of their operations.

use std::sync::Arc;
use std::time::Duration;

use contract::{CountedBy, Operation, Problem, Quota, RateLimit};

use crate::local::Local;
use crate::measurements::Measurements;
use crate::shared::Shared;
use crate::subject::Subjects;
use crate::turns::Turns;
use crate::window::{Ask, Count, Verdict};
use platform_settings::{AuthSettings, HttpSettings, InvalidSettings, RateLimits, RedisSettings};
use platform_store::{Cache, Error, Result};
use platform_telemetry::Metrics;

const HOUR_SECONDS: u32 = 3_600;
const DAY_SECONDS: u32 = 24 * HOUR_SECONDS;

/// As many processes at least are assumed to count limits that protect passwords when every process counts on its own.
const MIN_GUARD_PROCESSES: u32 = 4;

/// Counts requests against the limits of their operations. Clones count together.
#[derive(Clone)]
pub struct Limiter(pub(crate) Option<Arc<Inner>>);

pub(crate) struct Inner {
    pub(crate) shared: Option<Shared>,
    pub(crate) local: Local,
    pub(crate) subjects: Subjects,
    pub(crate) turns: Turns,
    /// The limits of accounts created from one address.
    pub(crate) signups: Vec<RateLimit>,
    pub(crate) measurements: Measurements,
}

impl Limiter {
    /// As configured: disabled, or counting in Redis if there is one.
    ///
    /// # Errors
    /// When the URL of Redis is invalid.
    pub fn new(http: &HttpSettings, redis: &RedisSettings, auth: &AuthSettings) -> Result<Self, InvalidSettings> {
        if http.rate_limits == RateLimits::Off {
            return Ok(Self::off());
        }
        let cache = Cache::new(redis, "rate-limits:")?;
        Ok(Self(Some(Arc::new(Inner {
            shared: cache.map(Shared::new),
            local: Local::default(),
            subjects: Subjects::new(&auth.secret())?,
            turns: Turns::default(),
            signups: signup_limits(auth),
            measurements: Measurements::default(),
        }))))
    }

    /// A limiter that is disabled.
    pub fn off() -> Self {
        Self(None)
    }

    /// Counts a request against the operation's limits by user and by address; `user` is the id of the authenticated user, if
    /// any. Returns the remaining quota of each limit.
    ///
    /// # Errors
    /// 429 `rate_limited`; then it was counted against none of them.
    pub async fn admit(&self, operation: &'static Operation, user: Option<i64>) -> Result<Vec<Quota>> {
        let limits = |limit: &&RateLimit| !limit.by.counts_failures();
        let limits: Vec<&RateLimit> = operation.rate_limits.iter().filter(limits).collect();
        let Some(inner) = self.0.as_deref().filter(|_| !limits.is_empty()) else { return Ok(Vec::new()) };
        let asks: Vec<Ask> = limits.iter().map(|limit| ask(limit, inner.subjects.of_request(limit.by, user))).collect();
        let taken = inner.take(operation, &asks).await;
        let quotas = taken.quotas(&limits);
        if taken.is_admitted() { Ok(quotas) } else { Err(inner.refuse(operation, &limits, &taken, &quotas)) }
    }

    /// Registers the limits of the operations and the rejections of each in a service's metrics.
    pub fn register(&self, metrics: &Metrics, operations: &[&'static Operation]) {
        if let Some(inner) = &self.0 {
            inner.measurements.register(metrics, operations);
        }
    }
}

impl Inner {
    async fn take(&self, operation: &Operation, asks: &[Ask]) -> Taken {
        let counts = match &self.shared {
            Some(shared) => shared.take(asks, &self.local).await.ok(),
            None => None,
        };
        Taken(counts.unwrap_or_else(|| {
            if self.shared.is_some() {
                self.measurements.fell_back();
            }
            let guards_passwords = operation.rate_limits.iter().any(|limit| limit.by.counts_failures());
            let min = if guards_passwords { MIN_GUARD_PROCESSES } else { 1 };
            let processes = |ask: &Ask| self.shared.as_ref().map_or(1, |shared| shared.processes(ask.class)).max(min);
            self.local.take(asks, processes)
        }))
    }

    fn refuse(&self, operation: &'static Operation, limits: &[&RateLimit], taken: &Taken, quotas: &[Quota]) -> Error {
        for (limit, _) in limits.iter().zip(&taken.0).filter(|(_, count)| count.verdict != Verdict::Counted) {
            self.measurements.refused(operation.id, limit.class);
        }
        Problem::rate_limited(quotas).into()
    }
}

/// Counts that were taken together.
struct Taken(Vec<Count>);

impl Taken {
    fn is_admitted(&self) -> bool {
        self.0.iter().all(|count| count.verdict == Verdict::Counted)
    }

    fn quotas(&self, limits: &[&RateLimit]) -> Vec<Quota> {
        let uncounted = u32::from(!self.is_admitted());
        let quota = |(limit, count): (&&RateLimit, &Count)| Quota {
            class: limit.class,
            amount: limit.amount,
            window_seconds: limit.window_seconds,
            remaining: match count.verdict {
                Verdict::Counted => count.remaining + uncounted,
                Verdict::Full => 0,
            },
            reset_seconds: seconds(count.reset),
        };
        limits.iter().zip(&self.0).map(quota).collect()
    }
}

fn ask(limit: &RateLimit, subject: String) -> Ask {
    let RateLimit { class, window_seconds, .. } = limit;
    let window = Duration::from_secs(u64::from(*window_seconds));
    Ask { key: format!("{class}:{window_seconds}:{subject}"), class, amount: limit.amount, window }
}

/// Rounded up, so that a retry after so many seconds is not too early.
pub(crate) fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

/// The limits of sign-ups in the settings, without those that are disabled.
fn signup_limits(settings: &AuthSettings) -> Vec<RateLimit> {
    let limit = |class, amount, window_seconds| RateLimit {
        class,
        amount,
        window_seconds,
        by: CountedBy::Address,
        max_delay_seconds: 0,
    };
    let all = [
        limit("signups-hour", settings.signups_per_hour, HOUR_SECONDS),
        limit("signups-day", settings.signups_per_day, DAY_SECONDS),
    ];
    all.into_iter().filter(|limit| limit.amount > 0).collect()
}
