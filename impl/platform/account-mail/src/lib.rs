//! What accounts do by mail: verify an address, change it, reset a password.
//!
//! Requests are only written down; a background job looks the account up, issues a token and queues the mail, so no response
//! depends on whether there is such an account. Whoever has the token can read the mailbox it was sent to: it is valid once, for 30
//! minutes, and void after a new password or address.

mod account_mail;
mod compose;
mod confirm;
mod letters;
mod requests;
mod reset;
mod tokens;

pub use account_mail::AccountMail;
