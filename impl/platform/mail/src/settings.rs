//! Where mails go, whom they are from, and where their links lead.

use clap::Args;
use platform::settings::{Environment, InvalidSettings, Secret, SecretParser, given};

/// Where mails go in development, from the folder in which the process was started.
const DEVELOPMENT_URL: &str = "file:.local/mail";
/// Whom they are from in development.
const DEVELOPMENT_FROM: &str = "no-reply@localhost";
/// Where their links lead in development: a page that somebody may be working on.
const DEVELOPMENT_LINK_URL: &str = "http://localhost:3000/account";
/// In place of a URL: no mail.
const NONE: &str = "none";

/// Mail.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Mail")]
pub struct MailSettings {
    /// Server that mails are sent by: smtp://USER:PASSWORD@HOST:587 (with STARTTLS), smtps://USER:PASSWORD@HOST:465 (TLS), or
    /// smtp://HOST:25?tls=none; file:FOLDER writes them into files, none sends no mail. Default: none, in development
    /// file:.local/mail
    #[arg(long, env = "MAIL_URL", hide_env_values = true, value_parser = SecretParser)]
    pub mail_url: Option<Secret>,
    /// Sender of mails, such as Example <no-reply@example.com>; required with MAIL_URL in production
    #[arg(long, env = "MAIL_FROM")]
    pub mail_from: Option<String>,
    /// Address of the pages that links in mails lead to, such as https://app.example.com/account: /confirm-email and /reset-password are
    /// added, and the token as #token=...; required with MAIL_URL in production
    #[arg(long, env = "MAIL_LINK_URL")]
    pub mail_link_url: Option<String>,
}

/// What is set, with the defaults of the environment.
pub(crate) struct Chosen {
    pub(crate) url: Secret,
    pub(crate) from: String,
    pub(crate) link_url: String,
}

impl MailSettings {
    /// `None` where no mail is sent.
    ///
    /// # Errors
    /// When something is missing in production.
    pub(crate) fn chosen(&self, environment: Environment) -> Result<Option<Chosen>, InvalidSettings> {
        let is_production = environment.is_production();
        let url = match given(&self.mail_url) {
            Some(url) => url.clone(),
            None if is_production => return Ok(None),
            None => DEVELOPMENT_URL.into(),
        };
        if secrecy::ExposeSecret::<str>::expose_secret(&url) == NONE {
            return Ok(None);
        }
        let text =
            |given: &Option<String>, name: &str, default: &str| match given.as_ref().filter(|text| !text.is_empty()) {
                Some(text) => Ok(text.clone()),
                None if is_production => Err(InvalidSettings(format!("{name} is required with MAIL_URL"))),
                None => Ok(default.to_owned()),
            };
        Ok(Some(Chosen {
            url,
            from: text(&self.mail_from, "MAIL_FROM", DEVELOPMENT_FROM)?,
            link_url: text(&self.mail_link_url, "MAIL_LINK_URL", DEVELOPMENT_LINK_URL)?,
        }))
    }
}
