//! How a model is made of a row: each field is the column of its name.
//!
//! Generated models know their fields, and nothing about databases; the crate with the database implements [`Row`]. The fields of an object
//! within an object are columns named after both: `assignee.id`.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use uuid::Uuid;
use validation::{Decode, Decoder, Place, Value as Tree};

/// A value of a column, which may be null.
pub trait Cell<T> {
    /// Why a column could not be read.
    type Error;

    /// The column of a name.
    ///
    /// # Errors
    /// When there is none, or it holds something of another type.
    fn cell(&mut self, name: &'static str) -> Result<Option<T>, Self::Error>;
}

/// A row whose columns are found by their names.
pub trait Row:
    Cell<bool, Error = Self::Failure>
    + Cell<i32, Error = Self::Failure>
    + Cell<i64, Error = Self::Failure>
    + Cell<f64, Error = Self::Failure>
    + Cell<String, Error = Self::Failure>
    + Cell<Uuid, Error = Self::Failure>
    + Cell<NaiveDate, Error = Self::Failure>
    + Cell<DateTime<Utc>, Error = Self::Failure>
    + Cell<Value, Error = Self::Failure>
    + Cell<Vec<bool>, Error = Self::Failure>
    + Cell<Vec<i32>, Error = Self::Failure>
    + Cell<Vec<i64>, Error = Self::Failure>
    + Cell<Vec<f64>, Error = Self::Failure>
    + Cell<Vec<String>, Error = Self::Failure>
    + Cell<Vec<Uuid>, Error = Self::Failure>
    + Cell<Vec<NaiveDate>, Error = Self::Failure>
    + Cell<Vec<DateTime<Utc>>, Error = Self::Failure>
{
    /// Why a row could not be read.
    type Failure;

    /// Reads a column of text where it lies.
    ///
    /// # Errors
    /// As [`Cell::cell`].
    fn text<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> T) -> Result<Option<T>, Self::Failure>;

    /// Reads an object whose columns are named `name.` and then its fields.
    ///
    /// # Errors
    /// Those of `read`.
    fn within<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, Self::Failure>,
    ) -> Result<T, Self::Failure>;

    /// Whether every column of the object that is being read is null.
    ///
    /// # Errors
    /// When it has none.
    fn is_absent(&self) -> Result<bool, Self::Failure>;

    /// Whether there is a column of a name.
    fn has(&self, name: &'static str) -> bool;

    /// The error when a column has a value that the document does not allow.
    fn unexpected(&self, name: &'static str, wanted: &str) -> Self::Failure;
}

/// A model that can be made of a row; implemented by generated code.
pub trait FromRow: Sized {
    /// The model.
    ///
    /// # Errors
    /// When a column is missing, or holds what the document does not allow.
    fn from_row<R: Row>(row: &mut R) -> Result<Self, R::Failure>;
}

/// A field of a model.
pub trait Field: Sized {
    /// Reads it; nothing when it is null.
    ///
    /// # Errors
    /// As [`FromRow::from_row`].
    fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure>;

    /// Reads it.
    ///
    /// # Errors
    /// As [`FromRow::from_row`]; when it is null.
    fn read<R: Row>(row: &mut R, name: &'static str) -> Result<Self, R::Failure> {
        Self::nullable(row, name)?.ok_or_else(|| row.unexpected(name, "a value that is not null"))
    }

    /// Reads a list of such values. A list of what is no value of Postgres has no column: it is empty, until whoever has found its
    /// rows puts them in.
    ///
    /// # Errors
    /// As [`FromRow::from_row`]; when there is a column all the same.
    fn list<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Vec<Self>>, R::Failure> {
        absent(row, name).map(Some)
    }
}

fn absent<R: Row, T: Default>(row: &R, name: &'static str) -> Result<T, R::Failure> {
    if row.has(name) {
        Err(row.unexpected(name, "no column: this is put together from rows"))
    } else {
        Ok(T::default())
    }
}

macro_rules! values {
    ($($value:ty),*) => {
        $(impl Field for $value {
            fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure> {
                row.cell(name)
            }

            fn list<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Vec<Self>>, R::Failure> {
                row.cell(name)
            }
        })*
    };
}

values!(bool, i32, i64, f64, String, Uuid, NaiveDate, DateTime<Utc>);

impl Field for Value {
    fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure> {
        row.cell(name)
    }
}

impl Field for serde_json::Map<String, Value> {
    fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure> {
        match row.cell(name)? {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(row.unexpected(name, "an object")),
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure> {
        T::nullable(row, name).map(Some)
    }
}

impl<T: Field> Field for Vec<T> {
    fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure> {
        T::list(row, name)
    }
}

impl<T> Field for BTreeMap<String, T> {
    fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure> {
        absent(row, name).map(Some)
    }
}

impl<T: Field> Field for Box<T> {
    fn nullable<R: Row>(row: &mut R, name: &'static str) -> Result<Option<Self>, R::Failure> {
        Ok(T::nullable(row, name)?.map(Self::new))
    }
}

/// An object within a row; where an outer join found none, all its columns are null.
///
/// # Errors
/// As [`FromRow::from_row`].
pub fn object<T: FromRow, R: Row>(row: &mut R, name: &'static str) -> Result<Option<T>, R::Failure> {
    row.within(name, |row| if row.is_absent()? { Ok(None) } else { T::from_row(row).map(Some) })
}

/// A value in a column of JSON, decoded as in a request.
///
/// # Errors
/// As [`FromRow::from_row`].
pub fn json<T: Decode, R: Row>(row: &mut R, name: &'static str) -> Result<Option<T>, R::Failure> {
    let Some(found): Option<Value> = row.cell(name)? else { return Ok(None) };
    let text = found.to_string();
    let decoded =
        Tree::from_json(text.as_bytes()).ok().and_then(|value| T::decode(value, &mut Decoder::new(Place::Body)));
    decoded.map(Some).ok_or_else(|| row.unexpected(name, "a value that the document allows"))
}

/// A value of an enumeration, by how it is written.
///
/// # Errors
/// As [`FromRow::from_row`].
pub fn enumeration<T: Copy, R: Row>(
    row: &mut R,
    name: &'static str,
    all: &'static [(&'static str, T)],
) -> Result<Option<T>, R::Failure> {
    let find = |text: &str| all.iter().find(|(known, _)| *known == text).map(|(_, value)| *value);
    match row.text(name, find)? {
        Some(None) => Err(row.unexpected(name, "a value that the document knows")),
        found => Ok(found.flatten()),
    }
}

/// A list of values of an enumeration.
///
/// # Errors
/// As [`FromRow::from_row`].
pub fn enumerations<T: Copy, R: Row>(
    row: &mut R,
    name: &'static str,
    all: &'static [(&'static str, T)],
) -> Result<Option<Vec<T>>, R::Failure> {
    let Some(texts): Option<Vec<String>> = row.cell(name)? else { return Ok(None) };
    let values = texts.iter().map(|text| all.iter().find(|(known, _)| known == text).map(|(_, value)| *value));
    values.collect::<Option<Vec<T>>>().map(Some).ok_or_else(|| row.unexpected(name, "values that the document knows"))
}
