//! Requests that a service sends: the webhooks and callbacks of its document.

use bytes::Bytes;

/// A request that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// The webhook or callback: what its document calls the operation.
    pub operation: &'static str,
    /// `POST`
    pub method: &'static str,
    /// An absolute URL of the scheme `http` or `https`, with its query and without a fragment.
    pub url: String,
    /// Names and values, with the content type and cookies, if there are any.
    pub headers: Vec<(String, String)>,
    /// The body; empty without one.
    pub body: Bytes,
}
