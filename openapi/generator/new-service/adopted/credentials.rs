//! Who calls: the credentials of the document's security schemes.
//!
//! Our accounts verify them until something else does: tokens and keys are access tokens of ours, users and passwords those of accounts.
//! They do not have the document's scopes, so every account has all of them.

use @crate@_api::Verify;
@problems@use platform::Result;
use platform::identity::Principal;

use crate::@Service@Service;

impl Verify for @Service@Service {
@methods@}
