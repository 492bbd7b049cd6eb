//! Whether nothing is left of accounts that are erased, in all services.

use platform::sql;
use platform::verification::Check;

/// Every check.
pub const CHECKS: &[Check] = &[Check::always(
    "A1",
    "nothing refers to an account that is erased",
    "account_erasures",
    sql!("SELECT leftovers_of_erased_accounts()"),
)];
