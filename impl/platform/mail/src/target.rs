//! `MAIL_URL`: where mails go.

use std::path::PathBuf;

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use platform::settings::InvalidSettings;
use url::Url;

/// Submission (RFC 6409), with STARTTLS.
const SUBMISSION_PORT: u16 = 587;
/// Submission over TLS (RFC 8314, 7.3).
const SUBMISSIONS_PORT: u16 = 465;
/// Without encryption.
const RELAY_PORT: u16 = 25;

/// Where mails go.
pub(crate) enum Target {
    /// A server.
    Smtp(Server),
    /// A folder.
    Files(PathBuf),
}

/// A mail server.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) credentials: Option<Credentials>,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// Not at all.
    None,
    /// By STARTTLS, and not otherwise: a server that does not offer it gets no mail.
    StartTls,
    /// From the beginning.
    Tls,
}

impl Target {
    /// # Errors
    /// When it is no such URL. The message does not repeat it.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidSettings> {
        match text.strip_prefix("file:") {
            Some("") => Err(invalid("names no folder")),
            Some(folder) => Ok(Self::Files(folder.into())),
            None => Server::parse(text).map(Self::Smtp),
        }
    }
}

impl Server {
    fn parse(text: &str) -> Result<Self, InvalidSettings> {
        let form = "must be smtp://USER:PASSWORD@HOST:587, smtps://USER:PASSWORD@HOST:465, file:FOLDER or none; in user name and password \
                    @ : / ? # % are percent-encoded";
        let url = Url::parse(text).map_err(|_| invalid(form))?;
        let unencrypted = match url.query() {
            None | Some("") => false,
            Some("tls=none") if url.scheme() == "smtp" => true,
            Some(_) => return Err(invalid("has parameters of which only tls=none is known, for smtp://")),
        };
        let (encryption, port) = match (url.scheme(), unencrypted) {
            ("smtp", false) => (Encryption::StartTls, SUBMISSION_PORT),
            ("smtp", true) => (Encryption::None, RELAY_PORT),
            ("smtps", _) => (Encryption::Tls, SUBMISSIONS_PORT),
            _ => return Err(invalid(form)),
        };
        let host = url.host_str().map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty());
        let (Some(host), true, None) = (host, matches!(url.path(), "" | "/"), url.fragment()) else {
            return Err(invalid(form));
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| invalid(form));
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            ("", Some(_)) | (_, None) => return Err(invalid("has a user name or a password without the other")),
            (user, Some(password)) => Some(Credentials::new(decoded(user)?, decoded(password)?)),
        };
        if credentials.is_some() && encryption == Encryption::None {
            return Err(invalid("would send the password without encryption: leave out tls=none, or the password"));
        }
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(port), encryption, credentials })
    }
}

fn invalid(why: &str) -> InvalidSettings {
    InvalidSettings(format!("MAIL_URL {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Server {
        match Target::parse(text) {
            Ok(Target::Smtp(server)) => server,
            Ok(Target::Files(_)) => panic!("{text} is a folder"),
            Err(error) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn servers_are_encrypted_unless_the_url_says_otherwise() {
        for (text, host, port, encryption, has_login) in [
            ("smtp://mail.example.com", "mail.example.com", 587, Encryption::StartTls, false),
            ("smtp://ada:p%40ss@mail.example.com:2525", "mail.example.com", 2525, Encryption::StartTls, true),
            ("smtps://ada:pass@mail.example.com/", "mail.example.com", 465, Encryption::Tls, true),
            ("smtp://localhost:1025?tls=none", "localhost", 1025, Encryption::None, false),
            ("smtp://[::1]?tls=none", "::1", 25, Encryption::None, false),
        ] {
            let server = server(text);
            let is = (&*server.host, server.port, server.encryption, server.credentials.is_some());
            assert_eq!(is, (host, port, encryption, has_login), "{text}");
        }
        assert!(server("smtp://ada:p%40ss@h").credentials == Some(Credentials::new("ada".into(), "p@ss".into())));
        assert!(
            matches!(Target::parse("file:.local/mail"), Ok(Target::Files(folder)) if folder.ends_with(".local/mail"))
        );
    }

    #[test]
    fn what_is_no_url_of_a_server_is_rejected_and_not_repeated() {
        for text in [
            "",
            "mail.example.com",
            "http://ada:secret@mail.example.com",
            "smtp://",
            "smtp://ada@mail.example.com",
            "smtp://:secret@mail.example.com",
            "smtp://ada:secret@mail.example.com/folder",
            "smtp://ada:secret@mail.example.com#part",
            "smtp://ada:secret@mail.example.com?tls=maybe",
            "smtps://ada:secret@mail.example.com?tls=none",
            "smtp://ada:secret@mail.example.com?tls=none",
            "smtp://ada:secret%ff@mail.example.com",
            "file:",
        ] {
            let Err(InvalidSettings(message)) = Target::parse(text) else { panic!("{text} is accepted") };
            assert!(message.starts_with("MAIL_URL ") && !message.contains("secret"), "{message}");
        }
    }
}
