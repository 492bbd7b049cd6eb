//! Handlers of @tag@.

use contract::Problem;
@imports@
use platform::Result;
@callers@
use crate::@Service@Service;

impl @Trait@ for @Service@Service {
@handlers@}
