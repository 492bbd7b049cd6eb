//! Pagination of a list: a total order, and a cursor that is a position in it.
//!
//! A cursor is valid for the list, the order and the filters that it was created with only.

mod search;
mod size;

use std::hash::{Hash, Hasher};

use chrono::{DateTime, Utc};
use contract::Problem;
use serde::Serialize;
use sqlx::{Postgres, QueryBuilder};
use xxhash_rust::xxh3::Xxh3Default;

use crate::cursor;
use crate::cursor::Cursor;
use crate::error::Result;
use size::within;

pub use search::search;

/// A sort order.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Its name in the document.
    pub name: &'static str,
    /// The SQL expression of the key.
    pub key: &'static str,
    /// The type of the key.
    pub kind: Kind,
    /// Largest first.
    pub descending: bool,
}

/// Types of sort keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The id alone.
    Id,
    /// A text by its `sort_key` (a function of the schema), never null: lower case without accents, in a column of its own.
    Text,
    /// A 64-bit integer, never null.
    Integer,
    /// A time, never null.
    Time,
    /// A time; rows without one are last in both directions.
    OptionalTime,
}

/// The key of a row, as stored in the cursor.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// Of [`Kind::Id`].
    Id,
    /// Of [`Kind::Text`]: the text itself.
    Text(String),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Time`] and [`Kind::OptionalTime`].
    Time(Option<DateTime<Utc>>),
}

/// A requested page of a list.
#[derive(Debug)]
pub struct Page<'a> {
    /// See [`fingerprint`].
    pub list: u64,
    /// The sort order.
    pub order: Order,
    /// The position at which the previous page ended.
    pub cursor: Option<&'a str>,
    /// Rows to skip when there is no cursor.
    pub skip: i64,
    /// The maximum number of rows.
    pub limit: i64,
}

/// Counting stops here: an exact number of more rows is not worth its cost.
pub const COUNTED_AT_MOST: i64 = 10_000;

/// Consecutive rows of an index: a page is merged from the first rows of each part of its list.
#[derive(Debug, Clone, PartialEq)]
enum Range {
    /// All rows, by [`Kind::Id`].
    Ids(Option<i64>),
    /// Rows with a key, after that of a row.
    Keys(Option<(Key, i64)>),
    /// Rows without a key, after a row.
    NoKeys(Option<i64>),
}

impl Page<'_> {
    /// Appends the cursor's condition (the query must have a WHERE), the order and the limits. One row more than the
    /// limit is requested, to detect a next page.
    ///
    /// For a list whose order comes from one index, or from none; see [`Page::select`] for others.
    ///
    /// # Errors
    /// 404 `cursor_not_found` for a cursor of another order.
    pub fn finish(&self, sql: &mut QueryBuilder<Postgres>, id: &str) -> Result<()> {
        debug_assert_ne!(self.order.kind, Kind::OptionalTime, "rows with a key and rows without one are two ranges");
        let range = self.ranges()?.into_iter().next().unwrap_or(Range::Ids(None));
        self.narrow(sql, &range, id);
        self.sort(sql, id);
        self.limit(sql);
        Ok(())
    }

    /// Appends `(SELECT ...) alias`: the rows of this page, of a list that consists of `parts` with no row in common.
    ///
    /// Each part is read in the order of the page, and only as far as the page may need. With an index on the condition of the
    /// part, then the key and the id, the cost is proportional to the rows returned. `part` appends `SELECT ... FROM ... WHERE
    /// ...` of one part; all have the same columns, and `alias` qualifies the key and `id`, inside and outside. Joins of the
    /// page are applied afterwards.
    ///
    /// # Errors
    /// 404 `cursor_not_found` for a cursor of another order.
    pub fn select<P>(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        alias: &str,
        id: &str,
        parts: &[P],
        mut part: impl FnMut(&mut QueryBuilder<Postgres>, &P),
    ) -> Result<()> {
        let ranges = self.ranges()?;
        sql.push(format_args!("(SELECT {alias}.* FROM ("));
        for (place, (branch, range)) in parts.iter().flat_map(|part| ranges.iter().map(move |r| (part, r))).enumerate()
        {
            sql.push(if place > 0 { " UNION ALL (" } else { "(" });
            part(sql, branch);
            self.narrow(sql, range, id);
            self.sort_within(sql, range, id);
            sql.push(" LIMIT ").push_bind(self.skipped() + self.limit + 1).push(")");
        }
        sql.push(format_args!(") {alias}"));
        self.sort(sql, id);
        self.limit(sql);
        sql.push(format_args!(") {alias}"));
        Ok(())
    }

    /// Appends the order of the whole page.
    pub fn sort(&self, sql: &mut QueryBuilder<Postgres>, id: &str) {
        let Order { key, kind, descending, .. } = self.order;
        let direction = if descending { " DESC" } else { "" };
        match kind {
            Kind::Id => sql.push(format_args!(" ORDER BY {id}{direction}")),
            // Never null, so that an index serves both directions.
            Kind::Text | Kind::Integer | Kind::Time => {
                sql.push(format_args!(" ORDER BY {key}{direction}, {id}{direction}"))
            }
            Kind::OptionalTime => sql.push(format_args!(" ORDER BY {key}{direction} NULLS LAST, {id}{direction}")),
        };
    }

    /// The order within a range, as an index has it: a range has only keys, or only nulls.
    fn sort_within(&self, sql: &mut QueryBuilder<Postgres>, range: &Range, id: &str) {
        let direction = if self.order.descending { " DESC" } else { "" };
        match range {
            Range::Ids(_) => sql.push(format_args!(" ORDER BY {id}{direction}")),
            Range::Keys(_) | Range::NoKeys(_) => {
                sql.push(format_args!(" ORDER BY {}{direction}, {id}{direction}", self.order.key))
            }
        };
    }

    fn limit(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(" LIMIT ").push_bind(self.limit + 1);
        if self.skipped() > 0 {
            sql.push(" OFFSET ").push_bind(self.skipped());
        }
    }

    fn skipped(&self) -> i64 {
        if self.cursor.is_some() { 0 } else { self.skip }
    }

    /// The ranges that contain the rows of the page, in order.
    fn ranges(&self) -> Result<Vec<Range>> {
        let place = self.place()?;
        Ok(match (self.order.kind, place) {
            (Kind::Id, place) => vec![Range::Ids(place.map(|(_, id)| id))],
            (Kind::OptionalTime, None) => vec![Range::Keys(None), Range::NoKeys(None)],
            (Kind::OptionalTime, Some((Key::Time(None), id))) => vec![Range::NoKeys(Some(id))],
            (Kind::OptionalTime, place) => vec![Range::Keys(place), Range::NoKeys(None)],
            (Kind::Text | Kind::Integer | Kind::Time, place) => vec![Range::Keys(place)],
        })
    }

    fn narrow(&self, sql: &mut QueryBuilder<Postgres>, range: &Range, id: &str) {
        let Order { key, kind, descending, .. } = self.order;
        let than = if descending { "<" } else { ">" };
        if kind == Kind::OptionalTime {
            let null = if matches!(range, Range::NoKeys(_)) { "" } else { "NOT " };
            sql.push(format_args!(" AND {key} IS {null}NULL"));
        }
        match range {
            Range::Ids(Some(last)) | Range::NoKeys(Some(last)) => {
                sql.push(format_args!(" AND {id} {than} ")).push_bind(*last);
            }
            Range::Keys(Some((place, last))) => {
                sql.push(format_args!(" AND ({key}, {id}) {than} ("));
                match place {
                    Key::Text(text) => sql.push("sort_key(").push_bind(text.clone()).push(")"),
                    Key::Integer(number) => sql.push_bind(*number),
                    Key::Time(time) => sql.push_bind(*time),
                    Key::Id => sql.push_bind(*last),
                };
                sql.push(", ").push_bind(*last).push(")");
            }
            Range::Ids(None) | Range::Keys(None) | Range::NoKeys(None) => (),
        }
    }

    /// Removes the extra row; if it was there, returns the cursor after the last row that stays.
    /// A page also ends where it would become too large to send.
    pub fn cut<T: Serialize>(&self, rows: &mut Vec<T>, place: impl Fn(&T) -> (Key, i64)) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX).min(within(rows));
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        let (key, id) = place(rows.last()?);
        Some(self.cursor_after(key, id))
    }

    /// The cursor after a row.
    pub fn cursor_after(&self, key: Key, id: i64) -> String {
        let key = match key {
            Key::Id | Key::Time(None) => None,
            Key::Text(text) => Some(text),
            Key::Integer(number) => Some(number.to_string()),
            Key::Time(Some(time)) => Some(time.to_rfc3339()),
        };
        Cursor { sort: self.name(), key, id }.encode()
    }

    /// The statements that `build` creates for every kind of cursor in this order, and for none; for
    /// [`sql_shapes`](crate::sql_shapes).
    pub fn shapes(&self, build: impl Fn(Option<String>) -> Result<QueryBuilder<Postgres>>) -> Vec<String> {
        let time = Key::Time(Some(contract::EARLIEST));
        let keys = match self.order.kind {
            Kind::Id => vec![Key::Id],
            Kind::Text => vec![Key::Text("text".to_owned())],
            Kind::Integer => vec![Key::Integer(1)],
            Kind::Time => vec![time],
            Kind::OptionalTime => vec![time, Key::Time(None)],
        };
        let cursors = keys.into_iter().map(|key| Some(self.cursor_after(key, 1))).chain([None]);
        // A statement that cannot be built cannot be prepared, either.
        cursors.map(|cursor| build(cursor).map_or_else(|error| error.to_string(), QueryBuilder::into_string)).collect()
    }

    /// The name of this list and order in cursors.
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
            (Kind::OptionalTime, None) => Some(Key::Time(None)),
            (Kind::Time | Kind::OptionalTime, Some(text)) => {
                contract::parse_date_time(&text, false).map(|time| Key::Time(Some(time)))
            }
            _ => None,
        };
        place.map(|place| Some((place, id))).ok_or_else(cursor::not_found)
    }
}

/// Identifies a list by name and filters, stable across processes and machines.
pub fn fingerprint(list: impl Hash) -> u64 {
    let mut hasher = Xxh3Default::new();
    list.hash(&mut hasher);
    hasher.finish()
}

/// Appends `SELECT count(*)` of a list that consists of `parts`, as in [`Page::select`]; it stops at [`COUNTED_AT_MOST`].
pub fn count<P>(sql: &mut QueryBuilder<Postgres>, parts: &[P], mut part: impl FnMut(&mut QueryBuilder<Postgres>, &P)) {
    // A subquery outside as well: a single SELECT in parentheses would get a second LIMIT.
    sql.push("SELECT count(*) FROM (SELECT FROM (");
    for (place, branch) in parts.iter().enumerate() {
        sql.push(if place > 0 { " UNION ALL (" } else { "(" });
        part(sql, branch);
        sql.push(" LIMIT ").push_bind(COUNTED_AT_MOST).push(")");
    }
    sql.push(") part LIMIT ").push_bind(COUNTED_AT_MOST).push(") counted");
}
