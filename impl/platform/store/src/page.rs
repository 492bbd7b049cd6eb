//! Pages of a list: an order that is total, and a cursor that names a place in it.
//!
//! A cursor is good for the list, the order and the filters it was made with: anywhere else its place would be another.

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
    /// What the function `sort_key` makes of a text, never null: small letters without accents, in a column of its own.
    Text,
    /// A 64-bit integer, never null.
    Integer,
    /// A time, never null.
    Time,
    /// A time; rows without one come last in both directions.
    OptionalTime,
}

/// The key of a row, as the cursor carries it.
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

/// Counting ends here: an exact number of more rows costs more than it tells.
pub const COUNTED_AT_MOST: i64 = 10_000;

/// Rows that follow each other in an index: a page is put together from the first ones of each part of its list.
#[derive(Debug, Clone, PartialEq)]
enum Range {
    /// All, by [`Kind::Id`].
    Ids(Option<i64>),
    /// Those that have a key, after that of a row.
    Keys(Option<(Key, i64)>),
    /// Those that have none, after a row.
    NoKeys(Option<i64>),
}

impl Page<'_> {
    /// Appends the cursor's condition (the query must have a WHERE), the order and the limits. One row more than the
    /// limit is asked for: it tells whether there is a next page.
    ///
    /// For a list that one index, or none, gives the order of; see [`Page::select`] for others.
    ///
    /// # Errors
    /// 404 `cursor_not_found` for a cursor that is not of this order.
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
    /// Each part is read in the order of the page, and as far as the page may need, so that an index which begins with what
    /// the part is selected by and goes on with the key and the id makes its cost that of what it yields. `part` appends
    /// `SELECT ... FROM ... WHERE ...` of one part; the columns of all are the same, and `alias` is what the key and `id` are of,
    /// inside and outside. What the page is joined with is joined afterwards.
    ///
    /// # Errors
    /// 404 `cursor_not_found` for a cursor that is not of this order.
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
            // Never null, so that an index gives either direction.
            Kind::Text | Kind::Integer | Kind::Time => {
                sql.push(format_args!(" ORDER BY {key}{direction}, {id}{direction}"))
            }
            Kind::OptionalTime => sql.push(format_args!(" ORDER BY {key}{direction} NULLS LAST, {id}{direction}")),
        };
    }

    /// The order within a range, as an index gives it: the nulls of what has a key, or has none, come nowhere.
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

    /// Where the rows of the page can be, in order.
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

    /// Cuts the row that was asked for too much; if it was there, names the place after the last one that stays.
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

    /// The cursor of what follows a row.
    pub fn cursor_after(&self, key: Key, id: i64) -> String {
        let key = match key {
            Key::Id | Key::Time(None) => None,
            Key::Text(text) => Some(text),
            Key::Integer(number) => Some(number.to_string()),
            Key::Time(Some(time)) => Some(time.to_rfc3339()),
        };
        Cursor { sort: self.name(), key, id }.encode()
    }

    /// The texts that `build` makes of every cursor there can be in this order, and of none; for [`sql_shapes`](crate::sql_shapes).
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
        // What could not be built cannot be prepared, either.
        cursors.map(|cursor| build(cursor).map_or_else(|error| error.to_string(), QueryBuilder::into_string)).collect()
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
            (Kind::OptionalTime, None) => Some(Key::Time(None)),
            (Kind::Time | Kind::OptionalTime, Some(text)) => {
                contract::parse_date_time(&text, false).map(|time| Key::Time(Some(time)))
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

/// Appends `SELECT count(*)` of a list that consists of `parts`, as in [`Page::select`]; it ends at [`COUNTED_AT_MOST`].
pub fn count<P>(sql: &mut QueryBuilder<Postgres>, parts: &[P], mut part: impl FnMut(&mut QueryBuilder<Postgres>, &P)) {
    // Named outside as well: to one SELECT in parentheses a second LIMIT would be one too many.
    sql.push("SELECT count(*) FROM (SELECT FROM (");
    for (place, branch) in parts.iter().enumerate() {
        sql.push(if place > 0 { " UNION ALL (" } else { "(" });
        part(sql, branch);
        sql.push(" LIMIT ").push_bind(COUNTED_AT_MOST).push(")");
    }
    sql.push(") part LIMIT ").push_bind(COUNTED_AT_MOST).push(") counted");
}
