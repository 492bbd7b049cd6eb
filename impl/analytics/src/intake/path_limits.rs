//! How many new paths a reporter may have, in this process.

use std::collections::HashMap;

use chrono::{NaiveDate, Utc};

use crate::intake::page_view::Reporter;

/// How many new paths there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathLimits {
    /// Of one reporter in a minute, in this process.
    pub(crate) a_minute: u32,
    /// Of all in a day; of one reporter a quarter of it. Superusers have as many as there is room for.
    pub(crate) a_day: u32,
    /// In the dictionary.
    pub(crate) in_all: u32,
}

/// New paths by reporter. There are no more reporters than new paths of a day.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    day: NaiveDate,
    minute: i64,
    of_minute: HashMap<Reporter, u32>,
    of_day: HashMap<Reporter, u32>,
}

impl Taken {
    /// Whether a reporter may have one more, which then is taken.
    pub(crate) fn take(&mut self, reporter: Reporter, limits: PathLimits) -> bool {
        let (now, day) = (Utc::now().timestamp() / 60, Utc::now().date_naive());
        if self.day != day {
            *self = Self { day, ..Self::default() };
        }
        if self.minute != now {
            (self.minute, self.of_minute) = (now, HashMap::new());
        }
        if reporter == Reporter::Superuser {
            return true;
        }
        let of = |counts: &HashMap<Reporter, u32>| counts.get(&reporter).copied().unwrap_or(0);
        if of(&self.of_minute) >= limits.a_minute || of(&self.of_day) >= limits.a_day.div_ceil(4) {
            return false;
        }
        *self.of_minute.entry(reporter).or_default() += 1;
        *self.of_day.entry(reporter).or_default() += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reporter_has_his_part() {
        let limits = PathLimits { a_minute: 3, a_day: 20, in_all: 100 };
        let mut taken = Taken::default();
        let at = |text: &str| Reporter::at(Some(text.parse().expect("an address")));
        let mut take = |reporter, times: usize| (0..times).filter(|_| taken.take(reporter, limits)).count();
        assert_eq!(take(at("2001:db8:1:2::1"), 2), 2);
        assert_eq!(take(at("2001:db8:1:2::7"), 5), 1, "one customer");
        assert_eq!(take(at("192.0.2.1"), 5), 3);
        assert_eq!(take(Reporter::User(1), 5), 3);
        assert_eq!(take(Reporter::Superuser, 50), 50);
        // Minutes go by, and the day's part is used up.
        taken.of_minute.clear();
        let more = (0..9).filter(|_| taken.take(at("192.0.2.1"), limits)).count();
        assert_eq!(more, 2);
    }
}
