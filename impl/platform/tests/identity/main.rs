//! Authentication: who is admitted, who is rejected, and for how long.

mod accounts;
mod addresses;
mod fixture;
mod keys;
mod passwords;
mod second_factors;
mod sessions;
mod tokens;
