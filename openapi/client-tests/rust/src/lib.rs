#![doc = include_str!("../../../../docs/api-guide.md")]
