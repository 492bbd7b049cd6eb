//! The rules of JSON Schema, for what generated code decodes.
//!
//! A body is parsed into a [`Value`]; generated code then asks a [`Decoder`] for what the document says is there, with its limits
//! ([`Text`], [`Integer`], ...). Decoding and validation are one pass, which records every violation with its place. Nothing here
//! knows of HTTP.
//!
//! What generated code has no calls for is interpreted by the document itself ([`Schemas`]), as responses are.

mod checks;
mod collections;
mod decoder;
mod field_error;
mod kind;
mod limits;
mod object;
mod scalars;
mod schema;

pub use collections::Rows;
pub use decoder::{Decode, Decoder, Step};
pub use field_error::{FieldError, Place};
pub use kind::Kind;
pub use limits::{Bounds, Float, Integer, Items, Range, Text};
pub use object::Object;
pub use schema::{Direction, Schema, SchemaRef, Schemas};

pub use values::format::{EARLIEST, date_time as parse_date_time};
pub use values::name::{is_blank, trim as trim_name};
pub use values::{DEPTH, Malformed, Number, Pattern, Value, canonical, pattern, pointer};
