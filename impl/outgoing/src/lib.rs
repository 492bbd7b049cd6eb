//! Requests that a service sends: the webhooks and callbacks of its document.
//!
//! Generated types write themselves into a [`Call`], which validates each part by its schema; what it makes is an [`OutgoingRequest`].
//! Nothing is sent here.

mod call;
mod callback;
mod fault;
mod multipart;
mod spelling;
mod url;

use bytes::Bytes;

pub use call::Call;
pub use callback::{Part, callback_url};
pub use fault::Fault;
pub use multipart::{File, Multipart};
pub use spelling::{Spelling, Style};

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
