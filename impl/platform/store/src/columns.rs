//! Reading columns of a row by name.

use chrono::{DateTime, SubsecRound as _, Utc};
use contract::row::{Cell, Field, FromRow, Row as ModelRow};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Column as _, Decode, Error, Result, Row as _, Type, ValueRef as _};

/// The columns of a row. They are mostly read in the order of the statement; then a name costs one comparison.
#[derive(Debug)]
pub struct Columns<'r> {
    row: &'r PgRow,
    /// The objects that the current names are nested in.
    within: Vec<&'static str>,
    /// The index after the column that was read last.
    next: usize,
}

/// Reads a row into a model: each of its fields is the column of that name, see [`contract::row`].
///
/// # Errors
/// When a column is missing, or its value is not allowed by the document.
pub fn read<T: FromRow>(row: &PgRow) -> Result<T> {
    T::from_row(&mut Columns::of(row))
}

/// Reads two columns of a row.
///
/// # Errors
/// As [`Columns::get`].
pub fn pair<'r, A, B>(row: &'r PgRow, one: &'static str, other: &'static str) -> Result<(A, B)>
where
    A: Decode<'r, Postgres> + Type<Postgres>,
    B: Decode<'r, Postgres> + Type<Postgres>,
{
    let mut columns = Columns::of(row);
    Ok((columns.get(one)?, columns.get(other)?))
}

/// Truncates a time to the microseconds that Postgres stores. Postgres truncates a parameter, but rounds a text or JSON.
#[must_use]
pub fn microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

impl<'r> Columns<'r> {
    /// The columns of a row.
    pub fn of(row: &'r PgRow) -> Self {
        Self { row, within: Vec::new(), next: 0 }
    }

    /// The value of the column `name`.
    ///
    /// # Errors
    /// When there is no such column, or its type does not match.
    pub fn get<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self, name: &'static str) -> Result<T> {
        let place = self.place(name)?;
        self.row.try_get(place).map_err(|error| match error {
            Error::ColumnDecode { source, .. } => Error::ColumnDecode { index: self.full(name), source },
            error => error,
        })
    }

    /// A field of a model, which may be an object with columns named `name.` and then its fields.
    ///
    /// # Errors
    /// As [`read`].
    pub fn field<T: Field>(&mut self, name: &'static str) -> Result<T> {
        T::read(self, name)
    }

    fn place(&mut self, name: &str) -> Result<usize> {
        let count = self.row.len();
        let place = (self.next..count).chain(0..self.next.min(count)).find(|place| self.is(*place, name));
        let place = place.ok_or_else(|| Error::ColumnNotFound(self.full(name)))?;
        self.next = place + 1;
        Ok(place)
    }

    fn is(&self, place: usize, name: &str) -> bool {
        self.inner(place) == Some(name)
    }

    /// The name of a column within the object that is being read, if it belongs to that object.
    fn inner(&self, place: usize) -> Option<&'r str> {
        let inner = |name: &'r str, object: &&str| name.strip_prefix(*object)?.strip_prefix('.');
        self.within.iter().try_fold(self.row.column(place).name(), inner)
    }

    fn full(&self, name: &str) -> String {
        self.within.iter().map(|object| format!("{object}.")).chain([name.to_owned()]).collect()
    }
}

impl<'r, T: Decode<'r, Postgres> + Type<Postgres>> Cell<T> for Columns<'r> {
    type Error = Error;

    fn cell(&mut self, name: &'static str) -> Result<Option<T>> {
        self.get(name)
    }
}

impl ModelRow for Columns<'_> {
    type Failure = Error;

    fn text<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> T) -> Result<Option<T>> {
        Ok(self.get::<Option<&str>>(name)?.map(read))
    }

    fn within<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within.push(name);
        let value = read(self);
        self.within.pop();
        value
    }

    fn is_absent(&self) -> Result<bool> {
        let mut columns = (0..self.row.len()).filter(|place| self.inner(*place).is_some()).peekable();
        columns.peek().ok_or_else(|| Error::ColumnNotFound(self.full("*")))?;
        for place in columns {
            if !self.row.try_get_raw(place)?.is_null() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn has(&self, name: &'static str) -> bool {
        (0..self.row.len()).any(|place| self.is(place, name))
    }

    fn unexpected(&self, name: &'static str, wanted: &str) -> Error {
        let source: BoxDynError = format!("expected {wanted}").into();
        Error::ColumnDecode { index: self.full(name), source }
    }
}
