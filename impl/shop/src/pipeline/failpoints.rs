//! The boundaries between the steps of relay and worker, named, so that a test can end a process at each of them.
//!
//! Nothing is armed unless a test arms it; a debug build also reads `FAILPOINT=name:action` (`fail`, `panic` or `die`)
//! from its environment, a release build does not.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use platform::{Error, Result};

macro_rules! failpoints {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A boundary between two steps.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Failpoint {
            $($(#[$doc])* $variant,)*
        }

        impl Failpoint {
            /// Every boundary and its name.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),*];
        }
    };
}

failpoints! {
    /// The relay has marked messages as published, not put them into the stream.
    RelayClaimed = "relay-claimed",
    /// The relay has put messages into the stream.
    RelayPublished = "relay-published",
    /// The stream did not take the messages; they are still marked as published.
    RelayRefused = "relay-refused",
    /// A worker was given entries of the stream.
    WorkerReceived = "worker-received",
    /// A worker took over entries of another.
    WorkerClaimed = "worker-claimed",
    /// A batch has locked its messages.
    BatchBegun = "batch-begun",
    /// A batch has locked its orders and products as well.
    BatchLocked = "batch-locked",
    /// A batch has written everything.
    BatchWritten = "batch-written",
    /// A batch is committed.
    BatchCommitted = "batch-committed",
    /// The entries of a batch are acknowledged.
    BatchAcknowledged = "batch-acknowledged",
    /// A failure was counted.
    FailureCounted = "failure-counted",
    /// A message was made a dead letter.
    MessageBuried = "message-buried",
    /// An entry nobody can read was made a dead letter, and is not acknowledged.
    EntryBuried = "entry-buried",
    /// Expired reservations were given back, and are not committed.
    ExpiryWritten = "expiry-written",
    /// Expired reservations were given back.
    ExpiryCommitted = "expiry-committed",
    /// Messages the stream has lost were marked as unpublished.
    LossHealed = "loss-healed",
    /// The group of the workers was created.
    GroupCreated = "group-created",
}

/// What happens at a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// The step fails, once.
    Fail = 1,
    /// The step panics, once.
    Panic = 2,
    /// The process is gone, as after kill -9.
    Die = 3,
}

/// Which boundaries are armed.
#[derive(Debug, Default)]
pub struct Failpoints {
    armed: [AtomicU8; Failpoint::ALL.len()],
    poisoned: AtomicI64,
}

impl Failpoints {
    pub(crate) fn from_environment() -> Self {
        let failpoints = Self::default();
        if cfg!(debug_assertions)
            && let Ok(wanted) = std::env::var("FAILPOINT")
            && let Some((name, action)) = wanted.split_once(':')
        {
            let point = Failpoint::ALL.iter().find(|(known, _)| *known == name).map(|(_, point)| *point);
            let action = match action {
                "fail" => Some(Action::Fail),
                "panic" => Some(Action::Panic),
                "die" => Some(Action::Die),
                _ => None,
            };
            if let (Some(point), Some(action)) = (point, action) {
                failpoints.arm(point, action);
            }
        }
        failpoints
    }

    /// Has the next one who comes to the boundary do this.
    pub fn arm(&self, point: Failpoint, action: Action) {
        self.armed[point as usize].store(action as u8, Ordering::Relaxed);
    }

    /// Whether nobody came to the boundary since it was armed.
    pub fn is_armed(&self, point: Failpoint) -> bool {
        self.armed[point as usize].load(Ordering::Relaxed) != 0
    }

    /// Has the handler panic whenever it comes to this order; 0 for none.
    pub fn poison(&self, order: i64) {
        self.poisoned.store(order, Ordering::Relaxed);
    }

    pub(crate) fn hit(&self, point: Failpoint) -> Result<()> {
        let armed = &self.armed[point as usize];
        // Read before it is written: this is on the way of every message.
        if armed.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        match armed.swap(0, Ordering::Relaxed) {
            1 => Err(Error::internal(format!("failpoint {point:?}"))),
            2 => panic!("failpoint {point:?}"),
            // No destructor, no flushing, no good-bye to anybody.
            3 => std::process::abort(),
            _ => Ok(()),
        }
    }

    pub(crate) fn decide(&self, order: i64) {
        assert!(self.poisoned.load(Ordering::Relaxed) != order || order == 0, "the order is poisoned");
    }
}
