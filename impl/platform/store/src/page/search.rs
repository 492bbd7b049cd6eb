//! Searching for a text in a list.

use sqlx::{Postgres, QueryBuilder};

/// Appends the condition that a text is in `column`, which holds what the function `search_key` makes of texts (V021): whatever the case
/// of letters, accents and Unicode form. Where fewer than three characters are left of it, nothing is found: the column's trigram index
/// could not look them up.
///
/// A regular expression that is taken literally, not LIKE, whose time for a text of many repetitions is the product of both
/// lengths. But of letters other than A to Z an expression has no trigrams by this collation: there a LIKE of the first few comes in
/// addition, which has. Which way is good depends on the text: such a statement is not to be [persistent](sqlx::query::Query::persistent), so that
/// it is planned for what is looked for.
pub fn search(sql: &mut QueryBuilder<Postgres>, column: &str, text: &str) {
    sql.push(format_args!(" AND {column} ~ ('***=' || search_key(")).push_bind(text.to_owned());
    sql.push(")) AND char_length(search_key(").push_bind(text.to_owned()).push(")) >= 3");
    if !text.is_ascii() {
        sql.push(format_args!(" AND {column} LIKE '%' || regexp_replace(left(search_key(")).push_bind(text.to_owned());
        sql.push(r"), 16), '([\\%_])', '\\\1', 'g') || '%'");
    }
}
