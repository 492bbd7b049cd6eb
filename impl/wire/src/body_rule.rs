//! What the document says of the body of a request.

use crate::media_type::MediaType;
use crate::parameter::Parameter;
use crate::part::Part;

/// What an operation reads.
#[derive(Debug)]
pub struct BodyRule {
    /// Accepted media types and ranges, as the document writes them.
    pub media: &'static [Media],
    /// Whether a body is required.
    pub required: bool,
    /// `x-body-limit`: bytes.
    pub limit: usize,
}

/// A media type or range of a body, and how such a body is read.
#[derive(Debug, Clone, Copy)]
pub struct Media {
    range: &'static str,
    reading: Option<Reading>,
    fields: &'static [Parameter],
    parts: &'static [Part],
    depth: usize,
}

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// `application/json` (RFC 8259), and what is written in it.
    Json,
    /// One JSON text a line, decoded as an array of its lines.
    Ndjson,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `multipart/form-data` (RFC 7578)
    Parts,
    /// As a string.
    Text,
    /// As bytes in memory.
    Bytes,
    /// By the handler, while it arrives.
    Stream,
}

impl Media {
    /// A media type or range that is read as what it is: JSON, rows, a form, text; otherwise as bytes.
    pub const fn of(range: &'static str) -> Self {
        Self { range, reading: None, fields: &[], parts: &[], depth: validation::DEPTH }
    }

    /// Read as bytes, in memory.
    pub const fn bytes(self) -> Self {
        Self { reading: Some(Reading::Bytes), ..self }
    }

    /// Read by the handler.
    pub const fn stream(self) -> Self {
        Self { reading: Some(Reading::Stream), ..self }
    }

    /// Read as a string, in the charset that the request names.
    pub const fn text(self) -> Self {
        Self { reading: Some(Reading::Text), ..self }
    }

    /// Read as JSON.
    pub const fn read_as_json(self) -> Self {
        Self { reading: Some(Reading::Json), ..self }
    }

    /// `encoding` of a URL-encoded form: its fields, where they are not plain.
    pub const fn fields(self, fields: &'static [Parameter]) -> Self {
        Self { fields, ..self }
    }

    /// `x-body-depth`: how many levels of arrays and objects JSON may have.
    pub const fn deep(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// How many levels of arrays and objects JSON may have.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// The parts of a form of several parts.
    pub const fn parts(self, parts: &'static [Part]) -> Self {
        Self { parts, ..self }
    }

    /// The fields of a URL-encoded form that are not plain.
    pub const fn form_fields(&self) -> &'static [Parameter] {
        self.fields
    }

    /// The parts of a form of several parts.
    pub const fn form_parts(&self) -> &'static [Part] {
        self.parts
    }

    /// The media type or range, as the document writes it.
    pub const fn range(&self) -> &'static str {
        self.range
    }

    /// How a body is read that this media type or range describes: always in the same way, for its type is one.
    pub fn reading(&self) -> Reading {
        let by_type = || match MediaType::parse(self.range) {
            Some(own) if own.is_json() => Reading::Json,
            Some(own) if own.is_ndjson() => Reading::Ndjson,
            Some(own) if own.is("application/x-www-form-urlencoded") => Reading::Form,
            Some(own) if own.is("multipart/form-data") => Reading::Parts,
            Some(own) if own.is_text() => Reading::Text,
            _ => Reading::Bytes,
        };
        self.reading.unwrap_or_else(by_type)
    }
}
