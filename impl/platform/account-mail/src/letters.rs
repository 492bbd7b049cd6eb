//! The mails.

use std::time::Duration;

use platform::Result;
use platform_mail::{Mail, Mailer, Template};
use sqlx::PgConnection;

use crate::tokens;

/// Around the HTML of each.
const PAGE: &str = include_str!("../templates/page.html");
/// How long it is tried to tell somebody what has happened to their account.
const NOTICE_LIFE: Duration = Duration::from_secs(3 * 24 * 3_600);

macro_rules! template {
    ($name:literal, $subject:literal) => {
        Template {
            subject: $subject,
            text: include_str!(concat!("../templates/", $name, ".txt")),
            html: include_str!(concat!("../templates/", $name, ".html")),
        }
    };
}

/// A mail, and how long it is of use.
pub(crate) struct Letter {
    template: Template,
    life: Duration,
}

pub(crate) const VERIFY: Letter =
    Letter { template: template!("verify", "Confirm your e-mail address"), life: tokens::LIFE };
pub(crate) const CHANGE: Letter =
    Letter { template: template!("change", "Confirm your new e-mail address"), life: tokens::LIFE };
pub(crate) const RESET: Letter = Letter { template: template!("reset", "Reset your password"), life: tokens::LIFE };
pub(crate) const CHANGE_REQUESTED: Letter = Letter {
    template: template!("change-requested", "A change of your e-mail address was requested"),
    life: NOTICE_LIFE,
};
pub(crate) const TAKEN: Letter =
    Letter { template: template!("taken", "You already have an account with this e-mail address"), life: NOTICE_LIFE };
pub(crate) const EMAIL_CHANGED: Letter =
    Letter { template: template!("email-changed", "Your e-mail address was changed"), life: NOTICE_LIFE };
pub(crate) const PASSWORD_CHANGED: Letter =
    Letter { template: template!("password-changed", "Your password was changed"), life: NOTICE_LIFE };

/// Queues a mail about an account. No value is a text that a stranger could write: mails of ours must not carry those of others.
///
/// # Errors
/// Those of the database.
pub(crate) async fn queue(
    db: &mut PgConnection,
    mailer: &Mailer,
    letter: &Letter,
    user: i64,
    to: &str,
    values: &[(&str, &str)],
) -> Result<()> {
    let Letter { template, life } = letter;
    let (text, html) = (template.text(values), template.html(PAGE, values));
    let mail =
        Mail { user: Some(user), to: to.to_owned(), subject: template.subject.to_owned(), text, html, life: *life };
    mailer.queue(db, &mail).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_one_that_is_filled() {
        let of = |letter: &Letter, known: &[&str]| {
            let places: Vec<_> = letter.template.places().collect();
            assert!(places.iter().all(|place| known.contains(place)), "{}: {places:?}", letter.template.subject);
            for name in known {
                assert!(places.iter().filter(|place| *place == name).count() >= 2, "{name} in text and HTML");
            }
        };
        for letter in [&VERIFY, &CHANGE, &RESET] {
            of(letter, &["link", "token"]);
        }
        for letter in [&CHANGE_REQUESTED, &EMAIL_CHANGED] {
            of(letter, &["email"]);
        }
        for letter in [&TAKEN, &PASSWORD_CHANGED] {
            of(letter, &[]);
        }
    }
}
