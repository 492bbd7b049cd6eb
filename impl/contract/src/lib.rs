//! The small runtime under the generated crates.
//!
//! Whatever is the same for every operation is a function here; generated code holds only what differs from one
//! operation to the next. A request passes, in this order: match, authenticate, count against its limits, read a bounded
//! body, decode and validate, call, encode. Every refusal on the way is an RFC 9457 problem document.

mod answer;
mod body;
mod canonical;
#[cfg(debug_assertions)]
mod codes;
mod concealed;
mod decode;
mod encoding;
mod endpoint;
mod etag;
mod format;
mod idempotency;
mod input;
mod limits;
mod name;
mod object;
mod operation;
mod pattern;
mod problem;
mod rate_limit;
pub mod row;
mod storage_quota;
mod token_endpoint;
mod unique;
mod value;

pub use answer::{Answer, ByteStream, EventStream, Reply};
pub use concealed::Concealed;
pub use decode::{Decode, Decoder, Rows};
pub use endpoint::{authenticated, optional, public};
pub use etag::{entity_tag, if_match};
pub use format::{EARLIEST, date_time as parse_date_time};
pub use idempotency::{IdempotencyKey, KeyedRequest, Once, StoredReply};
pub use input::Input;
pub use limits::{Bounds, Float, Integer, Items, Text};
pub use name::{is_blank, trim as trim_name};
pub use object::Object;
pub use operation::{Api, BodyRule, Caller, Guarded, Operation, Security};
pub use pattern::Pattern;
pub use problem::{Cause, FieldError, Place, Problem, RequestId};
pub use rate_limit::{CountedBy, Quota, RateLimit};
pub use storage_quota::StorageQuota;
pub use token_endpoint::TokenEndpoint;
pub use value::{Number, Value};

pub use axum::response::sse::Event;
