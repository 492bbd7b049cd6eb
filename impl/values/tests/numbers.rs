//! Numbers are what was written: compared with the arithmetic of others, and at the ends of what is read.

use std::cmp::Ordering;
use std::str::FromStr as _;

use bigdecimal::{BigDecimal, Zero as _};
use proptest::prelude::*;
use values::{Number, Value, canonical};

fn number(literal: &str) -> Number<'_> {
    match Value::from_json(literal.as_bytes()) {
        Ok(Value::Number(number)) => number,
        other => panic!("{literal}: {other:?}"),
    }
}

fn bytes(number: Number<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    canonical::write(&Value::Number(number), &mut bytes);
    bytes
}

fn written(value: &Value<'_>) -> String {
    match value {
        Value::Number(number) => serde_json::Value::from(number.as_f64()).to_string(),
        Value::String(text) => serde_json::Value::from(text.as_ref()).to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let written = |(name, value): &(_, Value<'_>)| format!("{}:{}", serde_json::json!(name), written(value));
            format!("{{{}}}", members.iter().map(written).collect::<Vec<_>>().join(","))
        }
        _ => panic!("not written above"),
    }
}

/// Literals near each other, near doubles, near the ends of 64 bits, and any.
fn literal() -> impl Strategy<Value = String> {
    let written =
        |form: &str| prop::string::string_regex(&format!("{form}([eE][+-]?[0-9]{{1,2}})?")).expect("a pattern");
    prop_oneof![
        3 => written("-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,3})?"),
        2 => written("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?"),
        1 => written("-?[1-9]0{0,25}(\\.0{1,25}[1-9]?)?"),
        1 => any::<f64>().prop_filter("finite", |double| double.is_finite()).prop_map(|double| format!("{double:e}")),
        1 => (any::<i64>(), "(\\.0|\\.00000000000000000000001)?").prop_map(|(number, rest)| format!("{number}{rest}")),
        1 => (any::<u64>(), "(\\.0|e0|\\.5)?").prop_map(|(number, rest)| format!("{number}{rest}")),
        1 => (0..1000_u64).prop_map(|above| (9_007_199_254_740_000 + above).to_string()),
        1 => "9223372036854775[78][0-9]{2}(\\.0)?|1844674407370955161[0-9](e0)?",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn numbers_are_compared_as_fractions_are(one in literal(), other in literal(), zeros in 0..4_usize) {
        let respelt = if one.contains(['e', 'E', '.']) { one.clone() } else { format!("{one}.0{}", "0".repeat(zeros)) };
        let exact = |text: &str| BigDecimal::from_str(text).expect("a number");
        for (a, b) in [(&one, &other), (&one, &respelt), (&other, &one)] {
            let order = exact(a).cmp(&exact(b));
            prop_assert_eq!(number(a).compare(&number(b)), order, "{} and {}", a, b);
            prop_assert_eq!(Number::parse(a).expect("a number").compare(&Number::literal(b)), order, "{} and {}", a, b);
            prop_assert_eq!(bytes(number(a)) == bytes(number(b)), order == Ordering::Equal, "{} and {}", a, b);
            prop_assert_eq!(bytes(number(a)), bytes(Number::literal(a)), "{}", a);
        }
        prop_assert_eq!(number(&one).is_integer(), exact(&one).is_integer(), "{}", one);
        prop_assert_eq!(number(&one).as_f64().to_bits() << 1, one.parse::<f64>().expect("a double").to_bits() << 1);
        // What is told of a limit is the number.
        prop_assert_eq!(exact(&number(&one).to_string()), exact(&one));
    }

    #[test]
    fn multiples_are_what_fractions_say(
        one in literal(),
        step in "([1-9][0-9]{0,8}(\\.[0-9]{1,9})?|0\\.[0-9]{0,8}[1-9])(e[+-]?[0-9])?",
        times in any::<i32>(),
    ) {
        let exact = |text: &str| BigDecimal::from_str(text).expect("a number");
        prop_assert!(number(&step).is_step());
        let multiple = (exact(&step) * BigDecimal::from(times)).to_string().replace("E+", "e");
        for literal in [&one, &multiple] {
            let whole = (exact(literal) % exact(&step)).is_zero();
            prop_assert_eq!(number(literal).is_multiple_of(&number(&step)), whole, "{} of {}", literal, step);
            prop_assert_eq!(number(literal).is_multiple_of(&Number::literal(&step)), whole, "{} of {}", literal, step);
        }
    }

    #[test]
    fn no_bytes_and_no_json_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        text in "[\\[\\]{},:\"\\\\ut0-9eE.+\\- \n]{0,40}",
    ) {
        for bytes in [&bytes[..], text.as_bytes()] {
            let _ = (Value::from_json(bytes), Value::from_ndjson(bytes));
            if let Ok(text) = std::str::from_utf8(bytes) {
                prop_assert_eq!(Number::parse(text).is_some(), text.trim() == text && matches!(Value::from_json(bytes), Ok(Value::Number(_))));
            }
        }
    }

    /// Also what serde_json writes is read as it was.
    #[test]
    fn what_is_json_for_others_is_so_here(doubles in prop::collection::vec(any::<f64>(), 0..9), text in any::<String>()) {
        let json = serde_json::json!({"a": doubles, text.as_str(): [doubles, text]}).to_string();
        let value = Value::from_json(json.as_bytes()).expect("JSON");
        prop_assert_eq!(written(&value), json);
    }
}

#[test]
fn doubles_do_not_round_what_was_written() {
    assert!(!number("1.00000000000000000001").is_integer());
    assert_ne!(number("1.00000000000000000001"), number("1"));
    assert_eq!(number("1.000000000000000000000"), number("1"));
    assert!(number("12345678901234567890123456789012345678901234567890.0").is_integer());
    assert_eq!(number("123456789012345678901234567890").to_string(), "1.2345678901234567890123456789e29");
    assert!(!number("5629499534213.125").is_multiple_of(&number("0.01")));
    assert!(number("5629499534213.12").is_multiple_of(&number("0.01")));
    assert!(number("1e308").is_multiple_of(&number("0.5")) && !number("1e308").is_multiple_of(&number("0.123456789")));
    assert!(number("0.0075").is_multiple_of(&number("0.0001")) && !number("0.00751").is_multiple_of(&number("0.0001")));
    assert_eq!(number("2e0").as_count(), Some(2));
    assert_eq!(number("1e3").as_count(), Some(1000));
    assert_eq!(
        (number("1e30").as_count(), number("2.5").as_count(), number("-1").as_count()),
        (Some(u64::MAX), None, None)
    );
}

#[test]
fn steps_have_up_to_18_digits() {
    assert!(number("0.000000123456789012345678").is_step() && number("123456789012345678e99").is_step());
    for bad in ["0", "-1", "0.0", "1234567890123456789", "1.234567890123456789"] {
        assert!(!number(bad).is_step(), "{bad}");
        assert!(bad == "-1" || !number("7").is_multiple_of(&number(bad)), "{bad}");
    }
    assert!(number("1e-300").is_multiple_of(&number("1e-301")) && !number("1e-302").is_multiple_of(&number("1e-301")));
}

#[test]
fn absurd_numbers_take_linear_time() {
    let long = format!("1.{}1", "0".repeat(100_000));
    let mut shorter = long.clone();
    shorter.truncate(50_000);
    assert_eq!(number(&long).compare(&number(&shorter)), Ordering::Greater);
    assert!(!number(&long).is_integer() && !number(&long).is_multiple_of(&number("0.001")));
    assert!(number(&format!("0.{}", "123456789".repeat(11_111))).is_multiple_of(&Number::literal("1e-100000")));
    for small in ["1e-400", "1e-999999999", "9e-99999999999999999", "-1e-99999"] {
        assert!(!number(small).is_integer(), "{small}");
        assert_eq!(number(small).as_f64().abs(), 0.0, "{small}");
        assert_ne!(number(small), number("0"), "{small}");
        assert!(
            !number(small).is_multiple_of(&number("0.01")) && number(small).is_multiple_of(&number(small)),
            "{small}"
        );
    }
    assert_eq!(number("0e99999999999999999999999"), number("-0.0"));
    for (beyond, position) in
        [("1e400", true), ("-1e309", true), (&*"9".repeat(400), true), ("1e-999999999999999999", false)]
    {
        let refused = Value::from_json(beyond.as_bytes()).expect_err("beyond the range");
        assert_eq!(
            (refused.code, refused.detail.contains("line 1 column")),
            ("number_out_of_range", position),
            "{beyond}"
        );
        assert!(Number::parse(beyond).is_none());
    }
}

#[test]
fn numbers_are_found_wherever_they_stand() {
    let json = r#"{"1.0": "2\\", "a": [1, -2.50, "\"3\\", 4e0, {"b\"5": 18446744073709551616, "c": 0.1000000000000000000000}, "\u0036"], "d": 1.00000000000000000001}"#;
    let Ok(Value::Object(members)) = Value::from_json(json.as_bytes()) else { panic!("an object") };
    let Value::Array(items) = &members[1].1 else { panic!("an array") };
    assert_eq!(items[1], Value::Number(Number::literal("-2.5")));
    assert!(matches!(items[1], Value::Number(Number::Float(_))));
    assert!(matches!(items[3], Value::Number(Number::Float(4.0))));
    let Value::Object(inner) = &items[4] else { panic!("an object") };
    assert!(matches!(inner[0].1, Value::Number(Number::Decimal("18446744073709551616"))));
    assert!(matches!(inner[1].1, Value::Number(Number::Float(0.1))));
    assert!(matches!(members[2].1, Value::Number(Number::Decimal("1.00000000000000000001"))));
    let lines = Value::from_ndjson(b"1.5\n1.00000000000000000001\n2").expect("lines");
    assert_eq!(
        lines,
        Value::Array(["1.5", "1.00000000000000000001", "2"].map(|text| Value::Number(number(text))).into())
    );
}

#[test]
fn values_are_as_small_as_they_were() {
    assert_eq!(size_of::<Value<'_>>(), 32);
}

#[test]
fn a_depth_is_kept_and_needs_no_more_than_the_usual_stack() {
    let deep = |levels: usize| format!("{}1.5{}", "[{\"a\":".repeat(levels / 2), "}]".repeat(levels / 2));
    let judge = move || {
        assert!(Value::from_json(deep(128).as_bytes()).is_ok());
        let refused = Value::from_json(deep(130).as_bytes()).expect_err("too deep");
        assert_eq!(refused.code, "too_deep");
        assert!(
            refused.detail.starts_with("The body has more than 128 levels at line 1 column "),
            "{}",
            refused.detail
        );
        assert!(Value::from_json_within(b"1", 0).is_ok() && Value::from_json_within(b"[]", 0).is_err());
        let text = deep(500);
        let value = Value::from_json_within(text.as_bytes(), 500).expect("as deep as allowed");
        assert!(Value::from_json_within(text.as_bytes(), 499).is_err());
        assert_eq!(value, value.clone());
        canonical::write(&value, &mut Vec::new());
        drop(value);
        // Nothing is parsed on below the limit.
        assert_eq!(Value::from_json("[".repeat(1_000_000).as_bytes()).expect_err("too deep").code, "too_deep");
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(judge).expect("a thread").join().expect("no overflow");
}
