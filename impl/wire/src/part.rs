//! What a document says of the parts of a form (OpenAPI 3.1.1, "Encoding Object").

/// A part of a `multipart/form-data` body: its name, and how it is read. Built as a constant by generated code.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub(crate) name: &'static str,
    pub(crate) kind: PartKind,
    pub(crate) repeated: bool,
    pub(crate) media: &'static [&'static str],
    size: (u64, Option<u64>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    Text,
    Json,
    File,
}

impl Part {
    const fn new(name: &'static str, kind: PartKind) -> Self {
        Self { name, kind, repeated: false, media: &[], size: (0, None) }
    }

    /// A string, or the lexical form of a number or boolean.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, PartKind::Text)
    }

    /// JSON, whatever its Content-Type says.
    pub const fn json(name: &'static str) -> Self {
        Self::new(name, PartKind::Json)
    }

    /// A file, with or without a name.
    pub const fn file(name: &'static str) -> Self {
        Self::new(name, PartKind::File)
    }

    /// An array: each part of the name is an item.
    pub const fn repeated(self) -> Self {
        Self { repeated: true, ..self }
    }

    /// `contentType`: the media types or ranges that a file may have.
    pub const fn media(self, media: &'static [&'static str]) -> Self {
        Self { media, ..self }
    }

    /// `minLength` and `maxLength` of a file: its bytes (OpenAPI 3.1.1, "Working With Binary Data").
    pub const fn sized(self, min: u64, max: Option<u64>) -> Self {
        Self { size: (min, max), ..self }
    }

    /// How many bytes a file has at least and at most.
    pub const fn size(&self) -> (u64, Option<u64>) {
        self.size
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is a file.
    pub const fn is_file(&self) -> bool {
        matches!(self.kind, PartKind::File)
    }

    /// Whether it is an array.
    pub const fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// The media types or ranges that it may have; any when empty.
    pub const fn accepted(&self) -> &'static [&'static str] {
        self.media
    }
}
