//! A connection to the mail server (RFC 5321).

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::time::timeout;

use crate::mail::Composed;
use crate::target::{Encryption, Server};
use crate::tuning::Tuning;

/// Why a mail was not sent.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no connection, or none that may be used: nobody can say anything about the mail.
    Unreachable(String),
    /// It was rejected temporarily, or the connection broke while it was sent.
    Deferred(String),
    /// It will never be accepted: its recipient or its content was rejected permanently.
    Rejected(String),
}

/// A connection on which mails can be sent.
pub(crate) struct Connection(AsyncSmtpConnection);

impl Connection {
    /// Connects, encrypts and logs in.
    ///
    /// # Errors
    /// [`Failure::Unreachable`].
    pub(crate) async fn open(server: &Server, domain: &str, tuning: &Tuning) -> Result<Self, Failure> {
        let opened = timeout(tuning.connect_timeout, Self::opened(server, domain, tuning)).await;
        opened.unwrap_or_else(|_| Err(Failure::Unreachable("timeout".to_owned())))
    }

    async fn opened(server: &Server, domain: &str, tuning: &Tuning) -> Result<Self, Failure> {
        let unreachable = |error: Error| Failure::Unreachable(in_words(&error));
        let hello = ClientId::Domain(domain.to_owned());
        let tls = match server.encryption {
            Encryption::None => None,
            Encryption::StartTls | Encryption::Tls => Some(parameters(server, tuning).map_err(unreachable)?),
        };
        let at_once = tls.clone().filter(|_| server.encryption == Encryption::Tls);
        let place = (&*server.host, server.port);
        let open = AsyncSmtpConnection::connect_tokio1(place, Some(tuning.connect_timeout), &hello, at_once, None);
        let mut connection = open.await.map_err(unreachable)?;
        if let Some(tls) = tls.filter(|_| server.encryption == Encryption::StartTls) {
            // Without it passwords and tokens would be there for everybody to read.
            if !connection.can_starttls() {
                return Err(Failure::Unreachable("the server does not offer STARTTLS".to_owned()));
            }
            connection.starttls(tls, &hello).await.map_err(unreachable)?;
        }
        if let Some(credentials) = &server.credentials {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(unreachable)?;
        }
        Ok(Self(connection))
    }

    /// Sends a mail. After a failure the connection must not be used any more.
    ///
    /// # Errors
    /// [`Failure::Deferred`], [`Failure::Rejected`].
    pub(crate) async fn send(&mut self, mail: &Composed, tuning: &Tuning) -> Result<(), Failure> {
        let sent = timeout(tuning.send_timeout, self.sent(mail)).await;
        sent.unwrap_or_else(|_| Err(Failure::Deferred("timeout".to_owned())))
    }

    async fn sent(&mut self, mail: &Composed) -> Result<(), Failure> {
        let Self(connection) = self;
        let mut parameters = Vec::new();
        let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !ascii(&mail.to) || !ascii(&mail.from) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Failure::Rejected("the server does not know addresses beyond ASCII".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        // A sender who is refused is one of the settings': no fault of the mail.
        connection.command(Mail::new(Some(mail.from.clone()), parameters)).await.map_err(deferred)?;
        connection.command(Rcpt::new(mail.to.clone(), Vec::new())).await.map_err(refused)?;
        connection.command(Data).await.map_err(deferred)?;
        connection.message(&mail.bytes).await.map_err(refused)?;
        Ok(())
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self, tuning: &Tuning) {
        let _ = timeout(tuning.connect_timeout, self.0.quit()).await;
    }
}

fn parameters(server: &Server, tuning: &Tuning) -> Result<TlsParameters, Error> {
    let mut builder = TlsParameters::builder(server.host.clone());
    for authority in &tuning.authorities {
        builder = builder.add_root_certificate(Certificate::from_der(authority.clone())?);
    }
    builder.build_rustls()
}

fn deferred(error: Error) -> Failure {
    Failure::Deferred(in_words(&error))
}

fn refused(error: Error) -> Failure {
    match error.is_permanent() {
        true => Failure::Rejected(in_words(&error)),
        false => deferred(error),
    }
}

/// For the log. A response is its code only: its text repeats addresses.
fn in_words(error: &Error) -> String {
    match error.status() {
        Some(code) => format!("response {code}"),
        None => error.to_string(),
    }
}
