//! What is asked of a place that counts, and what it answers.

use std::time::Duration;

/// Slices a window is cut into: what is counted is forgotten at most this part of a window late.
pub(super) const SLICES: u32 = 20;

/// A count that is to be taken.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// Names class, window and subject.
    pub(super) key: String,
    /// How many there may be within any window.
    pub(super) amount: u32,
    pub(super) window: Duration,
}

impl Ask {
    /// Milliseconds.
    pub(super) fn window_millis(&self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long its key is needed after it was counted, in milliseconds.
    pub(super) fn life_millis(&self) -> u64 {
        self.window_millis() + self.window_millis() / u64::from(SLICES)
    }
}

/// What a count is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) verdict: Verdict,
    /// How many more there may be.
    pub(super) remaining: u32,
    /// Until some of it comes back.
    pub(super) reset: Duration,
}

/// What became of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is room. It was counted, if there was room in all counts that were asked for together.
    Counted,
    /// There is no room.
    Full,
}
