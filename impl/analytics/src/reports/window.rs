//! Windows of time, and how one is cut into pieces that were counted already: whole weeks in the middle, then days, hours
//! and minutes, and at either end less than a minute that nobody has counted yet.

use chrono::{DateTime, TimeDelta, Utc};

/// Widths of counts in minutes, widest first.
const WIDTHS: [i64; 7] = [7 * DAY, DAY, 4 * HOUR, HOUR, 15 * MINUTE, 5 * MINUTE, MINUTE];
pub(crate) const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 60 * MINUTE;
pub(crate) const MINUTE: i64 = 1;

/// How far the clocks of processes may differ: more than they do where anything keeps them, and less than clients may date ahead.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(60);

/// From `start` on, before `end`; never empty, and exact to the microsecond as Postgres is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
}

/// Part of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Counts of how many minutes it consists of; of none when its rows must be counted.
    pub(crate) width: i64,
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
}

impl Window {
    /// The window a request means: from the beginning and until now, when it does not say. Nothing when it is empty. What was
    /// acknowledged by a process whose clock is ahead of this one's is in it.
    pub(crate) fn of(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> Option<Self> {
        Self::until(start, end.unwrap_or_else(|| Utc::now() + CLOCK_SKEW))
    }

    /// The same by this process's clock: for what has an entry for each span of time.
    pub(crate) fn until_now(start: DateTime<Utc>, end: Option<DateTime<Utc>>) -> Option<Self> {
        Self::until(Some(start), end.unwrap_or_else(Utc::now))
    }

    fn until(start: Option<DateTime<Utc>>, end: DateTime<Utc>) -> Option<Self> {
        let (start, end) = (start.map_or_else(beginning, whole_micros), whole_micros(end));
        (start < end).then_some(Self { start, end })
    }

    /// Its pieces in the order of time, none of them empty.
    pub(crate) fn pieces(self) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(7);
        cut(self.start, self.end, &WIDTHS, &mut pieces);
        pieces
    }
}

impl Window {
    /// Fewer counts that come to the same: instead of 50 minutes, an hour without ten. Each piece is added or, where `true`
    /// stands with it, taken away; none is empty. At most one of the widest width there is, and two of each other.
    ///
    /// What is after `now` is as good as empty, so a window that ends now ends with whole spans.
    pub(crate) fn terms(self, now: DateTime<Utc>) -> Vec<(bool, Piece)> {
        let Self { start, end } = self;
        for (place, &width) in WIDTHS.iter().enumerate() {
            let (first, last) = (nearest(start, width, now), nearest(end, width, now));
            if first < last {
                let mut terms = vec![(false, Piece { width, start: first, end: last })];
                walk(first, start, true, &WIDTHS[place + 1..], now, &mut terms);
                walk(last, end, false, &WIDTHS[place + 1..], now, &mut terms);
                return terms;
            }
        }
        vec![(false, Piece { width: 0, start, end })]
    }
}

/// From one time to another by ever smaller steps; steps back are of the opposite sign.
fn walk(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    negative: bool,
    widths: &[i64],
    now: DateTime<Utc>,
    terms: &mut Vec<(bool, Piece)>,
) {
    let mut here = from;
    let steps = widths.iter().map(|&width| (width, nearest(to, width, now))).chain([(0, to)]);
    for (width, next) in steps {
        if here != next {
            let piece = Piece { width, start: here.min(next), end: here.max(next) };
            terms.push((negative != (next < here), piece));
        }
        here = next;
    }
}

/// The end of a span with the least between it and `time`, of which nothing is after `now`.
fn nearest(time: DateTime<Utc>, minutes: i64, now: DateTime<Utc>) -> DateTime<Utc> {
    let (before, after) = (floor(time, minutes), ceil(time, minutes));
    if time - before <= after.min(now.max(time)) - time { before } else { after }
}

/// Before any time that Postgres can hold.
pub(crate) fn beginning() -> DateTime<Utc> {
    const FIRST_DAY: i64 = -210_866_803_200;
    DateTime::from_timestamp(FIRST_DAY, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The start of the span of so many minutes in which a time is.
pub(crate) fn floor(time: DateTime<Utc>, minutes: i64) -> DateTime<Utc> {
    let seconds = minutes * 60;
    DateTime::from_timestamp(time.timestamp().div_euclid(seconds) * seconds, 0).unwrap_or(time)
}

fn ceil(time: DateTime<Utc>, minutes: i64) -> DateTime<Utc> {
    let before = floor(time, minutes);
    if before == time { time } else { before + TimeDelta::minutes(minutes) }
}

/// The next whole microsecond: of the times that Postgres holds the same ones are before it.
fn whole_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    let rest = time.timestamp_subsec_nanos() % 1_000;
    if rest == 0 { time } else { time + TimeDelta::nanoseconds(i64::from(1_000 - rest)) }
}

fn cut(start: DateTime<Utc>, end: DateTime<Utc>, widths: &[i64], pieces: &mut Vec<Piece>) {
    let Some((&width, finer)) = widths.split_first() else {
        if start < end {
            pieces.push(Piece { width: 0, start, end });
        }
        return;
    };
    let (first, last) = (ceil(start, width), floor(end, width));
    if first >= last {
        return cut(start, end, finer, pieces);
    }
    cut(start, first, finer, pieces);
    pieces.push(Piece { width, start: first, end: last });
    cut(last, end, finer, pieces);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn pieces(start: &str, end: &str) -> Vec<(i64, DateTime<Utc>)> {
        let window = Window::of(Some(time(start)), Some(time(end))).expect("a window");
        window.pieces().iter().map(|piece| (piece.width, piece.start)).collect()
    }

    #[test]
    fn days_are_in_the_middle_and_seconds_at_the_ends() {
        let expected = [
            (0, "2026-01-30T22:58:30Z"),
            (MINUTE, "2026-01-30T22:59:00Z"),
            (HOUR, "2026-01-30T23:00:00Z"),
            (DAY, "2026-01-31T00:00:00Z"),
            (HOUR, "2026-02-02T00:00:00Z"),
            (MINUTE, "2026-02-02T01:00:00Z"),
            (0, "2026-02-02T01:01:00Z"),
        ];
        let expected: Vec<_> = expected.map(|(width, start)| (width, time(start))).to_vec();
        assert_eq!(pieces("2026-01-30T22:58:30Z", "2026-02-02T01:01:00.000001Z"), expected);
    }

    #[test]
    fn a_window_that_ends_now_ends_with_whole_spans() {
        let (start, now) = (time("2026-01-01T00:00:00Z"), time("2026-02-02T13:37:42.5Z"));
        let terms = Window { start, end: now }.terms(now);
        assert!(
            terms.iter().all(|(negative, piece)| piece.width > 0 || (*negative && piece.start == now)),
            "{terms:?}"
        );
        let added = terms.iter().filter(|(negative, piece)| !negative && piece.end > start);
        assert!(added.count() == 1, "{terms:?}");
    }

    #[test]
    fn without_a_whole_minute_rows_are_counted() {
        let around = [(0, time("2026-01-30T23:59:30Z"))];
        assert_eq!(pieces("2026-01-30T23:59:30Z", "2026-01-31T00:00:30Z"), around);
    }

    #[test]
    fn a_window_that_ends_before_it_starts_is_none() {
        let now = Some(Utc::now());
        assert_eq!(Window::of(now, now), None);
        assert_eq!(Window::of(Some(time("9999-12-31T23:59:59.9999999Z")), None), None);
        assert!(Window::of(None, Some(time("0000-01-01T00:00:00Z"))).is_some());
    }

    proptest! {
        /// Nothing is left out, nothing is there twice, and each piece begins and ends where counts of its width do.
        #[test]
        fn pieces_are_the_window(start in -62_167_219_200_000_000..253_402_300_799_999_999_i64, micros in 1..2_000_000_000_000_i64, past in -100_000_000_000..2_100_000_000_000_i64) {
            let start = DateTime::from_timestamp_micros(start).expect("a time");
            let window = Window { start, end: start + TimeDelta::microseconds(micros) };
            let pieces = window.pieces();
            let mut end = window.start;
            for piece in &pieces {
                prop_assert_eq!(piece.start, end);
                prop_assert!(piece.start < piece.end);
                if piece.width > 0 {
                    prop_assert_eq!(floor(piece.start, piece.width), piece.start);
                    prop_assert_eq!(floor(piece.end, piece.width), piece.end);
                } else {
                    prop_assert!(piece.end - piece.start < TimeDelta::minutes(2));
                }
                end = piece.end;
            }
            prop_assert_eq!(end, window.end);
            for width in [0].iter().chain(&WIDTHS) {
                prop_assert!(pieces.iter().filter(|piece| piece.width == *width).count() <= 2);
            }
            // What is added and taken away comes to the same, whatever time it is.
            let now = start + TimeDelta::microseconds(past);
            let terms = window.terms(now);
            let mut length = 0;
            for (negative, piece) in &terms {
                let micros = (piece.end - piece.start).num_microseconds().expect("it is short");
                prop_assert!(micros > 0 && (piece.width == 0 || floor(piece.start, piece.width) == piece.start));
                length += if *negative { -micros } else { micros };
            }
            prop_assert_eq!(Some(length), (window.end - window.start).num_microseconds());
            let edges: BTreeMap<_, i64> = terms.iter().fold(BTreeMap::new(), |mut edges, (negative, piece)| {
                let sign = if *negative { -1 } else { 1 };
                *edges.entry(piece.start).or_default() += sign;
                *edges.entry(piece.end).or_default() -= sign;
                edges
            });
            let edges: Vec<_> = edges.into_iter().filter(|(_, steps)| *steps != 0).collect();
            prop_assert_eq!(edges, vec![(window.start, 1), (window.end, -1)]);
            for width in [0].iter().chain(&WIDTHS) {
                let spans = terms.iter().filter(|(_, piece)| piece.width == *width);
                prop_assert!(spans.count() <= 2);
            }
        }
    }
}
