//! Whether the schema is known to be the one that this program was built for.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process has found its database migrated; never reset.
static KNOWN_CURRENT: AtomicBool = AtomicBool::new(false);

/// Records that the database has every migration of this program: from now on, a missing object is an internal error.
pub fn known_current() {
    KNOWN_CURRENT.store(true, Ordering::Relaxed);
}

/// Whether [`known_current`] was called.
pub(crate) fn is_known_current() -> bool {
    KNOWN_CURRENT.load(Ordering::Relaxed)
}
