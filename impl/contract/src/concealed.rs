//! What stands for a secret where a model is printed.

use std::fmt;

/// Instead of the value of a field that is a password or a token; for generated code.
#[derive(Clone, Copy)]
pub struct Concealed;

impl fmt::Debug for Concealed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("**********")
    }
}
