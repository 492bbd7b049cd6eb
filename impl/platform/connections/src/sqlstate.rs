//! What each SQLSTATE means for a client: one table of all classes and of the codes that differ from their class.
//!
//! 500 is left for internal errors: a statement that cannot succeed however often it is retried. An error that time or another
//! server resolves is 503; whether anything was done then is decided by
//! [`Error::OutcomeUnknown`](crate::error::Error::OutcomeUnknown), which depends on when a connection was lost and not on the
//! code.

/// What a failure reported by Postgres means for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Retry: the server was overloaded, or blocked by other work. Nothing was done.
    Busy,
    /// As [`Meaning::Busy`], and the transaction may be retried at once: it conflicted with another.
    Raced,
    /// As [`Meaning::Busy`], and a smaller batch might succeed: it exceeded its time, memory or disk limit.
    TooMuch,
    /// Retry: the server, or this session of it, is unusable.
    Away,
    /// Retry: the server terminated an idle session, so it never read the statement that got this error.
    Ended,
    /// The server itself does not know whether it was done.
    Unknown,
    /// An object that migrations create is missing, or may not be used: as long as the database is not migrated, retry later;
    /// else an internal error.
    Missing,
    /// The client sent text that cannot be stored.
    Client,
    /// An internal error.
    Fault,
}

use Meaning::{Away, Busy, Client, Ended, Fault, Missing, Raced, TooMuch, Unknown};

/// What the classes of Appendix A of Postgres' documentation mean, unless [`CODES`] has an entry for the code.
const CLASSES: &[(&str, Meaning)] = &[
    // 00 to 02 are not errors: a failure with such a code is unexpected.
    ("00", Fault),
    ("01", Fault),
    ("02", Fault),
    ("03", Fault),
    // Connections; also the response of connection poolers while they have no server.
    ("08", Away),
    ("09", Fault),
    ("0A", Fault),
    ("0B", Fault),
    ("0F", Fault),
    ("0L", Fault),
    ("0P", Fault),
    ("0Z", Fault),
    ("20", Fault),
    ("21", Fault),
    // A value that the document allows must fit its column.
    ("22", Fault),
    // Constraint violations with an error response of their own are matched by name (`on_constraint`).
    ("23", Fault),
    ("24", Fault),
    ("25", Fault),
    ("26", Fault),
    ("27", Fault),
    // The login failed: a password or `pg_hba.conf` is being changed. An operator's task, not an error of client or program.
    ("28", Away),
    ("2B", Fault),
    ("2D", Fault),
    ("2F", Fault),
    ("34", Fault),
    ("38", Fault),
    ("39", Fault),
    ("3B", Fault),
    // While connecting: the database does not exist (yet, or any more).
    ("3D", Away),
    ("3F", Missing),
    // Serialization failures and deadlocks.
    ("40", Raced),
    ("42", Fault),
    ("44", Fault),
    // No disk, memory or connection left.
    ("53", Busy),
    // Limits that a retry does not change.
    ("54", Fault),
    ("55", Fault),
    // Operator intervention and timeouts.
    ("57", Away),
    // Errors outside of Postgres: the operating system, the disk.
    ("58", Away),
    // Snapshot too old.
    ("72", Busy),
    ("F0", Away),
    ("HV", Fault),
    ("P0", Fault),
    ("XX", Fault),
];

/// Codes that differ from their class.
const CODES: &[(&str, Meaning)] = &[
    // transaction_resolution_unknown, statement_completion_unknown
    ("08007", Unknown),
    ("40003", Unknown),
    // character_not_in_repertoire, untranslatable_character: U+0000.
    ("22021", Client),
    ("22P05", Client),
    // read_only_sql_transaction: the server was the primary when the connection was opened, and is a standby now.
    ("25006", Away),
    // idle_in_transaction_session_timeout, transaction_timeout, idle_session_timeout: this process was too slow.
    ("25P03", Ended),
    ("25P04", Ended),
    ("57P05", Ended),
    // invalid_sql_statement_name: the session is not the one that prepared it (a pooler, `DISCARD ALL`).
    ("26000", Away),
    // transaction_integrity_constraint_violation
    ("40002", Fault),
    // insufficient_privilege, undefined_column, undefined_function, undefined_table
    ("42501", Missing),
    ("42703", Missing),
    ("42883", Missing),
    ("42P01", Missing),
    // disk_full: not resolved within a second.
    ("53100", Away),
    // out_of_memory, configuration_limit_exceeded: `temp_file_limit`
    ("53200", TooMuch),
    ("53400", TooMuch),
    // object_in_use, lock_not_available
    ("55006", Busy),
    ("55P03", Busy),
    // query_canceled: the statement timeout.
    ("57014", TooMuch),
];

/// What a code means. A code of an unknown class is an internal error.
pub fn meaning(code: &str) -> Meaning {
    let of = |table: &[(&str, Meaning)], key: &str| table.iter().find(|(known, _)| *known == key).map(|row| row.1);
    of(CODES, code).or_else(|| of(CLASSES, code.get(..2)?)).unwrap_or(Fault)
}

/// Whether the session that reported a code would only repeat it, so that it must not be used again.
pub fn ends_session(code: &str) -> bool {
    matches!(code, "25006" | "26000")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All codes, from the server's own list.
    fn known() -> impl Iterator<Item = &'static str> {
        let list = include_str!("sqlstates.txt").lines();
        list.filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next())
    }

    #[test]
    fn every_class_has_a_meaning_and_nothing_else_has() {
        let classes: BTreeSet<&str> = known().map(|code| &code[..2]).collect();
        let told: BTreeSet<&str> = CLASSES.iter().map(|(class, _)| *class).collect();
        assert_eq!(classes, told);
        assert_eq!(told.len(), CLASSES.len(), "each once");
    }

    #[test]
    fn exceptions_are_codes_that_exist_and_differ_from_their_class() {
        let known: BTreeSet<&str> = known().collect();
        for (code, exception) in CODES {
            assert!(known.contains(code), "{code}");
            let of_class = CLASSES.iter().find(|(class, _)| *class == &code[..2]).map(|(_, meaning)| *meaning);
            assert_ne!(of_class, Some(*exception), "{code} is said twice");
        }
    }

    #[test]
    fn what_time_or_another_server_cures_is_no_fault() {
        let cured = [
            "08006", "25006", "25P03", "25P04", "28000", "28P01", "40001", "40P01", "53100", "53200", "53300", "53400",
            "55P03", "57014", "57P01", "57P02", "57P03", "57P04", "57P05", "58030", "72000", "F0000",
        ];
        for code in cured {
            assert!(matches!(meaning(code), Busy | Raced | TooMuch | Away | Ended), "{code}");
        }
        for code in ["3F000", "42501", "42703", "42883", "42P01"] {
            assert_eq!(meaning(code), Missing, "{code}");
        }
        for code in ["23505", "42601", "42P07", "XX000", "XX001", "P0001", "22003", "ZZ123", "", "é"] {
            assert_eq!(meaning(code), Fault, "{code}");
        }
        assert_eq!([meaning("08007"), meaning("40003"), meaning("22021")], [Unknown, Unknown, Client]);
        assert_eq!([meaning("40001"), meaning("40P01"), meaning("57014")], [Raced, Raced, TooMuch]);
    }
}
