//! A mail, and its form on the wire.

use std::fmt;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use crate::claimed::Claimed;

/// A mail to be queued. Its text has a token in it, as a rule: it is never printed.
#[derive(Clone)]
pub struct Mail {
    /// The account it is about, with which it is deleted.
    pub user: Option<i64>,
    /// The address of the recipient.
    pub to: String,
    /// The subject, one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// After this it is of no use to the recipient, and not sent.
    pub life: Duration,
}

impl fmt::Debug for Mail {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Mail").field("user", &self.user).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A mail as it is sent.
pub(crate) struct Composed {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) bytes: Vec<u8>,
}

impl Composed {
    /// # Errors
    /// When the recipient's address is none: deployed databases have such.
    pub(crate) fn new(mail: &Claimed, from: &Mailbox) -> Result<Self, lettre::error::Error> {
        let to: Address = mail.recipient.parse().map_err(|_| lettre::error::Error::MissingTo)?;
        // Nobody is to answer it automatically, as with a notice of absence (RFC 3834, 5).
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            .envelope(Envelope::new(Some(from.email.clone()), vec![to.clone()])?)
            .subject(&*mail.subject)
            .date(SystemTime::from(mail.created_at))
            .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))?;
        Ok(Self { from: from.email.clone(), to, bytes: message.formatted() })
    }
}

/// An address for the log: its first character and the domain.
pub(crate) fn masked(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().next().unwrap_or_default()),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_no_whole_address() {
        assert_eq!(masked("ada@example.com"), "a***@example.com");
        assert_eq!(masked("\"a@b\"@example.com"), "\"***@example.com");
        assert_eq!(masked("ada"), "***");
        let mail = Mail {
            user: Some(1),
            to: "seen@example.com".into(),
            subject: "Hello".into(),
            text: "seen".into(),
            html: "seen".into(),
            life: Duration::ZERO,
        };
        assert!(!format!("{mail:?}").contains("seen"));
    }
}
