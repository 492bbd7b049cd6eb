//! Who may come in: one user base, one signing key; a token of one service is good in all.

mod accounts;
mod endpoints;
mod passwords;
mod sessions;
mod tokens;
pub mod users;

pub use accounts::{AccessToken, Accounts, Principal, still_welcome};
pub use passwords::{Passwords, Verdict};
pub(crate) use tokens::refused;
pub use tokens::{AUDIENCE, Claims, ISSUER, Tokens, caller_is_gone};
pub use users::{NewUser, User, UserChange};
