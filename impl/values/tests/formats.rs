//! Formats by the RFCs that define them: their own examples, and what they exclude.

use std::collections::BTreeMap;

use proptest::prelude::*;
use values::format::{date, date_time, holds};

/// By format: texts that have it, and texts that have not.
fn cases() -> BTreeMap<String, [Vec<String>; 2]> {
    serde_json::from_str(include_str!("formats.json")).expect("cases")
}

#[test]
fn formats_are_what_their_rfcs_say() {
    for (format, [good, bad]) in cases() {
        for text in good {
            assert!(holds(&format, &text), "{format}: {text:?}");
        }
        for text in bad {
            assert!(!holds(&format, &text), "{format}: {text:?}");
        }
    }
}

#[test]
fn names_are_as_long_as_the_system_of_names_has_them() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert!(holds("hostname", &longest) && holds("idn-hostname", &longest));
    assert!(!holds("hostname", &format!("{longest}a")) && !holds("idn-hostname", &format!("{longest}a")));
    // 63 bytes of Punycode, and more of it.
    assert!(holds("idn-hostname", &"ä".repeat(40)) && !holds("idn-hostname", &"ä\u{4e00}".repeat(30)));
    assert!(holds("email", &format!("{}@x", "a".repeat(64))) && !holds("email", &format!("{}@x", "a".repeat(65))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn no_text_makes_a_format_panic(
        any in any::<String>(),
        like in "[0-9a-zA-Z:/?#\\[\\]@.%~{}\"TZPxn+\\- ·ä一\u{200d}\u{9ea}]{0,30}",
        start in prop::sample::select(vec!["", "xn--", "http://", "1963-06-19T", "12:00:0", "P1", "[IPv6:", "a@[", "\"", "{+"]),
    ) {
        for format in cases().keys() {
            for text in [&any, &like, &format!("{start}{any}"), &format!("{start}{like}")] {
                holds(format, text);
            }
        }
        for text in [&any, &like] {
            // What is decoded has the format; unless it is no date-time but taken for one.
            prop_assert!(date(text).is_none() || holds("date", text));
            prop_assert!(date_time(text, false).is_none() || holds("date-time", text));
            let _ = date_time(text, true);
        }
    }
}
