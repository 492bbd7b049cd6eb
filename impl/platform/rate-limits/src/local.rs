//! Counts in this process, while Redis is unavailable. Windows and slices are those of `take.lua`.
//!
//! Every count that Redis tells is remembered here, so that a limit goes on from there when Redis becomes unavailable, and can
//! be restored when it comes back without. What is counted here alone is told to Redis when it is back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::window::{Ask, Count, SLICES_PER_WINDOW, Verdict};

/// Subjects in memory: some 20 MB if each used up its windows.
const MAX_SUBJECTS: usize = 20_000;

/// Windows by key.
#[derive(Default)]
pub(super) struct Local {
    windows: Mutex<HashMap<String, Window>>,
    /// By how many milliseconds the clock of Redis is ahead of the own one: slices are those of Redis.
    ahead: AtomicI64,
}

#[derive(Default)]
pub(super) struct Window {
    pub(super) slices: Vec<Slice>,
    /// When the window expires; milliseconds since 1970.
    ends: u64,
    /// The number of the connection that told the counts.
    pub(super) told_by: u64,
}

#[derive(Default)]
pub(super) struct Slice {
    pub(super) number: i64,
    /// What Redis told.
    pub(super) told: u32,
    /// Counted here alone, not yet told to Redis.
    pub(super) own: u32,
    /// What the other processes are assumed to have counted alone.
    pub(super) assumed: u32,
}

impl Local {
    /// Counts once under every key, or under none if one of them is full. So many processes are assumed to do the same for the
    /// same clients: each admits its part, at least one.
    pub(super) fn take(&self, asks: &[Ask], processes: impl Fn(&Ask) -> u32) -> Vec<Count> {
        self.take_at(asks, processes, self.now())
    }

    pub(super) fn take_at(&self, asks: &[Ask], processes: impl Fn(&Ask) -> u32, now: u64) -> Vec<Count> {
        let mut windows = self.windows();
        let counts: Vec<Count> =
            asks.iter().map(|ask| look(windows.get_mut(&ask.key), ask, processes(ask), now)).collect();
        if counts.iter().all(|count| count.verdict == Verdict::Counted) {
            for ask in asks {
                let slice = window(&mut windows, ask, now).slice(present(ask, now));
                slice.own += 1;
                slice.assumed = slice.assumed.saturating_add(processes(ask) - 1);
            }
        }
        counts
    }

    /// The time by the clock of Redis, as far as it is known; milliseconds since 1970.
    pub(super) fn now(&self) -> u64 {
        (own_clock() + self.ahead.load(Ordering::Relaxed)).cast_unsigned()
    }

    /// Redis told its time.
    pub(super) fn set_clock(&self, now: i64) {
        self.ahead.store(now - own_clock(), Ordering::Relaxed);
    }

    pub(super) fn windows(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    pub(super) fn slice(&mut self, number: i64) -> &mut Slice {
        let at = self.slices.partition_point(|slice| slice.number < number);
        if self.slices.get(at).is_none_or(|slice| slice.number != number) {
            self.slices.insert(at, Slice { number, ..Slice::default() });
        }
        &mut self.slices[at]
    }

    /// Slices that do not count any more.
    pub(super) fn forget(&mut self, ask: &Ask, now: u64) {
        let oldest = present(ask, now) - i64::from(SLICES_PER_WINDOW);
        self.slices.retain(|slice| slice.number >= oldest);
    }
}

impl Slice {
    fn total(&self) -> u32 {
        self.told.saturating_add(self.own).saturating_add(self.assumed)
    }
}

/// The window of a key, which is kept for as long as it counts from now on.
pub(super) fn window<'a>(windows: &'a mut HashMap<String, Window>, ask: &Ask, now: u64) -> &'a mut Window {
    make_room(windows, &ask.key, now);
    let window = windows.entry(ask.key.clone()).or_default();
    window.ends = now + ask.life_millis();
    window
}

/// The count of a window and the remainder, including this request, which weighs as much as there are processes.
fn look(window: Option<&mut Window>, ask: &Ask, processes: u32, now: u64) -> Count {
    let length = length(ask);
    let present = present(ask, now);
    let mut counts: Vec<(i64, u32)> = Vec::new();
    if let Some(window) = window {
        window.forget(ask, now);
        counts.extend(window.slices.iter().map(|slice| (slice.number, slice.total())));
    }
    let mut total = counts.iter().fold(0, |sum: u32, (_, count)| sum.saturating_add(*count));
    // The first is admitted even where there are more processes than the amount.
    let has_room = total.saturating_add(processes) <= ask.amount || total == 0 && ask.amount > 0;
    let mut excess = 1;
    let verdict = match has_room {
        true => {
            total = total.saturating_add(processes);
            counts.push((present, processes));
            Verdict::Counted
        }
        false => {
            excess = total.saturating_add(processes).saturating_sub(ask.amount).clamp(1, total.max(1));
            Verdict::Full
        }
    };
    let mut reset = ask.window;
    for (number, count) in counts {
        excess = excess.saturating_sub(count);
        if excess == 0 {
            let gone = (number + i64::from(SLICES_PER_WINDOW) + 1).cast_unsigned() * length;
            reset = Duration::from_millis(gone.saturating_sub(now));
            break;
        }
    }
    Count { verdict, remaining: ask.amount.saturating_sub(total) / processes, reset }
}

/// The length of a slice in milliseconds.
fn length(ask: &Ask) -> u64 {
    ask.window_millis() / u64::from(SLICES_PER_WINDOW)
}

/// The number of the current slice.
fn present(ask: &Ask, now: u64) -> i64 {
    (now / length(ask)).cast_signed()
}

/// Bounds the memory: with too many subjects, expired windows are evicted, then arbitrary ones.
fn make_room(windows: &mut HashMap<String, Window>, key: &str, now: u64) {
    if windows.len() < MAX_SUBJECTS || windows.contains_key(key) {
        return;
    }
    windows.retain(|_, window| window.ends > now);
    if windows.len() >= MAX_SUBJECTS {
        // A tenth, so that this is not repeated for each new subject.
        let some: Vec<String> = windows.keys().take(MAX_SUBJECTS / 10).cloned().collect();
        for key in some {
            windows.remove(&key);
        }
    }
}

fn own_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The begin of a slice.
    pub(crate) const START: u64 = 999_999_999_000;

    pub(crate) fn ask(key: &str, amount: u32) -> Ask {
        Ask { key: key.to_owned(), class: "class", amount, window: Duration::from_secs(60) }
    }

    fn take(local: &Local, ask: &Ask, at: u64) -> Count {
        local.take_at(std::slice::from_ref(ask), |_| 1, START + at)[0]
    }

    #[test]
    fn no_window_has_more_than_the_amount_and_room_comes_back_when_told() {
        let (local, ask) = (Local::default(), ask("a", 7));
        let mut admitted: Vec<u64> = Vec::new();
        let mut at = 0;
        // Steps that are not aligned with slices.
        while at < 600_000 {
            let count = take(&local, &ask, at);
            match count.verdict {
                Verdict::Counted => admitted.push(at),
                _ => {
                    let reset = u64::try_from(count.reset.as_millis()).expect("a time");
                    assert!(reset > 0 && reset <= 63_000, "{reset}");
                    assert_ne!(take(&local, &ask, at + reset - 1).verdict, Verdict::Counted);
                    assert_eq!(take(&local, &ask, at + reset).verdict, Verdict::Counted, "as told");
                    admitted.push(at + reset);
                    at += reset;
                }
            }
            at += 1_237;
        }
        assert!(admitted.windows(8).all(|eight| eight[7] - eight[0] >= 60_000), "{admitted:?}");
        assert!(admitted.len() >= 9 * 7, "{} in ten windows", admitted.len());
    }

    #[test]
    fn all_are_counted_or_none() {
        let local = Local::default();
        let (small, large) = (ask("small", 1), ask("large", 5));
        let both = [small.clone(), large.clone()];
        assert!(local.take_at(&both, |_| 1, START).iter().all(|count| count.verdict == Verdict::Counted));
        let refused = local.take_at(&both, |_| 1, START);
        assert_eq!((refused[0].verdict, refused[1].verdict), (Verdict::Full, Verdict::Counted));
        assert_eq!(take(&local, &large, 0).remaining, 3, "the refused request was not counted");
    }

    #[test]
    fn memory_is_bounded() {
        let local = Local::default();
        for n in 0..3 * MAX_SUBJECTS {
            take(&local, &ask(&n.to_string(), 1), 0);
            assert!(local.windows().len() <= MAX_SUBJECTS);
        }
        // Expired windows are evicted first.
        for n in 0..MAX_SUBJECTS {
            assert_eq!(take(&local, &ask(&format!("later {n}"), 1), 100_000).verdict, Verdict::Counted);
        }
        assert!(
            (0..MAX_SUBJECTS).all(|n| take(&local, &ask(&format!("later {n}"), 1), 100_001).verdict == Verdict::Full)
        );
    }
}
