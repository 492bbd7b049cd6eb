//! Budgets: the cost of a subject's requests beyond what every request may cost is charged, and refilled over time.
//!
//! Only what is expensive is charged: of a statement the time beyond 100 ms, of a response the bytes beyond 256 KiB, of a handler
//! the CPU time beyond 5 ms. Many cheap requests are bounded by shares and turns, which cost other clients nothing; a budget
//! would only reject what could have been served. For the same reason a client that is alone is not charged: only while others
//! send requests, too, does it take anything from them. A used-up budget rejects a request before its work begins, never in
//! between.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::subject::Subject;

/// A subject is present for so long after its last request.
const PRESENCE_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds in which a used-up budget is refilled.
const REFILL_SECONDS: f64 = 60.0;
/// Accounts in memory, some 2 MB.
const MAX_ACCOUNTS: usize = 20_000;

const COSTS: usize = 4;

/// A resource with a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Seconds that its statements ran.
    Database,
    /// Seconds of a core spent on hashing passwords.
    Hashing,
    /// Bytes sent.
    Bytes,
    /// Seconds of CPU time used by its requests.
    Processor,
}

impl Cost {
    pub(crate) const ALL: [Self; COSTS] = [Self::Database, Self::Hashing, Self::Bytes, Self::Processor];

    /// The label in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database_time",
            Self::Hashing => "password_hashing_time",
            Self::Bytes => "bytes_sent",
            Self::Processor => "cpu_time",
        }
    }
}

/// The costs charged to each subject.
pub struct Budgets {
    /// The budget per minute, by [`Cost`]; 0 is without bound.
    amounts: [f64; COSTS],
    accounts: Mutex<Accounts>,
}

#[derive(Default)]
struct Accounts {
    used: HashMap<Subject, Account>,
    /// The two subjects with the most recent requests.
    present: [Option<(Subject, Instant)>; 2],
}

struct Account {
    used: [f64; COSTS],
    at: Instant,
}

impl Budgets {
    pub fn new(amounts: [f64; COSTS]) -> Self {
        Self { amounts, accounts: Mutex::default() }
    }

    /// Checks the budgets of a subject before a request.
    ///
    /// # Errors
    /// The exhausted budget, and how long the subject must wait.
    pub fn check(&self, subject: Subject) -> Result<(), (Cost, Duration)> {
        let now = Instant::now();
        let mut accounts = self.lock();
        accounts.meet(subject, now);
        let Some(account) = accounts.used.get_mut(&subject) else { return Ok(()) };
        account.refill(&self.amounts, now);
        for cost in Cost::ALL {
            let (used, amount) = (account.used[cost as usize], self.amounts[cost as usize]);
            if amount > 0.0 && used > amount {
                return Err((cost, Duration::from_secs_f64((used - amount) / amount * REFILL_SECONDS)));
            }
        }
        Ok(())
    }

    /// Charges a subject, if others are present.
    pub fn charge(&self, subject: Subject, cost: Cost, amount: f64) {
        let now = Instant::now();
        let mut accounts = self.lock();
        if amount <= 0.0 || !accounts.others(subject, now) {
            return;
        }
        if accounts.used.len() >= MAX_ACCOUNTS && !accounts.used.contains_key(&subject) {
            let amounts = self.amounts;
            accounts.used.retain(|_, account| {
                account.refill(&amounts, now);
                account.used.iter().any(|used| *used > 0.0)
            });
            if accounts.used.len() >= MAX_ACCOUNTS {
                // So many accounts cannot all have been charged much.
                accounts.used.clear();
            }
        }
        let account = accounts.used.entry(subject).or_insert(Account { used: [0.0; COSTS], at: now });
        account.refill(&self.amounts, now);
        account.used[cost as usize] += amount;
    }

    /// How many subjects have exhausted each budget.
    pub fn in_debt(&self) -> [(Cost, usize); COSTS] {
        let now = Instant::now();
        let mut accounts = self.lock();
        accounts.used.values_mut().for_each(|account| account.refill(&self.amounts, now));
        Cost::ALL.map(|cost| {
            let amount = self.amounts[cost as usize];
            let over = |account: &&Account| amount > 0.0 && account.used[cost as usize] > amount;
            (cost, accounts.used.values().filter(over).count())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    fn meet(&mut self, subject: Subject, now: Instant) {
        let [last, before] = &mut self.present;
        if last.is_none_or(|(known, _)| known != subject) {
            *before = *last;
        }
        *last = Some((subject, now));
    }

    /// Whether another subject sent a request recently.
    fn others(&self, subject: Subject, now: Instant) -> bool {
        let here = |(known, at): &(Subject, Instant)| *known != subject && now.duration_since(*at) < PRESENCE_TIMEOUT;
        self.present.iter().flatten().any(here)
    }
}

impl Account {
    fn refill(&mut self, amounts: &[f64; COSTS], now: Instant) {
        let part = now.duration_since(self.at).as_secs_f64() / REFILL_SECONDS;
        for (used, amount) in self.used.iter_mut().zip(amounts) {
            *used = (*used - amount * part).max(0.0);
        }
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Subject = Subject::User(1);
    const OTHER: Subject = Subject::User(2);

    #[test]
    fn who_is_alone_is_not_charged_and_who_is_not_pays_back() {
        let budgets = Budgets::new([20.0, 0.0, 100.0, 0.0]);
        budgets.check(ONE).expect("nothing used");
        budgets.charge(ONE, Cost::Database, 1_000.0);
        budgets.check(ONE).expect("nobody else was there");
        budgets.check(OTHER).expect("nothing used");
        budgets.charge(ONE, Cost::Hashing, 1_000.0);
        budgets.charge(ONE, Cost::Database, 19.0);
        budgets.check(ONE).expect("not all of it, and hashing has no bound");
        budgets.charge(ONE, Cost::Database, 11.0);
        let (cost, wait) = budgets.check(ONE).expect_err("used up");
        assert_eq!((cost, wait.as_secs_f64().round()), (Cost::Database, 30.0), "at a third of a second each second");
        budgets.check(OTHER).expect("another's debt");
        assert_eq!(budgets.in_debt().map(|(_, subjects)| subjects), [1, 0, 0, 0]);
        let later = Instant::now() + Duration::from_secs(31);
        budgets.lock().used.get_mut(&ONE).expect("its account").refill(&[20.0, 0.0, 100.0, 0.0], later);
        assert!(budgets.lock().used[&ONE].used[0] < 20.0);
    }

    #[test]
    fn memory_is_bounded() {
        let budgets = Budgets::new([1.0; COSTS]);
        for user in 0..50_000 {
            budgets.check(Subject::User(user)).expect("nothing used");
            budgets.charge(Subject::User(user), Cost::Bytes, 0.1);
        }
        assert!(budgets.lock().used.len() <= MAX_ACCOUNTS);
    }
}
