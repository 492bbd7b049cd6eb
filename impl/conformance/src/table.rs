//! The responses of an operation, as the document has them.

use validation::{SchemaRef, Schemas, Value};
use wire::MediaType;

use crate::header::Header;
use crate::place::Place;

/// Responses by status; those of `4XX` and `default` after those of single ones.
#[derive(Default)]
pub(crate) struct Table(Vec<(Statuses, Declared)>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Statuses {
    One(u16),
    /// By their first digit.
    Range(u16),
    Default,
}

/// A response.
pub(crate) struct Declared {
    pub headers: Vec<Header>,
    pub media: Vec<Media>,
}

/// A media type or range of a response.
pub(crate) struct Media {
    pub range: &'static str,
    pub kind: Kind,
    /// Of the body; of rows and events: of each.
    pub schema: Option<SchemaRef>,
}

/// How a body is read, by the media type that is declared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    /// JSON texts, one a line.
    Rows,
    /// Server-sent events.
    Events,
    Text,
    Bytes,
}

impl Table {
    /// Reads the responses of the operation at a JSON pointer.
    pub fn read(schemas: &'static Schemas, pointer: &str) -> Self {
        let operation = schemas.document().and_then(|document| document.at(pointer));
        let Some(value) = operation else { return Self::default() };
        let operation = Place { pointer: pointer.to_owned(), value };
        let found = operation.children("responses", schemas).into_iter();
        let mut responses: Vec<_> =
            found.filter_map(|(status, response)| Some((statuses(status)?, declared(&response, schemas)))).collect();
        responses.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(responses)
    }

    /// The response of a status: declared for itself, for its range, or for all others.
    pub fn find(&self, status: u16) -> Option<&Declared> {
        let holds = |statuses: &Statuses| match statuses {
            Statuses::One(one) => *one == status,
            Statuses::Range(digit) => *digit == status / 100,
            Statuses::Default => true,
        };
        self.0.iter().find(|(statuses, _)| holds(statuses)).map(|(_, declared)| declared)
    }
}

fn statuses(text: &str) -> Option<Statuses> {
    match text.strip_suffix("XX").or(text.strip_suffix("xx")) {
        _ if text == "default" => Some(Statuses::Default),
        Some(digit) => digit.parse().ok().map(Statuses::Range),
        None => text.parse().ok().map(Statuses::One),
    }
}

fn declared(response: &Place, schemas: &'static Schemas) -> Declared {
    let headers = response.children("headers", schemas).into_iter();
    let media = response.children("content", schemas).into_iter();
    Declared {
        headers: headers.filter_map(|(name, place)| Header::read(name, &place, schemas)).collect(),
        media: media.map(|(range, place)| self::media(range, &place, schemas)).collect(),
    }
}

fn media(range: &'static str, place: &Place, schemas: &'static Schemas) -> Media {
    let kind = match MediaType::parse(range) {
        Some(own) if own.is_json() => Kind::Json,
        Some(own) if own.is_ndjson() => Kind::Rows,
        Some(own) if own.is("text/event-stream") => Kind::Events,
        Some(own) if own.is_text() => Kind::Text,
        _ => Kind::Bytes,
    };
    let schema = match kind {
        Kind::Json => place.child("schema").and_then(|place| place.schema(schemas)),
        Kind::Rows => row(place, schemas),
        Kind::Events => place.child("x-event-data").and_then(|place| place.schema(schemas)),
        Kind::Text => place.child("schema").and_then(|place| text(place, schemas)),
        Kind::Bytes => None,
    };
    Media { range, kind, schema }
}

/// The schema of each row: that of the items of an array; a schema that has no arrays is that of a row itself.
fn row(media: &Place, schemas: &'static Schemas) -> Option<SchemaRef> {
    if let Some(item) = media.child("itemSchema") {
        return item.schema(schemas);
    }
    let whole = media.child("schema")?.followed(schemas)?;
    match whole.child("items") {
        Some(items) => items.schema(schemas),
        None => whole.schema(schemas).filter(|schema| !schema.admits("array")),
    }
}

/// The schema of a text, unless its bytes are no text.
fn text(place: Place, schemas: &'static Schemas) -> Option<SchemaRef> {
    let format = Place { pointer: String::new(), value: place.value }.followed(schemas)?.value.member("format");
    match format {
        Some(Value::String(format)) if format == "binary" => None,
        _ => place.schema(schemas),
    }
}
