//! The rules of JSON Schema, for what generated code decodes.
//!
//! A body is parsed into a [`Value`]; generated code then asks a [`Decoder`] for what the document says is there, with its limits
//! ([`Text`], [`Integer`], ...). Decoding and validation are one pass, which records every violation with its place. Nothing here
//! knows of HTTP.

pub mod canonical;
mod checks;
mod collections;
mod decimal;
mod decoder;
mod field_error;
mod format;
mod kind;
mod limits;
mod name;
mod number;
mod object;
mod parse;
mod pattern;
mod scalars;
mod schema;
mod unique;
mod value;

pub use collections::Rows;
pub use decoder::{Decode, Decoder, Step};
pub use field_error::{FieldError, Place};
pub use format::{EARLIEST, date_time as parse_date_time};
pub use kind::Kind;
pub use limits::{Bounds, Float, Integer, Items, Range, Text};
pub use name::{is_blank, trim as trim_name};
pub use number::Number;
pub use object::Object;
pub use parse::{DEPTH, Malformed};
pub use pattern::Pattern;
pub use schema::{Direction, Schema, SchemaRef, Schemas};
pub use value::Value;
