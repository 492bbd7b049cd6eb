//! Mail that is sent at least once.
//!
//! A mail is [queued](Mailer::queue) in the transaction of its cause, in the table `mails`. [`Mailer::run`] sends what is due, by SMTP or into
//! files, and deletes what the server has taken. A mail that may have been taken, because a process died or the connection broke
//! before the response, is sent again with the same Message-ID, by which mailboxes recognize it.
//!
//! While the server cannot be reached everything waits; nothing is given up before it expires. What the server rejects permanently is
//! deleted, logged and counted.

mod claimed;
mod connection;
mod files;
mod mail;
mod mailer;
mod metrics;
mod queue;
mod sender;
mod settings;
mod target;
mod template;
mod tuning;

pub use mail::Mail;
pub use mailer::Mailer;
pub use settings::MailSettings;
pub use template::Template;
pub use tuning::Tuning;
