//! What new passwords must be like: long enough, and not guessed early (NIST SP 800-63B, 3.1.1.2). No rules of composition.

use contract::{FieldError, Problem};
use platform_settings::{AuthSettings, Environment, PasswordPolicy};

/// A password that is found with fewer guesses is rejected; as a power of ten. What is not among common passwords, names and their
/// variations takes more.
const MIN_GUESSES_LOG10: f64 = 6.0;

/// The policy of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    min_chars: usize,
    is_strong: bool,
}

impl Policy {
    pub(super) fn new(settings: &AuthSettings, environment: Environment) -> Self {
        let (min, is_strong) = match settings.password_policy(environment) {
            PasswordPolicy::Basic => (6, false),
            PasswordPolicy::Strong => (8, true),
        };
        Self { min_chars: settings.password_min_length.unwrap_or(min) as usize, is_strong }
    }

    /// Whether it checks how early a password is guessed, which takes some milliseconds.
    pub(super) fn is_strong(self) -> bool {
        self.is_strong
    }

    /// # Errors
    /// 422 `too_short`. The document says how long it may be.
    pub(super) fn check_length(self, password: &str) -> Result<(), Problem> {
        let least = self.min_chars;
        if password.chars().count() < least {
            return Err(rejected("too_short", format!("Must have at least {least} characters.")));
        }
        Ok(())
    }
}

/// Whether a password is guessed early, by one who knows these texts about its owner.
pub(super) fn is_guessed_early(password: &str, about: &[String]) -> bool {
    let about: Vec<&str> = about.iter().map(String::as_str).collect();
    zxcvbn::zxcvbn(password, &about).guesses_log10() < MIN_GUESSES_LOG10
}

/// The error response to a password that is guessed early.
pub(super) fn guessed_early() -> Problem {
    rejected("too_guessable", "Is among the passwords that are guessed first.".to_owned())
}

fn rejected(code: &'static str, detail: String) -> Problem {
    Problem::validation(vec![FieldError::body(code, "#/password", detail)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_and_those_about_the_owner_are_guessed_early() {
        let about = ["ada.lovelace@example.com".to_owned(), "Ada Lovelace".to_owned()];
        for early in
            ["password1", "P@ssw0rd", "qwertyuiop", "aaaaaaaaaaaa", "12345678", "iloveyou", "lovelace1", "monkey123"]
        {
            assert!(is_guessed_early(early, &about), "{early}");
        }
        for late in [
            "correct horse",
            "xK7#pQ2m",
            "une autre tasse",
            "ein Satz mit ä und ö",
            "seven wet dogs sang beneath the old copper bridge at noon",
        ] {
            assert!(!is_guessed_early(late, &about), "{late}");
        }
    }
}
