//! The limits of JSON Schema as constants that generated code builds: `Text::ANY.min(3).max(100)`.

use values::Number;
use values::Pattern;

/// `minLength`, `maxLength` (in code points), `pattern` and `format` of a string.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) pattern: Option<&'a Pattern>,
    pub(crate) format: &'a str,
    pub(crate) name: bool,
}

impl<'a> Text<'a> {
    /// Any string.
    pub const ANY: Self = Self { min: 0, max: u64::MAX, pattern: None, format: "", name: false };

    /// `minLength`
    pub const fn min(self, min: u64) -> Self {
        Self { min, ..self }
    }

    /// `maxLength`
    pub const fn max(self, max: u64) -> Self {
        Self { max, ..self }
    }

    /// `pattern`
    pub const fn pattern(self, pattern: &'a Pattern) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// `format`, when it says more than the type
    pub const fn format(self, format: &'a str) -> Self {
        Self { format, ..self }
    }

    /// `x-text: name`
    pub const fn name(self) -> Self {
        Self { name: true, ..self }
    }
}

/// Range and `multipleOf` of a number, exact.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range<'a> {
    /// `minimum`
    pub(crate) min: Option<Number<'a>>,
    /// `exclusiveMinimum`
    pub(crate) above: Option<Number<'a>>,
    /// `maximum`
    pub(crate) max: Option<Number<'a>>,
    /// `exclusiveMaximum`
    pub(crate) below: Option<Number<'a>>,
    /// `multipleOf`
    pub(crate) step: Option<Number<'a>>,
}

/// Range and `multipleOf` of an integer. Limits that are no `i64` are given by their literal: `min_exact("0.5")`.
#[derive(Debug, Clone, Copy)]
pub struct Integer {
    pub(crate) range: Range<'static>,
    /// What the type holds.
    pub(crate) ends: (i64, i64),
}

/// Range and `multipleOf` of a number. Limits are given by their literals: `min("0.5")`.
#[derive(Debug, Clone, Copy)]
pub struct Float {
    pub(crate) range: Range<'static>,
}

impl Range<'_> {
    /// Any number.
    pub const ANY: Self = Self { min: None, above: None, max: None, below: None, step: None };
}

impl Integer {
    /// `format: int64`
    pub const INT64: Self = Self { range: Range::ANY, ends: (i64::MIN, i64::MAX) };
    /// `format: int32`
    pub const INT32: Self = Self { range: Range::ANY, ends: (i32::MIN as i64, i32::MAX as i64) };
}

impl Float {
    /// Any finite number.
    pub const ANY: Self = Self { range: Range::ANY };
}

/// A keyword as a function that keeps the others.
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $limit:ident = $argument:ident as $type:ty => $number:expr;)*) => {$(
        $(#[$doc])*
        pub const fn $name(mut self, $argument: $type) -> Self {
            self.range.$limit = Some($number);
            self
        }
    )*};
}

impl Integer {
    limits! {
        /// `minimum`
        min: min = limit as i64 => Number::Integer(limit);
        /// `maximum`
        max: max = limit as i64 => Number::Integer(limit);
        /// `exclusiveMinimum`
        above: above = limit as i64 => Number::Integer(limit);
        /// `exclusiveMaximum`
        below: below = limit as i64 => Number::Integer(limit);
        /// `multipleOf`
        step: step = limit as i64 => Number::Integer(limit);
        /// `minimum`, by its literal
        min_exact: min = limit as &'static str => Number::literal(limit);
        /// `maximum`, by its literal
        max_exact: max = limit as &'static str => Number::literal(limit);
        /// `exclusiveMinimum`, by its literal
        above_exact: above = limit as &'static str => Number::literal(limit);
        /// `exclusiveMaximum`, by its literal
        below_exact: below = limit as &'static str => Number::literal(limit);
        /// `multipleOf`, by its literal
        step_exact: step = limit as &'static str => Number::literal(limit);
    }
}

impl Float {
    limits! {
        /// `minimum`
        min: min = limit as &'static str => Number::literal(limit);
        /// `maximum`
        max: max = limit as &'static str => Number::literal(limit);
        /// `exclusiveMinimum`
        above: above = limit as &'static str => Number::literal(limit);
        /// `exclusiveMaximum`
        below: below = limit as &'static str => Number::literal(limit);
        /// `multipleOf`
        step: step = limit as &'static str => Number::literal(limit);
    }
}

/// `minProperties` and `maxProperties` of an object or map.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Bounds {
    /// Any number of fields.
    pub const ANY: Self = Self { min: 0, max: u64::MAX };

    /// `minProperties`
    pub const fn min(self, min: u64) -> Self {
        Self { min, ..self }
    }

    /// `maxProperties`
    pub const fn max(self, max: u64) -> Self {
        Self { max, ..self }
    }
}

/// `minItems`, `maxItems` and `uniqueItems` of an array.
#[derive(Debug, Clone, Copy)]
pub struct Items {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) unique: bool,
    pub(crate) numbers: bool,
}

impl Items {
    /// Any array.
    pub const ANY: Self = Self { min: 0, max: u64::MAX, unique: false, numbers: false };

    /// `minItems`
    pub const fn min(self, min: u64) -> Self {
        Self { min, ..self }
    }

    /// `maxItems`
    pub const fn max(self, max: u64) -> Self {
        Self { max, ..self }
    }

    /// `uniqueItems`
    pub const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    /// `uniqueItems` where items are numbers: those of parameters and forms are equal by value, too (1 and 1.0).
    pub const fn unique_numbers(self) -> Self {
        Self { unique: true, numbers: true, ..self }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::ANY
    }
}

impl Default for Items {
    fn default() -> Self {
        Self::ANY
    }
}
