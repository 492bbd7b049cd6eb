//! The statuses that a document declares for an operation: single ones, ranges (`4XX`) and `default`.

/// Statuses of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    codes: &'static [u16],
    /// First digits.
    ranges: &'static [u16],
    default: bool,
}

impl Statuses {
    /// These single ones.
    pub const fn of(codes: &'static [u16]) -> Self {
        Self { codes, ranges: &[], default: false }
    }

    /// And those that begin with one of these digits: `4` for `4XX`.
    pub const fn ranges(self, ranges: &'static [u16]) -> Self {
        Self { ranges, ..self }
    }

    /// And any other, by `default`.
    pub const fn with_default(self) -> Self {
        Self { default: true, ..self }
    }

    /// Whether a response may have this status.
    pub fn contains(&self, status: u16) -> bool {
        self.default || self.codes.contains(&status) || self.ranges.contains(&(status / 100))
    }

    /// Whether it is declared by itself, neither by a range nor by default.
    pub fn names(&self, status: u16) -> bool {
        self.codes.contains(&status)
    }

    /// The single ones.
    pub const fn codes(&self) -> &'static [u16] {
        self.codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_default_contain_what_they_say() {
        let some = Statuses::of(&[200]).ranges(&[4]);
        assert!(some.contains(200) && some.contains(418) && !some.contains(201) && !some.contains(500));
        assert!(some.with_default().contains(599) && !some.names(418));
    }
}
