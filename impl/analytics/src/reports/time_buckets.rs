//! Where the minutes, hours and days of a time zone begin.
//!
//! A day begins when the date does, whether clocks were changed meanwhile or not; so days have 23 to 25 hours, and each of
//! their hours is one. Offsets have been multiples of 15 minutes everywhere since 1972, so beginnings are looked for on
//! those; before that a bucket may begin some minutes late.

use analytics_api::models::Interval;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use crate::reports::window::{MINUTE, Window, floor};

/// Where clocks may strike.
const QUARTER: i64 = 15;
/// No day is shorter.
const SHORTEST_DAY: TimeDelta = TimeDelta::hours(22);
/// No bucket is longer than so many usual ones: a date was lived through twice where a zone moved over the date line.
const LONGEST: i32 = 2;

/// The beginnings of all buckets that are in the window, at least in part; nothing when there are more than `most`.
pub(crate) fn beginnings(window: Window, interval: Interval, zone: Tz, most: usize) -> Option<Vec<DateTime<Utc>>> {
    // A window that is much too large is told by its length: looking up the clocks of thousands of buckets takes a while.
    let longest = usual_length(interval) * LONGEST;
    if (window.end - window.start).num_minutes() / longest.num_minutes() > i64::try_from(most).unwrap_or(i64::MAX) {
        return None;
    }
    let mut begins = first(window.start, interval, zone);
    let mut all = Vec::new();
    while begins < window.end {
        if all.len() == most {
            return None;
        }
        all.push(begins);
        begins = next(begins, interval, zone);
    }
    Some(all)
}

/// The beginning of the bucket a time is in.
fn first(time: DateTime<Utc>, interval: Interval, zone: Tz) -> DateTime<Utc> {
    if interval == Interval::Minute {
        return floor(time, MINUTE);
    }
    let mut begins = floor(time, QUARTER);
    while !is_beginning(begins, interval, zone) {
        begins -= TimeDelta::minutes(QUARTER);
    }
    // West of Greenwich the first day of all begins in a year that no date-time can be written in.
    begins.max(contract::EARLIEST)
}

/// How long a bucket is where no clock is changed.
fn usual_length(interval: Interval) -> TimeDelta {
    match interval {
        Interval::Minute => TimeDelta::minutes(MINUTE),
        Interval::Hour => TimeDelta::hours(1),
        Interval::Day => TimeDelta::days(1),
    }
}

/// The beginning of the bucket after the one that begins there.
fn next(begins: DateTime<Utc>, interval: Interval, zone: Tz) -> DateTime<Utc> {
    let usual = begins + usual_length(interval);
    if interval == Interval::Minute || is_whole(begins, usual, interval, zone) {
        return usual;
    }
    next_by_quarters(begins, interval, zone)
}

/// The beginning of the next hour or day, looked for on every quarter of an hour.
fn next_by_quarters(begins: DateTime<Utc>, interval: Interval, zone: Tz) -> DateTime<Utc> {
    let quarter = TimeDelta::minutes(QUARTER);
    let mut next = if interval == Interval::Day { floor(begins + SHORTEST_DAY, QUARTER) } else { begins + quarter };
    while !is_beginning(next, interval, zone) {
        next += quarter;
    }
    next
}

/// Whether a bucket is as long as usual: its clock strikes where it begins, and shows as much more where it ends.
fn is_whole(begins: DateTime<Utc>, ends: DateTime<Utc>, interval: Interval, zone: Tz) -> bool {
    let (start, end) = (begins.with_timezone(&zone).naive_local(), ends.with_timezone(&zone).naive_local());
    let strikes = match interval {
        Interval::Day => start.time() == NaiveTime::MIN,
        Interval::Minute | Interval::Hour => start.minute() == 0 && start.second() == 0,
    };
    strikes && end - start == ends - begins
}

/// Whether an hour or a day begins at a quarter of an hour: the clock shows that it does, or was put forward past it.
fn is_beginning(time: DateTime<Utc>, interval: Interval, zone: Tz) -> bool {
    let now = Clock::at(time, zone);
    let before = Clock::at(time - TimeDelta::minutes(QUARTER), zone);
    match interval {
        Interval::Minute => true,
        Interval::Hour => now.minute == 0 || now.hour != before.hour,
        // Put back over midnight, the date is the day before once more.
        Interval::Day => now.date > before.date,
    }
}

/// What clocks show.
struct Clock {
    date: NaiveDate,
    hour: u32,
    minute: u32,
}

impl Clock {
    fn at(time: DateTime<Utc>, zone: Tz) -> Self {
        let local = time.with_timezone(&zone).naive_local();
        Self { date: local.date(), hour: local.hour(), minute: local.minute() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths in minutes of all buckets between two local midnights, given in UTC.
    fn lengths(zone: &str, interval: Interval, start: &str, end: &str) -> Vec<i64> {
        let window = Window { start: start.parse().expect("a time"), end: end.parse().expect("a time") };
        let mut all = beginnings(window, interval, zone.parse().expect("a zone"), 10_000).expect("not too many");
        assert_eq!(all[0], window.start);
        all.push(window.end);
        all.windows(2).map(|pair| (pair[1] - pair[0]).num_minutes()).collect()
    }

    #[test]
    fn days_have_as_many_hours_as_they_have() {
        let spring = ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        assert_eq!(lengths("Europe/Berlin", Interval::Day, spring.0, spring.1), [23 * 60]);
        assert_eq!(lengths("Europe/Berlin", Interval::Hour, spring.0, spring.1), [60; 23]);
        let autumn = ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(lengths("Europe/Berlin", Interval::Day, autumn.0, autumn.1), [25 * 60]);
        assert_eq!(lengths("Europe/Berlin", Interval::Hour, autumn.0, autumn.1), [60; 25]);
    }

    #[test]
    fn a_day_begins_with_its_date_also_where_it_has_no_midnight() {
        // In São Paulo clocks went from 0:00 to 1:00 on 4 November 2018.
        let days = lengths("America/Sao_Paulo", Interval::Day, "2018-11-03T03:00:00Z", "2018-11-06T02:00:00Z");
        assert_eq!(days, [24 * 60, 23 * 60, 24 * 60]);
        // Samoa had no 30 December 2011.
        let days = lengths("Pacific/Apia", Interval::Day, "2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z");
        assert_eq!(days, [24 * 60, 24 * 60]);
    }

    #[test]
    fn hours_begin_where_clocks_strike() {
        let hours = lengths("Asia/Kathmandu", Interval::Hour, "2026-01-01T00:15:00Z", "2026-01-01T03:15:00Z");
        assert_eq!(hours, [60, 60, 60]);
        // Lord Howe Island changes by half an hour: from 2:00 to 2:30, and from 2:00 to 1:30.
        let hours = lengths("Australia/Lord_Howe", Interval::Hour, "2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z");
        assert_eq!(hours, [60, 30, 60]);
        let hours = lengths("Australia/Lord_Howe", Interval::Hour, "2026-04-04T13:00:00Z", "2026-04-04T16:30:00Z");
        assert_eq!(hours, [60, 90, 60]);
    }

    #[test]
    fn a_window_in_the_middle_of_a_bucket_has_that_bucket() {
        let now = "2026-01-31T09:30:10Z".parse().expect("a time");
        let window = Window { start: now, end: now + TimeDelta::seconds(1) };
        let begins = |interval| beginnings(window, interval, Tz::Europe__Berlin, 1).expect("one")[0].to_rfc3339();
        assert_eq!(begins(Interval::Minute), "2026-01-31T09:30:00+00:00");
        assert_eq!(begins(Interval::Hour), "2026-01-31T09:00:00+00:00");
        assert_eq!(begins(Interval::Day), "2026-01-30T23:00:00+00:00");
        assert_eq!(beginnings(window, Interval::Day, Tz::UTC, 0), None);
    }

    #[test]
    fn what_is_as_long_as_usual_need_not_be_looked_for() {
        for (zone, year) in [
            (Tz::Europe__Berlin, 2026),
            (Tz::America__Sao_Paulo, 2018),
            (Tz::Australia__Lord_Howe, 2026),
            (Tz::Pacific__Apia, 2011),
            (Tz::Asia__Kathmandu, 1986),
            (Tz::America__St_Johns, 2006),
            (Tz::Africa__Casablanca, 2026),
        ] {
            let end: DateTime<Utc> = format!("{}-01-02T00:00:00Z", year + 1).parse().expect("a time");
            for interval in [Interval::Hour, Interval::Day] {
                let mut begins = first(end - TimeDelta::days(366), interval, zone);
                while begins < end {
                    let next = next(begins, interval, zone);
                    assert_eq!(next, next_by_quarters(begins, interval, zone), "{zone} {begins} {interval:?}");
                    begins = next;
                }
            }
        }
    }

    #[test]
    fn a_window_with_far_too_many_buckets_is_told_at_once() {
        let start: DateTime<Utc> = "0001-01-01T00:00:00Z".parse().expect("a time");
        let window = Window { start, end: start + TimeDelta::days(3_000_000) };
        for interval in [Interval::Minute, Interval::Hour, Interval::Day] {
            assert_eq!(beginnings(window, interval, Tz::Europe__Berlin, 10_000), None);
        }
    }

    #[test]
    fn every_zone_goes_on_at_any_time() {
        for year in ["0001", "1883", "1971", "2026", "9998"] {
            let start: DateTime<Utc> = format!("{year}-03-01T00:00:07Z").parse().expect("a time");
            let window = Window { start, end: start + TimeDelta::days(60) };
            for zone in chrono_tz::TZ_VARIANTS {
                let days = beginnings(window, Interval::Day, zone, 100).expect("not too many");
                assert!((60..=62).contains(&days.len()), "{zone} {year}: {}", days.len());
                assert!(days[0] <= start && days.is_sorted(), "{zone} {year}");
            }
        }
    }
}
