//! The limits of JSON Schema as constants that generated code builds: `Text::ANY.min(3).max(100)`.

use crate::pattern::Pattern;

/// `minLength`, `maxLength` (in code points), `pattern` and `format` of a string.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) pattern: Option<&'static Pattern>,
    pub(crate) format: &'static str,
    pub(crate) name: bool,
}

impl Text {
    /// Any string.
    pub const ANY: Self = Self { min: 0, max: usize::MAX, pattern: None, format: "", name: false };

    /// `minLength`
    pub const fn min(self, min: usize) -> Self {
        Self { min, ..self }
    }

    /// `maxLength`
    pub const fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }

    /// `pattern`
    pub const fn pattern(self, pattern: &'static Pattern) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// `format`, when it says more than the type
    pub const fn format(self, format: &'static str) -> Self {
        Self { format, ..self }
    }

    /// `x-text: name`
    pub const fn name(self) -> Self {
        Self { name: true, ..self }
    }
}

/// Range and `multipleOf` of an integer.
#[derive(Debug, Clone, Copy)]
pub struct Integer {
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) above_min: bool,
    pub(crate) below_max: bool,
    pub(crate) step: i64,
}

impl Integer {
    /// `format: int64`
    pub const INT64: Self = Self { min: i64::MIN, max: i64::MAX, above_min: false, below_max: false, step: 1 };
    /// `format: int32`
    pub const INT32: Self = Self { min: i32::MIN as i64, max: i32::MAX as i64, ..Self::INT64 };

    /// `minimum`
    pub const fn min(self, min: i64) -> Self {
        Self { min, ..self }
    }

    /// `maximum`
    pub const fn max(self, max: i64) -> Self {
        Self { max, ..self }
    }

    /// `minimum` with `exclusiveMinimum`
    pub const fn above(self, min: i64) -> Self {
        Self { min, above_min: true, ..self }
    }

    /// `maximum` with `exclusiveMaximum`
    pub const fn below(self, max: i64) -> Self {
        Self { max, below_max: true, ..self }
    }

    /// `multipleOf`
    pub const fn step(self, step: i64) -> Self {
        Self { step, ..self }
    }
}

/// Range and `multipleOf` of a number.
#[derive(Debug, Clone, Copy)]
pub struct Float {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) above_min: bool,
    pub(crate) below_max: bool,
    /// 0 for none
    pub(crate) step: f64,
}

impl Float {
    /// Any finite number.
    pub const ANY: Self = Self { min: f64::MIN, max: f64::MAX, above_min: false, below_max: false, step: 0.0 };

    /// `minimum`
    pub const fn min(self, min: f64) -> Self {
        Self { min, ..self }
    }

    /// `maximum`
    pub const fn max(self, max: f64) -> Self {
        Self { max, ..self }
    }

    /// `minimum` with `exclusiveMinimum`
    pub const fn above(self, min: f64) -> Self {
        Self { min, above_min: true, ..self }
    }

    /// `maximum` with `exclusiveMaximum`
    pub const fn below(self, max: f64) -> Self {
        Self { max, below_max: true, ..self }
    }

    /// `multipleOf`
    pub const fn step(self, step: f64) -> Self {
        Self { step, ..self }
    }
}

/// `minProperties` and `maxProperties` of an object or map.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Bounds {
    /// Any number of members.
    pub const ANY: Self = Self { min: 0, max: usize::MAX };

    /// `minProperties`
    pub const fn min(self, min: usize) -> Self {
        Self { min, ..self }
    }

    /// `maxProperties`
    pub const fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }
}

/// `minItems`, `maxItems` and `uniqueItems` of an array.
#[derive(Debug, Clone, Copy)]
pub struct Items {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) unique: bool,
}

impl Items {
    /// Any array.
    pub const ANY: Self = Self { min: 0, max: usize::MAX, unique: false };

    /// `minItems`
    pub const fn min(self, min: usize) -> Self {
        Self { min, ..self }
    }

    /// `maxItems`
    pub const fn max(self, max: usize) -> Self {
        Self { max, ..self }
    }

    /// `uniqueItems`
    pub const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }
}
