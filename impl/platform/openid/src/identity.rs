//! Who a user is at a provider.

use openidconnect::core::{CoreIdTokenClaims, CoreUserInfoClaims};
use openidconnect::{EndUserEmail, EndUserName, LocalizedClaim, SubjectIdentifier};

/// Characters of a subject (OpenID Connect Core, 2).
const MAX_SUBJECT_CHARS: usize = 255;
/// Characters of an e-mail address, as a sign-up may have.
const MAX_EMAIL_CHARS: usize = 320;
/// Characters of a name, as a sign-up may have.
const MAX_NAME_CHARS: usize = 255;

/// What a provider says of a user, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The issuer identifier of the provider.
    pub(crate) issuer: String,
    /// Who it is there; never another one's.
    pub(crate) subject: String,
    /// The e-mail address, if it is one.
    pub(crate) email: Option<String>,
    /// Whether the provider says that the address is the user's.
    pub(crate) is_email_verified: bool,
    /// The display name, if it can be one here.
    pub(crate) full_name: Option<String>,
}

impl Identity {
    /// What the claims of an ID token say; `None` when the subject is none.
    pub(crate) fn of_id_token(claims: &CoreIdTokenClaims) -> Option<Self> {
        Some(Self {
            issuer: claims.issuer().as_str().to_owned(),
            subject: subject(claims.subject())?,
            email: email(claims.email()),
            is_email_verified: claims.email_verified() == Some(true),
            full_name: name(claims.name()),
        })
    }

    /// Adds what the userinfo endpoint says of the same subject.
    pub(crate) fn add(&mut self, claims: &CoreUserInfoClaims) {
        self.email = email(claims.email());
        self.is_email_verified = claims.email_verified() == Some(true);
        self.full_name = self.full_name.take().or_else(|| name(claims.name()));
    }
}

fn subject(subject: &SubjectIdentifier) -> Option<String> {
    let is_one = |text: &&str| !text.is_empty() && text.chars().count() <= MAX_SUBJECT_CHARS && !text.contains('\0');
    Some(subject.as_str()).filter(is_one).map(str::to_owned)
}

/// Whether there is a mailbox at it is the provider's to say.
fn email(email: Option<&EndUserEmail>) -> Option<String> {
    let text = email?.as_str();
    let is_text = !text.contains(|char: char| char.is_control() || char.is_whitespace());
    let (local, domain) = text.rsplit_once('@')?;
    let is_one = is_text && !local.is_empty() && !domain.is_empty() && text.chars().count() <= MAX_EMAIL_CHARS;
    is_one.then(|| text.to_owned())
}

fn name(name: Option<&LocalizedClaim<EndUserName>>) -> Option<String> {
    let text = name?.get(None)?.as_str().trim();
    let is_one = !text.is_empty() && !text.contains(char::is_control) && text.chars().count() <= MAX_NAME_CHARS;
    is_one.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_is_not_taken() {
        let email = |text: &str| email(Some(&EndUserEmail::new(text.to_owned())));
        assert_eq!(email("ada@example.com").as_deref(), Some("ada@example.com"));
        for wrong in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a da@example.com",
            "ada@example.com\n",
            "a\0@b",
            &format!("{}@b", "a".repeat(320)),
        ] {
            assert_eq!(email(wrong), None, "{wrong:?}");
        }
        let subject = |text: &str| subject(&SubjectIdentifier::new(text.to_owned()));
        assert_eq!(subject(" 1|a").as_deref(), Some(" 1|a"));
        for wrong in ["", "a\0", &"a".repeat(256)] {
            assert_eq!(subject(wrong), None, "{wrong:?}");
        }
        let name = |text: &str| name(Some(&EndUserName::new(text.to_owned()).into()));
        assert_eq!(name(" Ada Lovelace ").as_deref(), Some("Ada Lovelace"));
        for wrong in ["", " ", "a\nb", "a\u{202e}\0", &"a".repeat(256)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }
}
