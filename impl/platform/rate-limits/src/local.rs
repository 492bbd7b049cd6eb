//! Counts in this process, while Redis is unavailable. Windows and slices are those of `take.lua`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::window::{Ask, Count, SLICES_PER_WINDOW, Verdict};

/// Subjects in memory: some 10 MB if each used up its windows.
const MAX_SUBJECTS: usize = 20_000;

/// Windows by key.
#[derive(Default)]
pub(super) struct Local(Mutex<HashMap<String, Window>>);

#[derive(Default)]
struct Window {
    slices: Vec<Slice>,
    /// When the window expires; milliseconds since 1970.
    ends: u64,
}

#[derive(Default)]
struct Slice {
    number: i64,
    count: u32,
}

impl Local {
    /// Counts once under every key, or under none if one of them is full.
    pub(super) fn take(&self, asks: &[Ask]) -> Vec<Count> {
        self.take_at(asks, now())
    }

    fn take_at(&self, asks: &[Ask], now: u64) -> Vec<Count> {
        let mut windows = self.windows();
        let counts: Vec<Count> = asks.iter().map(|ask| look(windows.get_mut(&ask.key), ask, now)).collect();
        if counts.iter().all(|count| count.verdict == Verdict::Counted) {
            for ask in asks {
                make_room(&mut windows, &ask.key, now);
                let window = windows.entry(ask.key.clone()).or_default();
                window.ends = now + ask.life_millis();
                window.slice(present(ask, now)).count += 1;
            }
        }
        counts
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn slice(&mut self, number: i64) -> &mut Slice {
        let at = self.slices.partition_point(|slice| slice.number < number);
        if self.slices.get(at).is_none_or(|slice| slice.number != number) {
            self.slices.insert(at, Slice { number, ..Slice::default() });
        }
        &mut self.slices[at]
    }
}

/// The count of a window and the remainder, including this request.
fn look(window: Option<&mut Window>, ask: &Ask, now: u64) -> Count {
    let length = length(ask);
    let present = present(ask, now);
    let oldest = present - i64::from(SLICES_PER_WINDOW);
    let mut counts: Vec<(i64, u32)> = Vec::new();
    let mut total = 0;
    if let Some(window) = window {
        window.slices.retain(|slice| slice.number >= oldest);
        for slice in &window.slices {
            total += slice.count;
            counts.push((slice.number, slice.count));
        }
    }
    let verdict = if total >= ask.amount { Verdict::Full } else { Verdict::Counted };
    let mut excess = 1;
    if verdict == Verdict::Counted {
        total += 1;
        counts.push((present, 1));
    } else {
        excess += total - ask.amount;
    }
    let mut reset = ask.window;
    for (number, count) in counts {
        excess = excess.saturating_sub(count);
        if excess == 0 {
            let gone = (number + i64::from(SLICES_PER_WINDOW) + 1).cast_unsigned() * length;
            reset = Duration::from_millis(gone.saturating_sub(now));
            break;
        }
    }
    Count { verdict, remaining: ask.amount.saturating_sub(total), reset }
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

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_000_000_000_000;

    fn ask(key: &str, amount: u32) -> Ask {
        Ask { key: key.to_owned(), amount, window: Duration::from_secs(60) }
    }

    fn take(local: &Local, ask: &Ask, at: u64) -> Count {
        local.take_at(std::slice::from_ref(ask), START + at)[0]
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
        assert!(local.take_at(&both, START).iter().all(|count| count.verdict == Verdict::Counted));
        let refused = local.take_at(&both, START);
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
