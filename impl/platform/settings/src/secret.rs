//! Values that must stay secret, as flags and the environment give them.

use secrecy::SecretString;

/// Reads a value that must stay secret from a flag or the environment.
///
/// # Errors
/// Never.
pub fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}
