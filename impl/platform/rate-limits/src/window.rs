//! Requests to a counter, and its results.

use std::time::Duration;

/// Slices per window: a count expires at most this part of a window late.
pub(super) const SLICES_PER_WINDOW: u32 = 20;

/// A count to be taken.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// Consists of class, window and subject.
    pub(super) key: String,
    pub(super) class: &'static str,
    /// The limit within any window.
    pub(super) amount: u32,
    pub(super) window: Duration,
}

impl Ask {
    /// The window in milliseconds.
    pub(super) fn window_millis(&self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long its key must be kept, in milliseconds.
    pub(super) fn life_millis(&self) -> u64 {
        self.window_millis() + self.window_millis() / u64::from(SLICES_PER_WINDOW)
    }
}

/// The state of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) verdict: Verdict,
    /// How many more are possible.
    pub(super) remaining: u32,
    /// Time until some of it is released.
    pub(super) reset: Duration,
}

/// The outcome of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is room. It was counted, if there was room in all counts of the same request.
    Counted,
    /// There is no room.
    Full,
}

/// Slices of a window: their numbers, that is the times since 1970 by the length of a slice, and their counts.
pub(super) type Slices = Vec<(i64, u32)>;

/// What Redis told of a window.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) count: Count,
    /// How many processes count windows of its class.
    pub(super) processes: u32,
    pub(super) slices: Slices,
}
