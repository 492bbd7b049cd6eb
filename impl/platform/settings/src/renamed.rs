//! Settings that were renamed. A setting nobody reads is ignored, so an old name is an error that says the new one.

use crate::InvalidSettings;

const RENAMED: [(&str, &str); 11] = [
    ("BYTES_BUDGET_MIB", "BANDWIDTH_BUDGET_MIB"),
    ("DATABASE_READ_POOL", "DATABASE_READ_POOL_SIZE"),
    ("DATABASE_WAIT_MS", "DATABASE_ACQUIRE_TIMEOUT_MS"),
    ("DATABASE_WRITE_POOL", "DATABASE_WRITE_POOL_SIZE"),
    ("EVENT_STREAMS", "HTTP_MAX_EVENT_STREAMS"),
    ("GATEWAY_INSIDERS", "GATEWAY_INTERNAL_NETWORKS"),
    ("HASHING_QUEUE", "HASHING_QUEUE_SIZE"),
    ("HTTP_UNSENT_MIB", "HTTP_BUFFER_MIB"),
    ("MOST_PATHS", "MAX_PATHS"),
    ("PROCESSOR_BUDGET_SECONDS", "CPU_BUDGET_SECONDS"),
    ("REDIS_POOL", "REDIS_POOL_SIZE"),
];

/// Fails when an old name is set.
pub(crate) fn check(is_set: impl Fn(&str) -> bool) -> Result<(), InvalidSettings> {
    let old = RENAMED.iter().find(|(old, _)| is_set(old));
    old.map_or(Ok(()), |(old, new)| Err(InvalidSettings(format!("the setting {old} was renamed to {new}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_name_is_an_error_with_the_new_one() {
        let error = check(|name| name == "DATABASE_WAIT_MS").expect_err("it is an old name").to_string();
        assert_eq!(error, "the setting DATABASE_WAIT_MS was renamed to DATABASE_ACQUIRE_TIMEOUT_MS");
        assert!(check(|name| !RENAMED.iter().any(|(old, _)| *old == name)).is_ok());
    }
}
