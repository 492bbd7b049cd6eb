//! Numbers of JSON, exact however they are written.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use crate::decimal::Decimal;

/// Up to here every integer is a double.
const SAFE: i64 = 1 << 53;

/// A JSON number, exact by the text it was read from.
#[derive(Debug, Clone, Copy)]
pub enum Number<'a> {
    /// Fits `i64`.
    Integer(i64),
    /// Above `i64::MAX`, fits `u64`.
    Unsigned(u64),
    /// The decimal that is the shortest spelling of this double.
    Float(f64),
    /// The literal (RFC 8259, 6) of anything else: of more digits than a double holds, or beyond its range.
    Decimal(&'a str),
}

impl<'a> Number<'a> {
    /// The number that a literal (RFC 8259, 6) says; nothing where it is none, or beyond the range of a double (1e400).
    pub fn parse(text: &'a str) -> Option<Self> {
        let decimal = Decimal::read(text)?;
        match Self::of(text, decimal) {
            Self::Decimal(_) => {
                text.parse().ok().filter(|double: &f64| double.is_finite()).map(|_| Self::Decimal(text))
            }
            number => Some(number),
        }
    }

    /// A limit of the document.
    ///
    /// # Panics
    /// When the text is no number; in a constant, so that it does not compile.
    pub const fn literal(text: &'a str) -> Self {
        match Decimal::read(text) {
            Some(decimal) => Self::of(text, decimal),
            None => panic!("not a number, or one with an absurd exponent"),
        }
    }

    const fn of(text: &'a str, decimal: Decimal<'a>) -> Self {
        if let Some(whole) = integer(decimal) {
            return whole;
        }
        match decimal.quick_double() {
            Some(double) => Self::Float(double),
            None => Self::Decimal(text),
        }
    }

    /// What a literal says whose nearest double is known; nothing where its exponent is absurd.
    pub(crate) fn exactly(double: f64, literal: &'a str) -> Option<Self> {
        let decimal = Decimal::read(literal)?;
        // Doubles next to zero have fewer digits.
        if decimal.is_zero() || (decimal.is_short() && double.abs() >= 1e-290) {
            return Some(Self::Float(double));
        }
        let same = Self::Float(double).with_decimal(|shortest| shortest == decimal);
        Some(if same { Self::Float(double) } else { integer(decimal).unwrap_or(Self::Decimal(literal)) })
    }

    /// The one form of all that are equal.
    pub(crate) fn canonical(self) -> Self {
        match self {
            Self::Float(double) if double.fract() == 0.0 && double.abs() < SAFE as f64 => Self::Integer(double as i64),
            Self::Float(double) if double.fract() == 0.0 => self.with_decimal(integer).unwrap_or(self),
            Self::Decimal(text) => {
                let exact = Self::exactly(text.parse().unwrap_or(f64::MAX), text);
                exact.map_or(self, |exact| if matches!(exact, Self::Float(_)) { exact.canonical() } else { exact })
            }
            other => other,
        }
    }

    /// The nearest double.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Unsigned(number) => number as f64,
            Self::Float(number) => number,
            Self::Decimal(text) => text.parse().unwrap_or(0.0),
        }
    }

    /// As a length or a number of things, which may be written `2.0` or `1e3`. More than `u64` holds is its end.
    pub fn as_count(self) -> Option<u64> {
        let fits = self.is_integer() && self.compare(&Number::Integer(0)).is_ge();
        fits.then(|| self.with_decimal(|decimal| decimal.whole().and_then(|n| n.try_into().ok()).unwrap_or(u64::MAX)))
    }

    /// An integer that `i64` holds, however it was written.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            other => other.with_decimal(|decimal| decimal.whole()?.try_into().ok()),
        }
    }

    /// Whether there is no fraction: 1.0 and 1e3 are integers of JSON Schema.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Integer(_) | Self::Unsigned(_)) || self.with_decimal(|decimal| decimal.is_integer())
    }

    /// Whether it can be a `multipleOf`: above zero, and of at most 18 digits from the first to the last that is not zero.
    pub fn is_step(self) -> bool {
        self.with_decimal(|decimal| decimal.is_step())
    }

    /// `multipleOf`, by decimal arithmetic: 0.3 is a multiple of 0.1. Only zero is one of what is no step.
    pub fn is_multiple_of(self, step: &Number<'_>) -> bool {
        match (self, step) {
            (Self::Integer(number), Number::Integer(step)) if *step > 0 => number % step == 0,
            _ => step.with_decimal(|step| self.with_decimal(|number| number.is_multiple_of(&step))),
        }
    }

    /// The order of numbers by their exact values.
    pub fn compare(self, other: &Number<'_>) -> Ordering {
        match (self, other) {
            (Self::Integer(number), Number::Integer(other)) => number.cmp(other),
            _ => match self.double().partial_cmp(&other.double()) {
                Some(order) => order,
                None => self.with_decimal(|number| other.with_decimal(|other| number.cmp(&other))),
            },
        }
    }

    /// A double that stands for this number only, or NaN. Of two of them the larger is of the larger number.
    fn double(self) -> f64 {
        match self {
            Self::Integer(number) if (-SAFE..=SAFE).contains(&number) => number as f64,
            Self::Float(number) => number,
            _ => f64::NAN,
        }
    }

    fn with_decimal<T>(self, with: impl FnOnce(Decimal<'_>) -> T) -> T {
        let mut spelling = Spelling { bytes: [0; 32], length: 0 };
        let text = match self {
            Self::Decimal(text) => text,
            Self::Integer(number) => spelling.of(format_args!("{number}")),
            Self::Unsigned(number) => spelling.of(format_args!("{number}")),
            Self::Float(number) => spelling.of(format_args!("{number:e}")),
        };
        with(Decimal::read(text).unwrap_or(Decimal::ZERO))
    }

    /// Appends bytes that are the same for equal numbers only; of what is no integer of 64 bits and no double.
    pub(crate) fn write_decimal(self, to: &mut Vec<u8>) {
        self.with_decimal(|decimal| decimal.write(to));
    }
}

const fn integer<'a>(decimal: Decimal<'_>) -> Option<Number<'a>> {
    match decimal.whole() {
        Some(number) if number >= i64::MIN as i128 && number <= i64::MAX as i128 => {
            Some(Number::Integer(number as i64))
        }
        Some(number) if number > 0 && number <= u64::MAX as i128 => Some(Number::Unsigned(number as u64)),
        _ => None,
    }
}

/// JSON Schema compares numbers by value: 1 and 1.0 are the same.
impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_decimal(|decimal| write!(to, "{decimal}"))
    }
}

/// The longest are those of doubles such as -2.2250738585072014e-308.
struct Spelling {
    bytes: [u8; 32],
    length: usize,
}

impl Spelling {
    fn of(&mut self, what: fmt::Arguments<'_>) -> &str {
        // Without room it would be no number, which is zero.
        let _ = self.write_fmt(what);
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or("")
    }
}

impl fmt::Write for Spelling {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// The number literals of a valid JSON text, in its order.
pub(crate) struct Literals<'a>(pub(crate) &'a str);

impl<'a> Iterator for Literals<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let start = self.0.bytes().position(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9'))?;
            let rest = &self.0[start..];
            if let Some(string) = rest.strip_prefix('"') {
                self.0 = after_string(string);
                continue;
            }
            let inside = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
            let end = rest.bytes().position(|byte| !inside(byte)).unwrap_or(rest.len());
            let (literal, rest) = rest.split_at(end);
            self.0 = rest;
            return Some(literal);
        }
    }
}

fn after_string(text: &str) -> &str {
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
        // What an escape begins with is ASCII; of \u the digits follow, which end nothing.
        let skipped = if rest.as_bytes()[at] == b'"' { 1 } else { 2 };
        rest = rest.get(at + skipped..).unwrap_or("");
        if skipped == 1 {
            break;
        }
    }
    rest
}
