//! The size of a page in bytes.

use serde::Serialize;

/// Bytes of JSON after which a page ends.
const MAX_PAGE_BYTES: usize = 1 << 20;
/// The maximum size of a row, in bytes of JSON.
const MAX_ROW_BYTES: usize = 64 * 1024;

/// How many rows fit into a page, at least one.
pub(super) fn within<T: Serialize>(rows: &[T]) -> usize {
    if rows.len() <= MAX_PAGE_BYTES / MAX_ROW_BYTES {
        return rows.len();
    }
    let mut size = Size(0);
    let fit = rows.iter().position(|row| {
        // Only counted: this cannot fail, and errors of the serialization appear when the page is sent.
        let _ = serde_json::to_writer(&mut size, row);
        size.0 += 1;
        size.0 > MAX_PAGE_BYTES
    });
    fit.map_or(rows.len(), |fit| fit.max(1))
}

/// Counts the bytes written.
struct Size(usize);

impl std::io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::page::{Key, Kind, Order, Page};

    #[test]
    fn a_page_ends_at_a_size_with_its_cursor() {
        let order = Order { name: "id", key: "id", kind: Kind::Id, descending: false };
        let page = Page { list: 1, order, cursor: None, skip: 0, limit: 100 };
        let cut = |mut rows: Vec<String>| {
            let next = page.cut(&mut rows, |row| (Key::Id, row.len().try_into().unwrap_or(0)));
            (rows.len(), next.is_some())
        };
        assert_eq!(cut(vec!["x".repeat(60_000); 100]), (17, true));
        // As sent: each of these characters is six bytes.
        assert_eq!(cut(vec!["\u{1}".repeat(10_000); 100]), (17, true));
        assert_eq!(cut(vec!["x".repeat(1_000); 100]), (100, false));
        assert_eq!(cut(vec!["x".repeat(1_000); 101]), (100, true));
        assert_eq!(cut(vec!["x".repeat(60_000); 16]), (16, false));
    }
}
