//! Retry delays with exponential backoff and jitter.

use std::time::Duration;

/// The first and the longest delay between attempts.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// A random duration between half of `time` and `time`, so that processes that started together do not stay in step.
pub fn jittered(time: Duration) -> Duration {
    time.mul_f64(rand::random_range(0.5..=1.0))
}

/// The delay before the next attempt, counted from 1: doubled each time up to a limit, [jittered].
pub fn backoff(attempt: u32) -> Duration {
    jittered(FIRST_DELAY.saturating_mul(1 << attempt.min(10)).min(MAX_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_has_a_longest() {
        assert!((1..50).all(|attempt| (FIRST_DELAY..=MAX_DELAY).contains(&backoff(attempt))));
        assert!((0..50).all(|_| (MAX_DELAY / 2..=MAX_DELAY).contains(&jittered(MAX_DELAY))));
    }
}
