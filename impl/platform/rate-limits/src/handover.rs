//! What only this process knows is told to Redis, and what Redis knows is remembered here.

use std::mem;

use crate::local::{Local, Window, window};
use crate::window::{Ask, Slices, Told};

/// What Redis may not know of a window.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    /// What an earlier connection had told.
    pub(super) told: Slices,
    /// What this process counted alone.
    pub(super) own: Slices,
}

/// What is being told to Redis; what Redis did not acknowledge is counted here again when this is dropped.
pub(super) struct Handover<'a> {
    local: &'a Local,
    asks: &'a [Ask],
    pub(super) unknown: Vec<Unknown>,
}

impl Local {
    /// What is to be told to Redis by the connection with this number.
    pub(super) fn hand_over<'a>(&'a self, asks: &'a [Ask], connection: u64) -> Handover<'a> {
        let mut windows = self.windows();
        let unknown = asks.iter().map(|ask| windows.get_mut(&ask.key).map(|one| one.unknown(connection)));
        Handover { local: self, asks, unknown: unknown.map(Option::unwrap_or_default).collect() }
    }
}

impl Handover<'_> {
    /// Redis, on the connection with this number, knows all of it, and told this at a time by its own clock.
    pub(super) fn acknowledged(mut self, told: &[Told], connection: u64, now: i64) {
        self.unknown.clear();
        self.local.set_clock(now);
        let mut windows = self.local.windows();
        for (ask, told) in self.asks.iter().zip(told) {
            let window = window(&mut windows, ask, now.cast_unsigned());
            window.told_by = connection;
            window.forget(ask, now.cast_unsigned());
            window.slices.iter_mut().for_each(|slice| slice.assumed = 0);
            for (number, count) in &told.slices {
                let slice = window.slice(*number);
                // A lower count is that of a response that was overtaken.
                slice.told = slice.told.max(*count);
            }
        }
    }
}

impl Drop for Handover<'_> {
    fn drop(&mut self) {
        let mut windows = self.local.windows();
        for (ask, unknown) in self.asks.iter().zip(&self.unknown) {
            for (number, count) in &unknown.own {
                window(&mut windows, ask, self.local.now()).slice(*number).own += count;
            }
        }
    }
}

impl Window {
    fn unknown(&mut self, connection: u64) -> Unknown {
        let mut unknown = Unknown::default();
        for slice in &mut self.slices {
            if slice.told > 0 && self.told_by != connection {
                unknown.told.push((slice.number, slice.told));
            }
            if slice.own > 0 {
                unknown.own.push((slice.number, mem::take(&mut slice.own)));
            }
        }
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::tests::{START, ask};
    use crate::window::{Count, Verdict};

    /// The number of the first slice.
    const FIRST: i64 = (START / 3_000).cast_signed();

    /// Redis tells these slices; what it was told.
    fn exchange(local: &Local, ask: &Ask, slices: &[(i64, u32)], connection: u64, at: i64) -> Unknown {
        let handover = local.hand_over(std::slice::from_ref(ask), connection);
        let unknown = handover.unknown[0].clone();
        let count = Count { verdict: Verdict::Counted, remaining: 0, reset: ask.window };
        let slices = slices.iter().map(|(number, count)| (FIRST + number, *count)).collect();
        handover.acknowledged(&[Told { count, processes: 1, slices }], connection, START.cast_signed() + at);
        unknown
    }

    fn absolute(slices: &[(i64, u32)]) -> Slices {
        slices.iter().map(|(number, count)| (FIRST + number, *count)).collect()
    }

    fn admitted(local: &Local, ask: &Ask, processes: u32, at: u64) -> usize {
        let verdict = |_: &u32| local.take_at(std::slice::from_ref(ask), |_| processes, START + at)[0].verdict;
        (0..ask.amount).filter(|n| verdict(n) == Verdict::Counted).count()
    }

    #[test]
    fn a_count_goes_on_from_what_was_told_and_is_divided_by_the_processes() {
        let (local, twenty) = (Local::default(), ask("a", 20));
        exchange(&local, &twenty, &[(-5, 3), (0, 5)], 1, 0);
        assert_eq!(admitted(&local, &twenty, 3, 4_000), 4, "a third of twelve");
        assert_eq!(admitted(&local, &twenty, 3, 47_000), 0);
        assert_eq!(admitted(&local, &twenty, 3, 48_000), 1, "three that were told have expired");
        assert_eq!(admitted(&local, &twenty, 3, 63_000), 1, "five more, and the others' part has not");
        assert_eq!(admitted(&local, &twenty, 3, 130_000), 6);
        // More processes than the amount: one each.
        assert_eq!(admitted(&local, &ask("few", 2), 3, 0), 1);
    }

    #[test]
    fn what_redis_may_not_know_is_handed_over_once() {
        let (local, twenty) = (Local::default(), ask("a", 20));
        exchange(&local, &twenty, &[(0, 5)], 1, 0);
        for at in [3_000, 3_100, 6_000] {
            local.take_at(std::slice::from_ref(&twenty), |_| 2, START + at);
        }
        // Not acknowledged: it is kept.
        drop(local.hand_over(std::slice::from_ref(&twenty), 1));
        let own = Unknown { told: vec![], own: absolute(&[(1, 2), (2, 1)]) };
        assert_eq!(exchange(&local, &twenty, &[(0, 6), (1, 2), (2, 1)], 1, 9_000), own);
        // A response that was overtaken.
        assert_eq!(exchange(&local, &twenty, &[(0, 5), (1, 2)], 1, 9_000), Unknown::default());
        // Another connection may lead to a server that has lost all.
        let lost = Unknown { told: absolute(&[(0, 6), (1, 2), (2, 1)]), own: vec![] };
        assert_eq!(exchange(&local, &twenty, &[(3, 1)], 2, 9_000), lost);
        assert_eq!(exchange(&local, &twenty, &[(3, 1)], 2, 9_000), Unknown::default());
        assert_eq!(admitted(&local, &twenty, 1, 9_000), 10, "what is assumed of others ends when Redis tells");
    }
}
