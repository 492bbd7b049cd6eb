//! The boundaries between the steps of relay and worker, named, so that a test can end a process at each of them.
//!
//! Nothing is armed unless a test arms it; a debug build also reads `FAILPOINT=name:action` (`fail`, `panic` or `die`)
//! from its environment, a release build does not.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform::{Error, Result};

/// A boundary between two steps, by its name. Handlers have some of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failpoint(pub &'static str);

macro_rules! failpoints {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        impl Failpoint {
            $($(#[$doc])* pub const $point: Self = Self($name);)*
            /// Every boundary of an outbox.
            pub const ALL: &[Self] = &[$(Self::$point),*];
        }
    };
}

failpoints! {
    /// The relay has marked messages as published, not put them into the stream.
    RELAY_CLAIMED = "relay-claimed",
    /// The relay has put messages into the stream.
    RELAY_PUBLISHED = "relay-published",
    /// The stream did not take the messages; they are still marked as published.
    RELAY_REJECTED = "relay-rejected",
    /// A worker was given entries of the stream.
    WORKER_RECEIVED = "worker-received",
    /// A worker took over entries of another.
    WORKER_CLAIMED = "worker-claimed",
    /// A batch has locked its messages.
    BATCH_BEGUN = "batch-begun",
    /// A batch has written everything.
    BATCH_WRITTEN = "batch-written",
    /// A batch is committed.
    BATCH_COMMITTED = "batch-committed",
    /// The entries of a batch are acknowledged.
    BATCH_ACKNOWLEDGED = "batch-acknowledged",
    /// A failure was counted.
    FAILURE_COUNTED = "failure-counted",
    /// A message that failed too often was made a dead letter.
    MESSAGE_DEAD_LETTERED = "message-dead-lettered",
    /// An entry nobody can read was made a dead letter, and is not acknowledged.
    ENTRY_DEAD_LETTERED = "entry-dead-lettered",
    /// Messages the stream has lost were marked as unpublished.
    LOST_REPUBLISHED = "lost-republished",
    /// The group of the workers was created.
    GROUP_CREATED = "group-created",
}

/// What happens at a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The step fails, once.
    Fail,
    /// The step panics, once.
    Panic,
    /// The process is gone, as after kill -9.
    Die,
}

/// Which boundary is armed.
#[derive(Debug, Default)]
pub struct Failpoints {
    /// Whether any is: looked at first, because this is on the way of every message.
    is_armed: AtomicBool,
    armed: Mutex<Option<(String, Action)>>,
    poisoned: AtomicI64,
}

impl Failpoints {
    pub(crate) fn from_environment() -> Self {
        let failpoints = Self::default();
        if cfg!(debug_assertions)
            && let Ok(wanted) = std::env::var("FAILPOINT")
            && let Some((name, action)) = wanted.split_once(':')
        {
            match action {
                "fail" => failpoints.set(name, Action::Fail),
                "panic" => failpoints.set(name, Action::Panic),
                "die" => failpoints.set(name, Action::Die),
                _ => {}
            }
        }
        failpoints
    }

    /// Has the next one who comes to the boundary do this, and forgets what was armed before.
    pub fn arm(&self, point: Failpoint, action: Action) {
        self.set(point.0, action);
    }

    /// Whether nobody came to the boundary since it was armed.
    pub fn is_armed(&self, point: Failpoint) -> bool {
        self.lock().as_ref().is_some_and(|(name, _)| name == point.0)
    }

    /// Has the handling of messages about this subject panic; 0 for none.
    pub fn poison(&self, subject: i64) {
        self.poisoned.store(subject, Ordering::Relaxed);
    }

    /// Comes to a boundary.
    ///
    /// # Errors
    /// When it is armed to fail.
    ///
    /// # Panics
    /// When it is armed to panic.
    pub fn hit(&self, point: Failpoint) -> Result<()> {
        if !self.is_armed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let action = self.lock().take_if(|(name, _)| name == point.0);
        match action {
            None => Ok(()),
            Some((_, Action::Fail)) => Err(Error::internal(format!("failpoint {point:?}"))),
            Some((_, Action::Panic)) => panic!("failpoint {point:?}"),
            // No destructor, no flushing, no good-bye to anybody.
            Some((_, Action::Die)) => std::process::abort(),
        }
    }

    pub(crate) fn check_poison(&self, subject: Option<i64>) {
        let poisoned = self.poisoned.load(Ordering::Relaxed);
        assert!(poisoned == 0 || subject != Some(poisoned), "the message is poisoned");
    }

    fn set(&self, name: &str, action: Action) {
        *self.lock() = Some((name.to_owned(), action));
        self.is_armed.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<(String, Action)>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
