//! How HTTP spells values, and how they are read: parameters in every style of OpenAPI, path templates, media types and their
//! negotiation, forms of several parts. What comes out is a [`Value`](validation::Value), to which the rules of a schema are applied.
//! Nothing here knows of operations or of error responses: a [`Fault`] says what is wrong.

mod accept;
mod body_rule;
mod body_stream;
mod carrier;
mod cookie;
mod deep;
mod encoding;
mod fault;
mod file;
mod media_type;
mod multipart;
mod pairs;
mod parameter;
mod part;
mod path;
mod percent;
mod source;
mod spelling;
mod statuses;
mod style;
mod template;

pub use accept::Accept;
pub use body_rule::{BodyRule, Media, Reading};
pub use body_stream::{BodyStream, Ended, Streamed};
pub use carrier::{CLIENT_CERTIFICATE_HEADER, Carrier, Found};
pub use cookie::cookies;
pub use encoding::{Coding, Unpackable, Unpacking, UnsupportedCoding, coding};
pub use fault::Fault;
pub use file::File;
pub use media_type::{Charset, MediaType, best, charset, matching};
pub use multipart::{Received, Unreadable, boundary, receive, text};
pub use pairs::{Pair, Pairs, pairs};
pub use parameter::Parameter;
pub use part::Part;
pub use path::{Matched, PathValues};
pub use percent::canonical;
pub use source::{header, path_value, query};
pub use spelling::{Spelling, simple};
pub use statuses::Statuses;
pub use style::Texts;
pub use template::{Template, template_fault};
