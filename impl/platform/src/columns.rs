//! Reading a row by position: the list of columns and the function that reads them stand together in a projection.

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Result, Row, Type, ValueRef};

/// Reads the columns of a row from left to right.
#[derive(Debug)]
pub struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From the first column on.
    pub fn of(row: &'r PgRow) -> Self {
        Self::after(row, 0)
    }

    /// From the column after the first `skipped` ones on.
    pub fn after(row: &'r PgRow, skipped: usize) -> Self {
        Self { row, next: skipped }
    }

    /// The next column.
    ///
    /// # Errors
    /// When there is none, or it holds something else.
    pub fn take<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T> {
        let value = self.row.try_get(self.next);
        self.next += 1;
        value
    }

    /// Leaves out `count` columns, the columns of an outer join, if the first of them is null.
    ///
    /// # Errors
    /// When there is no next column.
    pub fn skip_if_null(&mut self, count: usize) -> Result<bool> {
        let null = self.row.try_get_raw(self.next)?.is_null();
        if null {
            self.next += count;
        }
        Ok(null)
    }
}
