//! Pages of a list: an order that is total, and a cursor that names a place in it.
//!
//! A cursor is good for the list, the order and the filters it was made with: anywhere else its place would be another.

use std::hash::{Hash, Hasher};

use chrono::{DateTime, Utc};
use contract::Problem;
use sqlx::{Postgres, QueryBuilder};
use xxhash_rust::xxh3::Xxh3Default;

use crate::cursor::{self, Cursor};
use crate::error::Result;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// As the document writes it.
    pub name: &'static str,
    /// The SQL expression of the key.
    pub key: &'static str,
    /// The type of the key.
    pub kind: Kind,
    /// Largest first.
    pub descending: bool,
}

/// Types a key can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The id alone.
    Id,
    /// Text, never null.
    Text,
    /// A 64-bit integer, never null.
    Integer,
    /// A time; rows without one come last in both directions.
    Time,
}

/// The key of a row, as the cursor carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// Of [`Kind::Id`].
    Id,
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Time`].
    Time(Option<DateTime<Utc>>),
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub struct Page<'a> {
    /// See [`fingerprint`].
    pub list: u64,
    /// What it is sorted by.
    pub order: Order,
    /// Where the page before it ended.
    pub cursor: Option<&'a str>,
    /// Rows to leave out when there is no cursor.
    pub skip: i64,
    /// Most rows of a page.
    pub limit: i64,
}

impl Page<'_> {
    /// Appends the cursor's condition (the query must have a WHERE), the order and the limits. One row more than the
    /// limit is asked for: it tells whether there is a next page.
    ///
    /// # Errors
    /// 404 `cursor_not_found` for a cursor that is not of this order.
    pub fn finish(&self, sql: &mut QueryBuilder<Postgres>, id: &str) -> Result<()> {
        let Order { key, kind, descending, .. } = self.order;
        let (than, direction) = if descending { ("<", " DESC") } else { (">", "") };
        if let Some((place, last)) = self.place()? {
            match place {
                Key::Id => sql.push(format_args!(" AND {id} {than} ")).push_bind(last),
                Key::Text(text) => {
                    sql.push(format_args!(" AND ({key}, {id}) {than} (")).push_bind(text).push(", ").push_bind(last);
                    sql.push(")")
                }
                Key::Integer(number) => {
                    sql.push(format_args!(" AND ({key}, {id}) {than} (")).push_bind(number).push(", ").push_bind(last);
                    sql.push(")")
                }
                Key::Time(None) => sql.push(format_args!(" AND {key} IS NULL AND {id} {than} ")).push_bind(last),
                Key::Time(Some(time)) => {
                    sql.push(format_args!(" AND (({key}, {id}) {than} (")).push_bind(time).push(", ").push_bind(last);
                    sql.push(format_args!(") OR {key} IS NULL)"))
                }
            };
        }
        sql.push(" ORDER BY ");
        if kind != Kind::Id {
            sql.push(format_args!("{key}{direction} NULLS LAST, "));
        }
        sql.push(format_args!("{id}{direction} LIMIT ")).push_bind(self.limit + 1);
        if self.skip > 0 && self.cursor.is_none() {
            sql.push(" OFFSET ").push_bind(self.skip);
        }
        Ok(())
    }

    /// Cuts the row that was asked for too much; if it was there, names the place after the last one that stays.
    pub fn cut<T>(&self, rows: &mut Vec<T>, place: impl Fn(&T) -> (Key, i64)) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        let (key, id) = place(rows.last()?);
        let key = match key {
            Key::Id | Key::Time(None) => None,
            Key::Text(text) => Some(text),
            Key::Integer(number) => Some(number.to_string()),
            Key::Time(Some(time)) => Some(time.to_rfc3339()),
        };
        Some(Cursor { sort: self.name(), key, id }.encode())
    }

    /// What a cursor calls this list in this order.
    fn name(&self) -> String {
        format!("{}.{:x}", self.order.name, self.list)
    }

    fn place(&self) -> Result<Option<(Key, i64)>, Problem> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let Cursor { sort, key, id } = Cursor::decode(cursor)?;
        let place = match (self.order.kind, key) {
            _ if sort != self.name() => None,
            (Kind::Id, None) => Some(Key::Id),
            (Kind::Text, Some(text)) if !text.contains('\0') => Some(Key::Text(text)),
            (Kind::Integer, Some(text)) => text.parse().ok().map(Key::Integer),
            (Kind::Time, None) => Some(Key::Time(None)),
            (Kind::Time, Some(text)) => {
                DateTime::parse_from_rfc3339(&text).ok().map(|time| Key::Time(Some(time.to_utc())))
            }
            _ => None,
        };
        place.map(|place| Some((place, id))).ok_or_else(cursor::not_found)
    }
}

/// Tells lists apart by name and filters, in every process and on every machine alike.
pub fn fingerprint(list: impl Hash) -> u64 {
    let mut hasher = Xxh3Default::new();
    list.hash(&mut hasher);
    hasher.finish()
}

/// The text to search for, if any: an empty one is in everything.
pub fn searched(q: Option<&str>) -> Option<&str> {
    q.filter(|text| !text.is_empty())
}

/// `text` as a LIKE pattern that finds it anywhere.
pub fn containing(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    format!("%{escaped}%")
}
