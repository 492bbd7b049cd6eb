//! Who gets in, who does not, and for how long.

mod accounts;
mod addresses;
mod fixture;
mod passwords;
mod sessions;
mod tokens;
