//! What each SQLSTATE means for whoever asked: one table of all classes and of the codes that differ from their class.
//!
//! 500 is left for what is a fault of ours: a statement that cannot succeed however often it is repeated. What another
//! moment or another server cures is 503, and whether anything was done then is told by
//! [`Error::OutcomeUnknown`](crate::error::Error::OutcomeUnknown), which depends on when a connection broke and not on the code.

/// What a failure reported by Postgres means for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Do it again: the server had too much to do, or others were in the way. Nothing was done.
    Busy,
    /// As [`Meaning::Busy`], and the same transaction may be repeated at once: it lost against others.
    Raced,
    /// As [`Meaning::Busy`], and less of the same might be done: it took more time, memory or disk than it may.
    TooMuch,
    /// Do it again: the server, or this session of it, is of no use now.
    Away,
    /// Do it again: the server ended a session that said nothing, so it never read the statement that was told so.
    Ended,
    /// The server itself does not know whether it was done.
    Unknown,
    /// Something is not there, or may not be used, that migrations make: as long as nobody has migrated the database, do it again
    /// later; else a fault of ours.
    Missing,
    /// The client sent text that cannot be stored.
    Client,
    /// A fault of ours.
    Fault,
}

use Meaning::{Away, Busy, Client, Ended, Fault, Missing, Raced, TooMuch, Unknown};

/// What the classes of Appendix A of Postgres' documentation mean, unless [`CODES`] has more to say of a code.
const CLASSES: &[(&str, Meaning)] = &[
    // 00 to 02 are no failures at all: one that says so is none we know how to treat.
    ("00", Fault),
    ("01", Fault),
    ("02", Fault),
    ("03", Fault),
    // Connections; also what connection poolers in between answer while they have no server.
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
    // What the document lets through must fit its column.
    ("22", Fault),
    // Violations that an answer speaks for are caught by name (`on_constraint`).
    ("23", Fault),
    ("24", Fault),
    ("25", Fault),
    ("26", Fault),
    ("27", Fault),
    // We may not log in: a password is being changed, `pg_hba.conf` is. The operator's, not the client's nor the program's.
    ("28", Away),
    ("2B", Fault),
    ("2D", Fault),
    ("2F", Fault),
    ("34", Fault),
    ("38", Fault),
    ("39", Fault),
    ("3B", Fault),
    // Told while connecting: there is no such database (yet, or any more).
    ("3D", Away),
    ("3F", Missing),
    // Serialization failures and deadlocks.
    ("40", Raced),
    ("42", Fault),
    ("44", Fault),
    // No disk, memory or connection left.
    ("53", Busy),
    // Limits that no amount of waiting moves.
    ("54", Fault),
    ("55", Fault),
    // Operators and timeouts.
    ("57", Away),
    // Errors outside of Postgres: the operating system, the disk.
    ("58", Away),
    // Snapshots too old.
    ("72", Busy),
    ("F0", Away),
    ("HV", Fault),
    ("P0", Fault),
    ("XX", Fault),
];

/// Codes that mean something else than their class.
const CODES: &[(&str, Meaning)] = &[
    // transaction_resolution_unknown, statement_completion_unknown
    ("08007", Unknown),
    ("40003", Unknown),
    // character_not_in_repertoire, untranslatable_character: U+0000.
    ("22021", Client),
    ("22P05", Client),
    // read_only_sql_transaction: the server was a primary when we connected, and is a standby now.
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
    // disk_full: it takes more than a second to cure.
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

/// What a code means. A code of a class nobody has heard of is a fault.
pub(crate) fn meaning(code: &str) -> Meaning {
    let of = |table: &[(&str, Meaning)], key: &str| table.iter().find(|(known, _)| *known == key).map(|row| row.1);
    of(CODES, code).or_else(|| of(CLASSES, code.get(..2)?)).unwrap_or(Fault)
}

/// Whether the session a code was told on can only repeat itself, so that it must not be used again.
pub(crate) fn ends_session(code: &str) -> bool {
    matches!(code, "25006" | "26000")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every code there is, from the server's own list.
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
