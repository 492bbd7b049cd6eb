//! How a user was authenticated, as sessions and tokens say it (`amr`, RFC 8176), and what that is enough for.

use platform_store::{Result, Transaction};

use super::accounts::Accounts;
use crate::audit::{Action, Entry};

/// Authentication with more than one factor.
const MULTIPLE_FACTORS: &str = "mfa";

/// How a user was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// With a password alone.
    Password,
    /// With a password and a one-time code or a recovery code.
    PasswordAndCode,
    /// With a passkey, which verified the user.
    Passkey,
    /// By an OpenID Connect provider, in whichever way.
    Provider,
}

impl Authentication {
    /// Its methods.
    pub(super) fn amr(self) -> Vec<String> {
        let methods: &[&str] = match self {
            Self::Password => &["pwd"],
            Self::PasswordAndCode => &["pwd", "otp", MULTIPLE_FACTORS],
            // Proof of possession of a key, and the presence of the user.
            Self::Passkey => &["pop", "user", MULTIPLE_FACTORS],
            Self::Provider => &[],
        };
        methods.iter().map(|method| (*method).to_owned()).collect()
    }
}

/// What a login has beside the password.
#[derive(Clone, Copy)]
pub(super) enum Beside<'a> {
    /// Perhaps a code.
    Code(Option<&'a str>),
    /// Nothing: there is no place for a code.
    Nothing,
}

impl Accounts {
    /// Whether a superuser who was authenticated in this way has the rights of one.
    pub(super) fn has_rights_of_superuser(&self, is_superuser: bool, amr: &[String]) -> bool {
        is_superuser && (!self.superusers_need_factor || amr.iter().any(|method| method == MULTIPLE_FACTORS))
    }

    /// Uses a code of a user who logs in; false when it is not valid.
    ///
    /// # Errors
    /// 429 `rate_limited` after too many codes.
    pub(super) async fn use_code(&self, user: i64, code: &str) -> Result<bool> {
        let Some(proof) = self.second_factors.check(&self.db, user, code).await? else { return Ok(false) };
        let entry = proof.is_recovery_code().then(|| Entry::by(Some(user), Action::RecoveryCodeUsed).on(user));
        let spend = move |mut tx: Transaction| async move {
            let spent = proof.spend(&mut tx, user).await?;
            Ok((spent, Entry::write_any(entry.filter(|_| spent), &mut tx).await?))
        };
        let (spent, written) = self.db.write(spend).await?;
        written.tell();
        Ok(spent)
    }
}
