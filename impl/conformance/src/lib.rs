//! Whether responses are what the document says: status, headers, media type, body, and the elements of streams.
//!
//! The document is read when a response of an operation is checked for the first time; then its responses are a table. A response that is
//! not checked costs a load and, when sampled, a random number. What cannot be checked: bodies of media types that are neither JSON nor
//! text, and texts that are streamed.

mod body;
mod elements;
mod header;
mod mode;
mod place;
mod responses;
mod table;
mod violation;

pub use mode::{Mode, is_due, report_to, set_mode};
pub use responses::{Responses, Sent};
pub use violation::Violation;
