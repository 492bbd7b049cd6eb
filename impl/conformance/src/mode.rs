//! Which responses are held against the document, for the whole process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::violation::Violation;

/// Which responses are checked, and what becomes of one that breaks the document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// None.
    Off,
    /// This share of them, from 0 to 1: violations are counted and reported, the response is sent.
    Sample(f64),
    /// All: a violation is also replaced by a 500, and ends a stream.
    Enforce,
}

const OFF: u64 = 0;
const ENFORCE: u64 = u64::MAX;
/// A share is kept as one of so many.
const WHOLE: f64 = (1u64 << 53) as f64;

/// What a process does that was told nothing: builds for development and tests enforce.
const DEFAULT: Mode = if cfg!(debug_assertions) { Mode::Enforce } else { Mode::Sample(0.01) };

static MODE: AtomicU64 = AtomicU64::new(encoded(DEFAULT));
static REPORTER: OnceLock<fn(&Violation<'_>)> = OnceLock::new();

const fn encoded(mode: Mode) -> u64 {
    match mode {
        Mode::Off => OFF,
        Mode::Sample(share) => (share.clamp(0.0, 1.0) * WHOLE) as u64,
        Mode::Enforce => ENFORCE,
    }
}

/// Sets the mode of the process.
pub fn set_mode(mode: Mode) {
    MODE.store(encoded(mode), Ordering::Relaxed);
}

/// Tells a function of every violation. Later calls do nothing.
pub fn report_to(reporter: fn(&Violation<'_>)) {
    let _ = REPORTER.set(reporter);
}

pub(crate) fn report(violation: &Violation<'_>) {
    if let Some(reporter) = REPORTER.get() {
        reporter(violation);
    }
}

/// Whether the next response is to be checked, and if so, whether the document is enforced. Each is chosen at random, by a generator of
/// the thread's own: a count would prefer some operations where requests come in a fixed order.
pub fn is_due() -> Option<bool> {
    match MODE.load(Ordering::Relaxed) {
        OFF => None,
        ENFORCE => Some(true),
        share => (rand::random::<u64>() >> 11 < share).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_of_all() {
        assert_eq!(encoded(Mode::Sample(0.0)), OFF);
        assert_eq!(encoded(Mode::Sample(-1.0)), OFF);
        assert_eq!(encoded(Mode::Sample(1.0)), 1 << 53);
        assert_eq!(encoded(Mode::Sample(7.0)), 1 << 53);
        assert_eq!(encoded(Mode::Sample(0.25)), 1 << 51);
        assert_ne!(encoded(Mode::Sample(1.0)), ENFORCE);
    }
}
