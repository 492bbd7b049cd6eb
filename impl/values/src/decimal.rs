//! Decimal arithmetic on the text of a number: exact, in linear time, and without memory of its own.

use std::cmp::Ordering;
use std::fmt;

/// The powers of ten that a double has exactly.
const EXACT_POWERS: i64 = 22;
/// A decimal of so many digits comes back from a double as it was (`DBL_DIG` of C).
const EXACT_DIGITS: i64 = 15;

/// A number as its literal (RFC 8259, 6) says it: `0.DIGITS` times ten to the power of `scale`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal<'a> {
    negative: bool,
    /// Without zeros at the ends; one may be the point. Zero has none.
    digits: &'a [u8],
    scale: i64,
}

impl<'a> Decimal<'a> {
    pub(crate) const ZERO: Self = Self { negative: false, digits: &[], scale: 0 };

    /// Nothing where the text is no number, or its exponent has more than 17 digits.
    pub(crate) const fn read(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let negative = !bytes.is_empty() && bytes[0] == b'-';
        let start = negative as usize;
        let point = digits_end(bytes, start);
        if point == start || (point > start + 1 && bytes[start] == b'0') {
            return None;
        }
        let mut end = point;
        if end < bytes.len() && bytes[end] == b'.' {
            end = digits_end(bytes, point + 1);
            if end == point + 1 {
                return None;
            }
        }
        let (mut first, mut last) = (start, end);
        while first < end && (bytes[first] == b'0' || bytes[first] == b'.') {
            first += 1;
        }
        while last > first && (bytes[last - 1] == b'0' || bytes[last - 1] == b'.') {
            last -= 1;
        }
        let Some(exponent) = exponent(bytes, end) else { return None };
        if first == last {
            return Some(Self::ZERO);
        }
        if exponent == i64::MAX {
            return None;
        }
        let scale = exponent + if first < point { (point - first) as i64 } else { -((first - point - 1) as i64) };
        Some(Self { negative, digits: bytes.split_at(last).0.split_at(first).1, scale })
    }

    const fn count(&self) -> i64 {
        let mut at = 0;
        while at < self.digits.len() {
            if self.digits[at] == b'.' {
                return self.digits.len() as i64 - 1;
            }
            at += 1;
        }
        self.digits.len() as i64
    }

    /// The digits as an integer, without those that only say its size; up to 18 of them.
    const fn mantissa(&self) -> Option<u64> {
        if self.count() > 18 {
            return None;
        }
        let (mut value, mut at) = (0, 0);
        while at < self.digits.len() {
            if self.digits[at] != b'.' {
                value = value * 10 + (self.digits[at] - b'0') as u64;
            }
            at += 1;
        }
        Some(value)
    }

    pub(crate) const fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub(crate) const fn is_integer(&self) -> bool {
        self.count() <= self.scale || self.is_zero()
    }

    /// Whether it can be a step of [`Decimal::is_multiple_of`].
    pub(crate) const fn is_step(&self) -> bool {
        !self.negative && !self.is_zero() && self.count() <= 18
    }

    /// An integer of up to 20 digits.
    pub(crate) const fn whole(&self) -> Option<i128> {
        if !self.is_integer() || self.scale > 20 {
            return None;
        }
        let (mut value, mut at) = (0_i128, 0);
        while at < self.digits.len() {
            if self.digits[at] != b'.' {
                value = value * 10 + (self.digits[at] - b'0') as i128;
            }
            at += 1;
        }
        let mut zeros = self.scale - self.count();
        while zeros > 0 {
            value *= 10;
            zeros -= 1;
        }
        Some(if self.negative { -value } else { value })
    }

    /// The nearest double where one rounding of exact numbers yields it, and its shortest spelling is this decimal.
    pub(crate) const fn quick_double(&self) -> Option<f64> {
        let zeros = self.scale - self.count();
        if !self.is_short() || zeros > EXACT_POWERS || zeros < -EXACT_POWERS {
            return None;
        }
        let Some(mantissa) = self.mantissa() else { return None };
        let (mut power, mut left) = (1.0, if zeros < 0 { -zeros } else { zeros });
        while left > 0 {
            power *= 10.0;
            left -= 1;
        }
        let size = if zeros < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
        Some(if self.negative { -size } else { size })
    }

    /// Whether a double of the usual range that is nearest to it has it as its shortest spelling.
    pub(crate) const fn is_short(&self) -> bool {
        self.count() <= EXACT_DIGITS
    }

    fn figures(&self) -> impl Iterator<Item = u8> {
        self.digits.iter().filter(|byte| **byte != b'.').map(|byte| byte - b'0')
    }

    /// Whether a quotient is whole. A step of more than 18 digits has no multiple but zero.
    ///
    /// The number is N·10^a, the step S·10^b, and neither N nor S ends with zero: so N·10^(a-b) is whole only where a ≥ b.
    pub(crate) fn is_multiple_of(&self, step: &Decimal<'_>) -> bool {
        let shift = (self.scale - self.count()) - (step.scale - step.count());
        match step.mantissa() {
            _ if self.is_zero() => true,
            Some(modulus) if shift >= 0 && modulus > 0 => {
                // Below 10^19, which 64 bits hold.
                let rest = self.figures().fold(0, |rest, digit| (rest * 10 + u64::from(digit)) % modulus);
                let product = u128::from(rest) * u128::from(power_of_ten(shift, modulus));
                product.is_multiple_of(u128::from(modulus))
            }
            _ => false,
        }
    }

    /// Bytes that are the same for equal numbers only.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.negative));
        to.extend_from_slice(&self.scale.to_le_bytes());
        to.extend_from_slice(&self.count().to_le_bytes());
        to.extend(self.figures());
    }
}

/// The end of the digits that begin at `at`.
const fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at].is_ascii_digit() {
        at += 1;
    }
    at
}

/// What follows the digits up to `at`: nothing, or an exponent. `i64::MAX` stands for one of more than 17 digits.
const fn exponent(bytes: &[u8], mut at: usize) -> Option<i64> {
    if at == bytes.len() {
        return Some(0);
    }
    if bytes[at] != b'e' && bytes[at] != b'E' {
        return None;
    }
    at += 1;
    let negative = at < bytes.len() && bytes[at] == b'-';
    if negative || (at < bytes.len() && bytes[at] == b'+') {
        at += 1;
    }
    let end = digits_end(bytes, at);
    if end == at || end != bytes.len() {
        return None;
    }
    let mut value = 0_i64;
    while at < end {
        if value >= 10_000_000_000_000_000 {
            return Some(i64::MAX);
        }
        value = value * 10 + (bytes[at] - b'0') as i64;
        at += 1;
    }
    Some(if negative { -value } else { value })
}

/// By squaring: an exponent of 17 digits takes 57 rounds.
fn power_of_ten(mut exponent: i64, modulus: u64) -> u64 {
    let modulus = u128::from(modulus);
    let (mut power, mut base) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = power * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    // Below a modulus of 64 bits.
    power as u64
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |decimal: &Decimal<'_>| if decimal.is_zero() { 0 } else { 1 - 2 * i8::from(decimal.negative) };
        let size = || self.scale.cmp(&other.scale).then_with(|| self.figures().cmp(other.figures()));
        let by_size = || if self.negative { size().reverse() } else { size() };
        sign(self).cmp(&sign(other)).then_with(by_size)
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal<'_> {}

/// As JavaScript writes numbers: plain between 1e-7 and 1e21.
impl fmt::Display for Decimal<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.figures().map(|digit| char::from(b'0' + digit)).collect();
        if self.negative {
            to.write_str("-")?;
        }
        match (self.scale, self.count()) {
            (_, 0) => to.write_str("0"),
            (scale @ ..=21, count) if count <= scale => write!(to, "{digits:0<0$}", scale as usize),
            (scale @ 1..=21, _) => {
                let (whole, fraction) = digits.split_at(scale as usize);
                write!(to, "{whole}.{fraction}")
            }
            (scale @ -5..=0, _) => write!(to, "0.{:0>1$}{digits}", "", -scale as usize),
            (scale, 1) => write!(to, "{digits}e{}", scale - 1),
            (scale, _) => write!(to, "{}.{}e{}", &digits[..1], &digits[1..], scale - 1),
        }
    }
}
