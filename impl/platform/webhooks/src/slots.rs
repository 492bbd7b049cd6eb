//! How much is being sent, and how much more may be: by the process, to a host, for a recipient.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests of a process at a time.
pub(crate) const MAX_REQUESTS: usize = 32;
/// Of these to one host.
pub(crate) const MAX_PER_HOST: usize = 4;
/// Of these for one account, however many hosts it names. The operator's are not limited.
pub(crate) const MAX_PER_ACCOUNT: usize = 8;

/// What is due for a recipient at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) recipient: i64,
    pub(crate) host: String,
    pub(crate) is_due: bool,
}

/// How many of a lane may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) recipient: i64,
    pub(crate) host: String,
    pub(crate) room: i64,
}

/// Requests that are being sent. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<Taken>>);

#[derive(Debug, Clone, Default)]
struct Taken {
    all: usize,
    hosts: HashMap<String, usize>,
    recipients: HashMap<i64, usize>,
}

/// A request that is being sent, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    recipient: i64,
    host: String,
}

impl Slots {
    /// Whether anything more may be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().all >= MAX_REQUESTS
    }

    /// Takes a slot for a request that was claimed.
    pub(crate) fn take(&self, recipient: i64, host: &str) -> Slot {
        self.lock().add(recipient, host, 1);
        Slot { slots: self.clone(), recipient, host: host.to_owned() }
    }

    /// What may be claimed of these lanes, in their order; and how many of them were looked at before nothing more may be sent.
    pub(crate) fn shares(&self, lanes: &[Lane]) -> (Vec<Share>, usize) {
        let mut taken = self.lock().clone();
        let mut shares = Vec::new();
        for (index, Lane { recipient, host, is_due }) in lanes.iter().enumerate() {
            if taken.all >= MAX_REQUESTS {
                return (shares, index);
            }
            let room = if *is_due { taken.room(*recipient, host) } else { 0 };
            if room > 0 {
                taken.add(*recipient, host, room);
                let room = i64::try_from(room).unwrap_or(i64::MAX);
                shares.push(Share { recipient: *recipient, host: host.clone(), room });
            }
        }
        (shares, lanes.len())
    }

    /// Accounts that have no room.
    pub(crate) fn without_room(&self) -> Vec<i64> {
        let taken = self.lock();
        let full = taken.recipients.iter().filter(|(recipient, count)| **recipient != 0 && **count >= MAX_PER_ACCOUNT);
        full.map(|(recipient, _)| *recipient).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn room(&self, recipient: i64, host: &str) -> usize {
        let of_host = MAX_PER_HOST.saturating_sub(self.hosts.get(host).copied().unwrap_or_default());
        let of_recipient = match recipient {
            0 => MAX_REQUESTS,
            _ => MAX_PER_ACCOUNT.saturating_sub(self.recipients.get(&recipient).copied().unwrap_or_default()),
        };
        of_host.min(of_recipient).min(MAX_REQUESTS.saturating_sub(self.all))
    }

    fn add(&mut self, recipient: i64, host: &str, count: usize) {
        self.all += count;
        *self.hosts.entry(host.to_owned()).or_default() += count;
        *self.recipients.entry(recipient).or_default() += count;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.all = taken.all.saturating_sub(1);
        // What is zero is forgotten: hosts are as many as strangers name.
        if let Some(count) = taken.hosts.get_mut(&self.host) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = taken.recipients.get_mut(&self.recipient) {
            *count = count.saturating_sub(1);
        }
        taken.hosts.retain(|_, count| *count > 0);
        taken.recipients.retain(|_, count| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(recipient: i64, host: &str) -> Lane {
        Lane { recipient, host: host.to_owned(), is_due: true }
    }

    fn rooms(slots: &Slots, lanes: &[Lane]) -> Vec<i64> {
        slots.shares(lanes).0.iter().map(|share| share.room).collect()
    }

    #[test]
    fn a_host_has_its_share_and_so_has_an_account() {
        let slots = Slots::default();
        let waiting = Lane { is_due: false, ..lane(3, "waiting") };
        let lanes = [lane(0, "a"), lane(1, "a"), lane(1, "b"), waiting, lane(1, "c"), lane(1, "d"), lane(2, "b")];
        assert_eq!(rooms(&slots, &lanes), [4, 4, 4], "a for the operator, b and c for the first account");
        let held: Vec<Slot> = (0..3).map(|_| slots.take(1, "b")).collect();
        assert_eq!(rooms(&slots, &lanes[2..]), [1, 4], "b has one left, and the account 5");
        let more: Vec<Slot> = (0..5).map(|number| slots.take(1, &format!("host{number}"))).collect();
        assert_eq!((rooms(&slots, &lanes[2..]), slots.without_room()), (vec![1], vec![1]), "for the second account");
        drop((held, more));
        assert_eq!((rooms(&slots, &lanes[2..]), slots.without_room()), (vec![4, 4], Vec::new()));
        assert!(slots.lock().hosts.is_empty() && slots.lock().recipients.is_empty(), "nothing is remembered");
    }

    #[test]
    fn a_full_process_stops_where_it_goes_on() {
        let slots = Slots::default();
        let lanes: Vec<Lane> = (0..20).map(|number| lane(0, &format!("host{number}"))).collect();
        let (shares, looked_at) = slots.shares(&lanes);
        assert_eq!((shares.len(), looked_at), (8, 8));
        let held: Vec<Slot> = (0..MAX_REQUESTS).map(|number| slots.take(0, &format!("host{}", number / 4))).collect();
        assert!(slots.is_full());
        assert_eq!(slots.shares(&lanes), (Vec::new(), 0));
        drop(held);
        assert!(!slots.is_full());
    }
}
