//! Whether the schema is known to be the one that this program was built for.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process has found its database migrated. It does not become less so.
static KNOWN_CURRENT: AtomicBool = AtomicBool::new(false);

/// The database has every migration of this program: from now on, what is missing in it is a fault of ours.
pub fn known_current() {
    KNOWN_CURRENT.store(true, Ordering::Relaxed);
}

/// Whether [`known_current`] was ever called.
pub(crate) fn is_known_current() -> bool {
    KNOWN_CURRENT.load(Ordering::Relaxed)
}
