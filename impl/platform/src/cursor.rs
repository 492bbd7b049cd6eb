//! Cursors of lists: where a page ended, opaque to clients.
//!
//! A page continues after a sort key and an id (a keyset), not after a number of rows, so that rows which come and go
//! neither repeat nor vanish between pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longer texts are no cursor of ours.
const LONGEST: usize = 1_024;

/// The place after one row of a list sorted by `key` and then by `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor<K> {
    /// The order of the list it came from, such as `-created_at`; it names no place in any other.
    #[serde(rename = "s")]
    pub sort: String,
    /// The row's sort key.
    #[serde(rename = "k")]
    pub key: K,
    /// The row's id.
    #[serde(rename = "i")]
    pub id: i64,
}

impl<K: Serialize + DeserializeOwned> Cursor<K> {
    /// The place after a row.
    pub fn after(sort: &str, key: K, id: i64) -> Self {
        Self { sort: sort.to_owned(), key, id }
    }

    /// As text for `X-Next-Cursor`: letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// 500 when the key cannot be written as JSON.
    pub fn encode(&self) -> Result<String, Problem> {
        serde_json::to_vec(self).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(Problem::internal)
    }

    /// The place a client names in a list sorted by `sort`.
    ///
    /// # Errors
    /// 404 `cursor_not_found` when it names none: a text of the right form that was never given out, or was given
    /// out for another order.
    pub fn decode(text: &str, sort: &str) -> Result<Self, Problem> {
        let unknown = || Problem::not_found("cursor_not_found", "The cursor names no place in this list.");
        if text.len() > LONGEST {
            return Err(unknown());
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown())?;
        let cursor: Self = serde_json::from_slice(&json).map_err(|_| unknown())?;
        if cursor.sort == sort { Ok(cursor) } else { Err(unknown()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_for_its_own_order_only() {
        let cursor = Cursor::after("title", "Ünïcode \"quoted\"".to_owned(), i64::MAX);
        let text = cursor.encode().expect("encodes");
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
        assert_eq!(Cursor::decode(&text, "title").ok(), Some(cursor));
        assert_eq!(Cursor::<String>::decode(&text, "-title").expect_err("another order").code(), "cursor_not_found");
    }

    #[test]
    fn garbage_names_no_place() {
        let wrong_key = Cursor::after("title", 7, 1).encode().expect("encodes");
        for text in ["", "!", "AAAA", "bnVsbA", &"A".repeat(5_000), &wrong_key] {
            let problem = Cursor::<String>::decode(text, "title").expect_err(text);
            assert_eq!((problem.status().as_u16(), problem.code()), (404, "cursor_not_found"));
        }
    }
}
