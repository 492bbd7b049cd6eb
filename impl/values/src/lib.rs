//! JSON values as they were written, and what strings may be: patterns and formats.
//!
//! A body is parsed into a [`Value`], whose numbers are exact and whose equality is that of JSON Schema. The rules that a document has for
//! values are in `validation`, which re-exports what is here.

pub mod canonical;
mod decimal;
pub mod format;
pub mod name;
mod number;
mod parse;
mod pattern;
pub mod pointer;
mod unique;
mod value;

pub use number::Number;
pub use parse::{DEPTH, Malformed};
pub use pattern::Pattern;
pub use unique::all_different;
pub use value::Value;
