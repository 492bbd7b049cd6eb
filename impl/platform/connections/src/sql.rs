//! SQL statements that a test can enumerate, to prepare every one of them on the migrated schema.
//!
//! A statement is written where it is used, as one text:
//!
//! ```ignore
//! let row = sqlx::query(sql!("SELECT {TASK} FROM tasks t WHERE t.id = $1", TASK)).bind(id).fetch_one(db).await?;
//! ```
//!
//! What several statements share are views and functions of the schema; lists of columns are constants, which the text
//! names in braces. A dynamic statement is built by a function that can return every shape it may have: see
//! [`sql_shapes`](crate::sql_shapes).

#[doc(hidden)]
pub use linkme;

/// A statement and its location.
#[derive(Debug)]
pub struct Statement {
    /// Its text.
    pub text: Text,
    /// The file, relative to the root of the workspace.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

/// The text of a statement.
#[derive(Debug, Clone, Copy)]
pub enum Text {
    /// A constant text.
    Fixed(&'static str),
    /// A dynamic text: all shapes it may have.
    Shapes(fn() -> Vec<String>),
}

/// Every statement of the linked program.
#[linkme::distributed_slice]
pub static STATEMENTS: [Statement];

/// An SQL statement as `&'static str`; constants are inserted where the text names them in braces.
#[macro_export]
macro_rules! sql {
    ($text:literal $(, $part:ident)* $(,)?) => {{
        const PARTS: &[(&str, &str)] = &[$((stringify!($part), $part)),*];
        const LENGTH: usize = $crate::sql::put_together::<0>($text, PARTS).1;
        const BYTES: [u8; LENGTH] = $crate::sql::put_together($text, PARTS).0;
        const TEXT: &str = $crate::sql::text(&BYTES);
        $crate::registered_sql!($crate::sql::Text::Fixed(TEXT));
        TEXT
    }};
}

/// Registers every shape of a dynamic statement: a function without arguments that returns them.
#[macro_export]
macro_rules! sql_shapes {
    ($shapes:expr) => {
        $crate::registered_sql!($crate::sql::Text::Shapes($shapes));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! registered_sql {
    ($text:expr) => {
        #[allow(unsafe_code, reason = "the section of the program that it lies in makes it one of the list")]
        const _: () = {
            #[$crate::sql::linkme::distributed_slice($crate::sql::STATEMENTS)]
            #[linkme(crate = $crate::sql::linkme)]
            static STATEMENT: $crate::sql::Statement =
                $crate::sql::Statement { text: $text, file: file!(), line: line!() };
        };
    };
}

/// The text with its constants inserted, as far as the buffer reaches, and its total length.
#[doc(hidden)]
#[must_use]
pub const fn put_together<const ROOM: usize>(text: &str, parts: &[(&str, &str)]) -> ([u8; ROOM], usize) {
    let (mut bytes, mut length, mut at, mut used) = ([0; ROOM], 0, 0, 0_u64);
    while at < text.len() {
        let (mut taken, mut part, mut index) = (text.as_bytes().split_at(at).1.split_at(1).0, 1, 0);
        while index < parts.len() {
            if is_named(text.as_bytes(), at, parts[index].0) {
                (taken, part) = (parts[index].1.as_bytes(), parts[index].0.len() + 2);
                used |= 1 << index;
            }
            index += 1;
        }
        let mut byte = 0;
        while byte < taken.len() {
            if length < ROOM {
                bytes[length] = taken[byte];
            }
            (length, byte) = (length + 1, byte + 1);
        }
        at += part;
    }
    assert!(used.count_ones() as usize == parts.len(), "the statement does not name one of its parts");
    (bytes, length)
}

/// Whether `{name}` begins at this position.
const fn is_named(text: &[u8], at: usize, name: &str) -> bool {
    let (name, mut index) = (name.as_bytes(), 0);
    if text[at] != b'{' || at + name.len() + 1 >= text.len() || text[at + name.len() + 1] != b'}' {
        return false;
    }
    while index < name.len() {
        if text[at + 1 + index] != name[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[doc(hidden)]
#[must_use]
pub const fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("texts put together of texts are text"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn parts_are_put_in_where_they_are_named() {
        const ID: &str = "t.id";
        const NAME: &str = "t.näme";
        assert_eq!(sql!("SELECT 1"), "SELECT 1");
        assert_eq!(
            sql!("SELECT {ID}, {NAME}, '{\"a\":{}}', {ID} {", ID, NAME),
            "SELECT t.id, t.näme, '{\"a\":{}}', t.id {"
        );
    }
}
