//! Searching for a text in a list.

use sqlx::{Postgres, QueryBuilder};

/// Appends the condition that `column`, which holds the `search_key` (V021) of a text, contains a text, regardless of case,
/// accents and Unicode form. A text whose key has fewer than three characters matches nothing: the column's trigram index could
/// not find it.
///
/// A regular expression with a literal pattern, not LIKE, whose time for a text of many repetitions is the product of both
/// lengths. But for letters other than A to Z a regular expression has no trigrams with this collation: then a LIKE of the
/// first few, which has, is added. Which index scan is best depends on the text: such a statement must not be
/// [persistent](sqlx::query::Query::persistent), so that it is planned for the given text.
pub fn search(sql: &mut QueryBuilder<Postgres>, column: &str, text: &str) {
    sql.push(format_args!(" AND {column} ~ ('***=' || search_key(")).push_bind(text.to_owned());
    sql.push(")) AND char_length(search_key(").push_bind(text.to_owned()).push(")) >= 3");
    if !text.is_ascii() {
        sql.push(format_args!(" AND {column} LIKE '%' || regexp_replace(left(search_key(")).push_bind(text.to_owned());
        sql.push(r"), 16), '([\\%_])', '\\\1', 'g') || '%'");
    }
}
