//! How long to wait before something is done again.

use std::time::Duration;

/// Between attempts at what was refused for the moment.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// From half of a time to the whole of it: processes that began together do not go on together.
pub fn jittered(time: Duration) -> Duration {
    time.mul_f64(rand::random_range(0.5..=1.0))
}

/// How long to wait after so many attempts, counted from 1: twice as long each time up to a limit, [jittered].
pub fn backoff(attempt: u32) -> Duration {
    jittered(FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_has_a_longest() {
        assert!((1..50).all(|attempt| (FIRST..=LONGEST).contains(&backoff(attempt))));
        assert!((0..50).all(|_| (LONGEST / 2..=LONGEST).contains(&jittered(LONGEST))));
    }
}
