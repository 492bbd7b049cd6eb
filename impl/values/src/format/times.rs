//! Dates, times and durations: RFC 3339, 5.6, and its appendix A.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};

use crate::pattern::Pattern;

/// RFC 3339 full-date.
pub fn date(text: &str) -> Option<NaiveDate> {
    // The year 0 is none that Postgres and most programs know.
    calendar_date(text).filter(|date| date.year() > 0)
}

fn calendar_date(text: &str) -> Option<NaiveDate> {
    is_like(text, "0000-00-00").then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// The first second that a date-time is taken and shown of.
pub const EARLIEST: DateTime<Utc> = DateTime::<Utc>::from_timestamp(-62_135_596_800, 0).expect("a time");

/// RFC 3339 date-time; `assume_utc` also takes one without offset and a date alone.
///
/// It is validated as it is stored and returned, which is in UTC and without leap seconds: the offset may push it out of the
/// years that can be written, and 23:59:60 is the next day's first second. Whatever this yields can be written again.
pub fn date_time(text: &str, assume_utc: bool) -> Option<DateTime<Utc>> {
    let strict = DateTime::parse_from_rfc3339(text).ok().filter(|_| is_date_time(text)).map(|time| time.to_utc());
    let lenient = || {
        if text.len() > 10
            && !is_like(text.get(..16)?, "0000-00-00T00:00")
            && !is_like(text.get(..16)?, "0000-00-00 00:00")
        {
            return None;
        }
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
            .into_iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .or_else(|| date(text).and_then(|day| day.and_hms_opt(0, 0, 0)))
            .map(|time| time.and_utc())
    };
    let time = strict.or_else(|| if assume_utc { lenient() } else { None })?;
    let time = if time.nanosecond() < SECOND { time } else { after_leap_second(time)? };
    (1..=9999).contains(&time.year()).then_some(time)
}

/// In nanoseconds; chrono writes a leap second as the one before it with more of them.
const SECOND: u32 = 1_000_000_000;

/// Leap seconds are the last of a day in UTC (RFC 3339, 5.7), and nobody's clock but the client's has them.
fn after_leap_second(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if (time.hour(), time.minute()) != (23, 59) {
        return None;
    }
    DateTime::from_timestamp(time.timestamp() + 1, time.nanosecond() - SECOND)
}

/// Whether digits stand where the model has 0, and its other characters where it has them. chrono takes more: signs
/// before a year, single digits.
fn is_like(text: &str, model: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == model.len() && text.bytes().zip(model.bytes()).all(fits)
}

/// RFC 3339 full-date; years from 0000 to 9999.
pub(super) fn is_date(text: &str) -> bool {
    calendar_date(text).is_some()
}

/// RFC 3339 date-time.
pub(super) fn is_date_time(text: &str) -> bool {
    parted(text).is_some_and(|(date, time)| is_date(date) && is_time(time))
}

/// As [`is_date_time`], without an offset.
pub(super) fn is_local_date_time(text: &str) -> bool {
    parted(text).is_some_and(|(date, time)| is_date(date) && is_local_time(time))
}

fn parted(text: &str) -> Option<(&str, &str)> {
    text.split_once(['T', 't'])
}

/// RFC 3339 full-time.
pub(super) fn is_time(text: &str) -> bool {
    let Some((time, offset)) = text.find(['Z', 'z', '+', '-']).map(|at| text.split_at(at)) else { return false };
    let shift = match offset {
        "Z" | "z" => Some(0),
        _ if is_like(&offset[1..], "00:00") => {
            let (hours, minutes) = (number(&offset[1..3]), number(&offset[4..]));
            let shift = hours * 60 + minutes;
            (hours < 24 && minutes < 60).then_some(if offset.starts_with('-') { -shift } else { shift })
        }
        _ => None,
    };
    let (Some(shift), Some((minute, second))) = (shift, clock(time)) else { return false };
    // Leap seconds are the last of a day in UTC (5.7).
    second < 60 || (minute - shift).rem_euclid(24 * 60) == 24 * 60 - 1
}

/// RFC 3339 partial-time.
pub(super) fn is_local_time(text: &str) -> bool {
    clock(text).is_some_and(|(minute, second)| second < 60 || minute == 24 * 60 - 1)
}

/// The minute of the day and the second, which may be a leap second.
fn clock(text: &str) -> Option<(i32, i32)> {
    let (whole, fraction) = text.split_at_checked(8)?;
    let digits = fraction
        .strip_prefix('.')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_like(whole, "00:00:00") || !(fraction.is_empty() || digits) {
        return None;
    }
    let (hour, minute, second) = (number(&whole[..2]), number(&whole[3..5]), number(&whole[6..]));
    (hour < 24 && minute < 60 && second < 61).then_some((hour * 60 + minute, second))
}

fn number(digits: &str) -> i32 {
    digits.bytes().fold(0, |number, digit| number * 10 + i32::from(digit - b'0'))
}

/// ISO 8601 durations, as RFC 3339, appendix A, has them: no unit between two that are there is left out, weeks stand alone.
pub(super) fn is_duration(text: &str) -> bool {
    static DURATION: Pattern = Pattern::new(
        r"^P(?!$)(?:\d+W|(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)$",
    );
    DURATION.matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert!(date_time("2025-01-02T03:04:05Z", false).is_some());
        assert!(date_time("2025-01-02T03:04:05.123+02:00", false).is_some());
        for naive in ["2025-01-02T03:04:05", "2025-01-02T03:04:05.123456", "2025-01-02 03:04:05", "2025-01-02"] {
            assert!(date_time(naive, false).is_none(), "{naive}");
            assert!(date_time(naive, true).is_some(), "{naive}");
        }
        for bad in ["2025-13-01T00:00:00Z", "2025-02-30", "tomorrow", "", "9999-12-31T23:59:59-01:00"] {
            assert!(date_time(bad, true).is_none(), "{bad}");
        }
        assert!(date("2024-02-29").is_some() && date("2025-02-29").is_none() && date("2025-2-01").is_none());
        assert!(date("0000-01-01").is_none() && date("0001-01-01").is_some());
    }

    #[test]
    fn times_are_judged_as_they_are_shown() {
        for (typed, shown) in [
            ("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00+00:00")),
            ("2016-12-31T23:59:60.5Z", Some("2017-01-01T00:00:00.500+00:00")),
            ("2017-01-01T00:59:60+01:00", Some("2017-01-01T00:00:00+00:00")),
            ("2016-12-31T22:59:60-01:00", Some("2017-01-01T00:00:00+00:00")),
            ("2016-12-31T23:59:60+01:00", None),
            ("2016-12-31T12:00:60Z", None),
            ("2016-12-31 23:59:60", Some("2017-01-01T00:00:00+00:00")),
            ("9999-12-31T23:59:60Z", None),
            ("9999-12-31T23:59:60", None),
            ("9999-12-31T23:59:59.9999999Z", Some("9999-12-31T23:59:59.999999900+00:00")),
            ("9999-12-31T22:59:60-01:00", None),
            ("0000-12-31T23:59:60Z", Some("0001-01-01T00:00:00+00:00")),
            ("0000-01-01T00:00:00Z", None),
            ("0000-12-31T23:59:59.999Z", None),
            ("0000-12-31", None),
            ("0000-12-31T23:00:00-01:00", Some("0001-01-01T00:00:00+00:00")),
            ("0001-01-01T00:00:00+00:01", None),
        ] {
            assert_eq!(date_time(typed, true).map(|time| time.to_rfc3339()).as_deref(), shown, "{typed}");
        }
        assert_eq!(EARLIEST.to_rfc3339(), "0001-01-01T00:00:00+00:00");
    }

    proptest::proptest! {
        /// What is taken is written again as the same time, whatever the offset.
        #[test]
        fn what_is_taken_can_be_shown(
            (year, month, day) in (0..=9999_u32, 1..=12_u32, 1..=31_u32),
            (hour, minute, second) in (0..=24_u32, 0..=60_u32, 0..=61_u32),
            fraction in "(\\.[0-9]{1,12})?",
            offset in "Z|[+-](0[0-9]|1[0-9]|2[0-4]):[0-5][0-9]|",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}");
            if let Some(time) = date_time(&text, true) {
                let shown = serde_json::to_string(&time).expect("a string");
                let shown = shown.trim_matches('"');
                proptest::prop_assert_eq!(shown.find('-'), Some(4), "{} is shown as {}", text, shown);
                proptest::prop_assert_eq!(date_time(shown, false), Some(time), "{} is shown as {}", text, shown);
            }
        }
    }
}
