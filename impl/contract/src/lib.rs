//! The small runtime of the generated crates.
//!
//! What is the same for every operation is a function here; generated code has only what differs between operations. The rules of
//! JSON Schema are in `validation`, and re-exported. The steps of a request: match, authenticate, count against its rate limits,
//! read a bounded body, decode and validate, call, encode. Every error response is an RFC 9457 problem document.

mod answer;
mod body;
#[cfg(debug_assertions)]
mod codes;
mod concealed;
mod ended;
mod endpoint;
mod etag;
mod form;
mod idempotency;
mod input;
mod kept;
mod operation;
mod problem;
mod rate_limit;
mod receiving;
mod refusal;
mod requirement;
mod routes;
mod sending;
mod shaped;
mod storage_quota;
mod token_endpoint;
mod verification;

pub use answer::{Answer, ByteStream, EventStream, Reply, StoredReply};
pub use concealed::Concealed;
pub use endpoint::{authenticated, optional, optionally_verified, public, verified};
pub use etag::{entity_tag, if_match};
pub use form::Form;
pub use idempotency::{IdempotencyKey, KeyedRequest, Once};
pub use input::Input;
pub use operation::{Api, Caller, Guarded, Operation, ReadFrom, Security, Shape};
pub use problem::{Cause, Problem, RequestId};
pub use rate_limit::{CountedBy, Quota, RateLimit};
pub use requirement::{Alternatives, Requirement};
pub use routes::{Routes, normalize};
pub use shaped::shaped;
pub use storage_quota::StorageQuota;
pub use token_endpoint::TokenEndpoint;
pub use verification::{Credential, Verifier};

/// What the document says of the responses of the operation at a JSON pointer, read when it is needed.
#[macro_export]
macro_rules! responses {
    ($schemas:path, $pointer:literal) => {{
        static RESPONSES: $crate::Responses = $crate::Responses::of(&$schemas, $pointer);
        Some(&RESPONSES)
    }};
}

pub use axum::response::sse::Event;
pub use bytes::Bytes;
pub use conformance::{Mode, Responses, Violation, report_to, set_mode};
pub use outgoing::{
    Call, File as OutgoingFile, Multipart, OutgoingRequest, Part as UrlPart, Spelling, Style, callback_url,
};
pub use validation::{
    Bounds, Decode, Decoder, Direction, EARLIEST, FieldError, Float, Integer, Items, Kind, Malformed, Number, Object,
    Pattern, Place, Rows, SchemaRef, Schemas, Text, Value, is_blank, parse_date_time, pattern, schema, trim_name,
};
pub use wire::{
    Accept, BodyRule, BodyStream, CLIENT_CERTIFICATE_HEADER, Carrier, File, Media, Parameter, Part, Statuses, Streamed,
    template_fault,
};

/// How a model is made of a row.
pub use rows as row;
