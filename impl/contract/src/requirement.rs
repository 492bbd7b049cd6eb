//! What a document requires of a request before it is served (OpenAPI, Security Requirement Object).

use wire::Carrier;

/// A scheme that an operation requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// Its name in the document.
    pub scheme: &'static str,
    /// Where a request has the credential.
    pub carrier: Carrier,
    /// The scopes that the operation requires of it.
    pub scopes: &'static [&'static str],
}

/// Alternatives of which one must be met in whole.
pub type Alternatives = &'static [&'static [Requirement]];
