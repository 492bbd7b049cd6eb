//! What a document requires of a request before it is served (OpenAPI, Security Requirement Object).

use wire::{Carrier, Fault, Pairs};

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

impl Requirement {
    /// Keeps the credential from parameters that take whatever has no parameter of its own.
    pub(crate) fn set_aside(&self, query: &mut Pairs<'_>, cookies: &mut Result<Pairs<'_>, Fault>) {
        match (self.carrier, cookies) {
            (Carrier::Query(name), _) => query.set_aside(name),
            (Carrier::Cookie(name), Ok(cookies)) => cookies.set_aside(name),
            _ => (),
        }
    }
}

/// Alternatives of which one must be met in whole.
pub type Alternatives = &'static [&'static [Requirement]];
