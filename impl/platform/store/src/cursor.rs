//! Opaque cursors of keyset pages: the position after the last row of a page, in its sort order.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::Problem;
use serde::{Deserialize, Serialize};

/// A position between two rows of a sorted list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The name of the sort order that the position belongs to.
    #[serde(rename = "s")]
    pub sort: String,
    /// The sort key of the last row as text, if the order has one besides the id and the row has it.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The id of the last row.
    #[serde(rename = "i")]
    pub id: i64,
}

impl Cursor {
    /// The cursor as base64url without padding.
    pub fn encode(&self) -> String {
        // Strings and integers only: serializing them into memory cannot fail.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Decodes a cursor of [`Cursor::encode`].
    ///
    /// # Errors
    /// 404 `cursor_not_found` for anything else.
    pub fn decode(text: &str) -> Result<Self, Problem> {
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| not_found())?;
        serde_json::from_slice(&json).map_err(|_| not_found())
    }
}

/// The error response to an invalid cursor.
pub fn not_found() -> Problem {
    Problem::not_found("cursor_not_found", "The cursor is not valid for this list.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_journey() {
        let cursor = Cursor { sort: "-title".into(), key: Some("Ünï \"quoted\"".into()), id: i64::MAX };
        assert_eq!(Cursor::decode(&cursor.encode()).ok(), Some(cursor));
    }

    #[test]
    fn garbage_is_not_found() {
        for garbage in ["", "x", "AAAA", "bnVsbA", "e30"] {
            assert_eq!(Cursor::decode(garbage).map_err(|problem| problem.code()), Err("cursor_not_found"), "{garbage}");
        }
    }
}
