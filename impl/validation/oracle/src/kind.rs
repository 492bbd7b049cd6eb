//! Which documents there are, and where in one a schema is.

/// Which OpenAPI, and how schemas refer to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 3.0
    Old,
    /// 3.1, by JSON pointers and anchors.
    New,
    /// 3.1, each schema with an `$id`.
    Resources,
}

/// Where in a document a schema is.
#[derive(Clone, Copy)]
pub struct Context {
    pub kind: Kind,
    /// The first schema that may be referred to: for the same value only later ones, or most documents would have endless loops.
    pub least: usize,
}

impl Context {
    /// For what is within the value.
    pub fn below(self) -> Self {
        Self { least: 0, ..self }
    }
}
