//! What a document requires of a request before it is served (OpenAPI, Security Requirement Object).

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

/// Where a request has the credential of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer` (RFC 6750), of OAuth 2.0 and OpenID Connect too.
    Bearer,
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// `Authorization` with another scheme.
    Http(&'static str),
    /// An API key in a header.
    Header(&'static str),
    /// An API key in the query.
    Query(&'static str),
    /// An API key in a cookie.
    Cookie(&'static str),
    /// Mutual TLS, which the gateway verifies.
    ClientCertificate,
}

/// Alternatives of which one must be met in whole.
pub type Alternatives = &'static [&'static [Requirement]];
