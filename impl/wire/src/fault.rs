//! What is wrong with the spelling of a value.

/// Why a value cannot be read. Neither field repeats what the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Stable name of the rule that was broken.
    pub code: &'static str,
    /// The rule in words.
    pub detail: &'static str,
}

impl Fault {
    /// A value of one, given more than once.
    pub(crate) const DUPLICATE: Self = Self { code: "duplicate", detail: "Must be given exactly once." };
    /// Bytes that are no text.
    pub(crate) const NOT_UTF8: Self = Self { code: "invalid_format", detail: "Must be valid UTF-8." };
    /// Not spelt in the style that the document says.
    pub(crate) const STYLE: Self =
        Self { code: "invalid_format", detail: "Must be written in the style of the API specification." };
    /// `content: application/json` that is none.
    pub(crate) const NOT_JSON: Self = Self { code: "invalid_format", detail: "Must be JSON." };
    /// Objects within objects within objects.
    pub(crate) const TOO_DEEP: Self = Self { code: "invalid_format", detail: "Is nested too deeply." };
    /// More properties than are read.
    pub(crate) const TOO_MANY_MEMBERS: Self = Self { code: "too_many_members", detail: "Has too many properties." };
    /// Percent-encoded bytes that are no text.
    pub(crate) const ENCODING: Self = Self::of_request("invalid_encoding", "Percent-encoded text must be valid UTF-8.");
    /// More pairs than are read.
    pub(crate) const TOO_MANY: Self = Self::of_request("too_many_parameters", "Too many parameters.");

    /// Of the request as a whole: its code is that of a problem.
    const fn of_request(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail }
    }
}
