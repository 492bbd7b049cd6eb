//! Authentication: who is admitted, who is rejected, and for how long.

mod accounts;
mod addresses;
mod fixture;
mod keys;
mod passwords;
mod sessions;
mod tokens;
