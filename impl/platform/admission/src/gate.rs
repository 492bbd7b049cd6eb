//! A bounded concurrency limit with a bounded queue, in which every subject has a share and a turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::requester::Requester;
use crate::subject::Subject;

/// Admits `size` at once and lets `queue` more wait for at most `patience`. Clones share the limit.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    size: usize,
    queue: usize,
    patience: Duration,
    keep: Keep,
    room: Mutex<Room>,
    /// Notified when the last permit of a closed gate is dropped.
    empty: Notify,
}

/// How much is kept free for other subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// A subject that is alone leaves one place in so many free: permits may be held for long.
    OneIn(usize),
    /// Nothing: permits are released soon, and turns are enough.
    Nothing,
}

/// Why a subject was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The subject itself holds or waits for more than its share.
    Share,
    /// The queue is full, or the wait timed out.
    Full,
    /// The gate was closed for good.
    Closed,
}

#[derive(Default)]
struct Room {
    inside: usize,
    waiting: usize,
    closed: bool,
    last: u64,
    lines: HashMap<Option<Subject>, Line>,
    /// Subjects with waiting requests, in the order of their turns.
    turns: VecDeque<Option<Subject>>,
}

/// What a subject holds and waits for at a gate.
#[derive(Default)]
struct Line {
    inside: usize,
    waiting: VecDeque<(u64, oneshot::Sender<Permit>)>,
}

impl Line {
    fn present(&self) -> usize {
        self.inside + self.waiting.len()
    }
}

/// A place inside, released on drop.
pub struct Permit(Option<(Gate, Option<Subject>)>);

impl Gate {
    /// A gate for `size` at once, with a queue of `queue` that wait for at most `patience`.
    pub fn new(size: usize, queue: usize, patience: Duration, keep: Keep) -> Self {
        Self(Arc::new(Inner { size, queue, patience, keep, room: Mutex::default(), empty: Notify::new() }))
    }

    /// Enters for the subject of the current request. Cancelling the wait is safe.
    pub async fn enter(&self) -> Result<Permit, Refused> {
        self.enter_for(Requester::current().map(|requester| requester.subject())).await
    }

    /// Enters for a subject.
    pub async fn enter_for(&self, subject: Option<Subject>) -> Result<Permit, Refused> {
        let mut wait = match self.come(subject)? {
            Come::In(permit) => return Ok(permit),
            Come::Wait(wait) => wait,
        };
        match timeout(self.0.patience, &mut wait.turn).await {
            Ok(Ok(permit)) => Ok(permit),
            // Removed from the queue: in favour of a subject with a shorter line, or because the gate was closed.
            Ok(Err(_)) if self.room().closed => Err(Refused::Closed),
            Ok(Err(_)) => Err(Refused::Share),
            Err(_) => Err(self.room().blame(subject, self.0.size)),
        }
    }

    fn come(&self, subject: Option<Subject>) -> Result<Come<'_>, Refused> {
        let mut room = self.room();
        if room.closed {
            return Err(Refused::Closed);
        }
        if room.lines.get(&subject).is_none_or(|line| line.waiting.is_empty()) && self.may_enter(&room, subject) {
            return Ok(Come::In(self.let_in(&mut room, subject)));
        }
        if room.waiting >= self.0.queue {
            room.shorten_longest(subject, self.0.size)?;
        }
        room.last += 1;
        let number = room.last;
        let (sender, turn) = oneshot::channel();
        let line = room.lines.entry(subject).or_default();
        line.waiting.push_back((number, sender));
        let first = line.waiting.len() == 1;
        room.waiting += 1;
        if first && !room.turns.contains(&subject) {
            room.turns.push_back(subject);
        }
        Ok(Come::Wait(Wait { gate: self, subject, number, turn }))
    }

    /// Whether a subject may have one more place: the first always, more while enough is left for others.
    fn may_enter(&self, room: &Room, subject: Option<Subject>) -> bool {
        let free = self.0.size.saturating_sub(room.inside);
        let held = room.lines.get(&subject).map_or(0, |line| line.inside);
        let within = match self.0.keep {
            Keep::OneIn(parts) => held == 0 || held < parts.saturating_sub(1) * free.saturating_sub(1),
            Keep::Nothing => true,
        };
        free > 0 && (subject.is_none() || within)
    }

    fn let_in(&self, room: &mut Room, subject: Option<Subject>) -> Permit {
        room.inside += 1;
        room.lines.entry(subject).or_default().inside += 1;
        Permit(Some((self.clone(), subject)))
    }

    fn go_out(&self, subject: Option<Subject>) {
        let mut room = self.room();
        room.leave(subject);
        self.call(&mut room);
        if room.closed && room.inside == 0 {
            self.0.empty.notify_waiters();
        }
    }

    /// Admits waiting subjects in turn, as long as there is room for any of them.
    fn call(&self, room: &mut Room) {
        let mut passed = 0;
        while room.inside < self.0.size && passed < room.turns.len() {
            let Some(subject) = room.turns.pop_front() else { return };
            let waits = room.lines.get(&subject).is_some_and(|line| !line.waiting.is_empty());
            if !waits {
                room.forget(subject);
                continue;
            }
            if !self.may_enter(room, subject) {
                room.turns.push_back(subject);
                passed += 1;
                continue;
            }
            let line = room.lines.get_mut(&subject).and_then(|line| line.waiting.pop_front());
            room.waiting -= 1;
            if let Some((_, sender)) = line {
                let permit = self.let_in(room, subject);
                if let Err(mut permit) = sender.send(permit) {
                    // The waiter was cancelled at this moment; dropping the permit would lock the room again.
                    permit.0 = None;
                    room.leave(subject);
                }
                passed = 0;
            }
            room.turns.push_back(subject);
        }
    }

    /// How many it admits, how many hold a permit, how many wait.
    pub fn state(&self) -> (usize, usize, usize) {
        let room = self.room();
        (self.0.size, room.inside, room.waiting)
    }

    /// Admits no one any more, and waits until all permits are released.
    pub async fn close(&self) {
        let turned_away = {
            let mut room = self.room();
            room.closed = true;
            room.waiting = 0;
            room.turns.clear();
            room.lines.values_mut().map(|line| std::mem::take(&mut line.waiting)).collect::<Vec<_>>()
        };
        drop(turned_away);
        loop {
            let empty = self.0.empty.notified();
            if self.room().inside == 0 {
                return;
            }
            empty.await;
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn leave(&mut self, subject: Option<Subject>) {
        self.inside = self.inside.saturating_sub(1);
        if let Some(line) = self.lines.get_mut(&subject) {
            line.inside = line.inside.saturating_sub(1);
        }
        self.forget(subject);
    }

    fn forget(&mut self, subject: Option<Subject>) {
        if self.lines.get(&subject).is_some_and(|line| line.present() == 0) {
            self.lines.remove(&subject);
        }
    }

    /// Makes room in a full queue: removes the latest waiter of the subject with the longest line, which may be the newcomer.
    fn shorten_longest(&mut self, newcomer: Option<Subject>, size: usize) -> Result<(), Refused> {
        let own = self.lines.get(&newcomer).map_or(0, |line| line.waiting.len());
        let length = |subject: &Option<Subject>| self.lines.get(subject).map_or(0, |line| line.waiting.len());
        let longest = self.turns.iter().copied().max_by_key(length);
        match longest.filter(|longest| length(longest) > own + 1) {
            Some(longest) => {
                let sent_away = self.lines.get_mut(&longest).and_then(|line| line.waiting.pop_back());
                self.waiting -= usize::from(sent_away.is_some());
                Ok(())
            }
            None => Err(self.blame(newcomer, size)),
        }
    }

    /// Why a subject is rejected: its own share when it has more than its part of the gate, or when there is room that it may
    /// not have.
    fn blame(&self, subject: Option<Subject>, size: usize) -> Refused {
        let own = self.lines.get(&subject).map_or(0, Line::present);
        let all = self.inside + self.waiting;
        let others = self.lines.len() > 1;
        match subject {
            Some(_) if self.inside < size || others && own * self.lines.len() > all => Refused::Share,
            _ => Refused::Full,
        }
    }
}

enum Come<'a> {
    In(Permit),
    Wait(Wait<'a>),
}

/// A place in the queue, given up when the wait is cancelled.
struct Wait<'a> {
    gate: &'a Gate,
    subject: Option<Subject>,
    number: u64,
    turn: oneshot::Receiver<Permit>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut room = self.gate.room();
        let Some(line) = room.lines.get_mut(&self.subject) else { return };
        // Waiters are admitted in order, so the queue is sorted; usually this one is not in it any more.
        if let Ok(at) = line.waiting.binary_search_by_key(&self.number, |(number, _)| *number) {
            line.waiting.remove(at);
            room.waiting -= 1;
            room.forget(self.subject);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((gate, subject)) = self.0.take() {
            gate.go_out(subject);
        }
    }
}

#[cfg(test)]
mod tests;
