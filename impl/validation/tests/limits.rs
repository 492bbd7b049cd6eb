//! Rules at their ends, where no document of ours goes: exact limits, 64-bit integers without limits, absurd names.

use validation::{Bounds, Decoder, FieldError, Float, Integer, Items, Place, Text, Value};

fn integer(literal: &str) -> Result<i64, &'static str> {
    let value = Value::from_json(literal.as_bytes()).expect("JSON");
    read(value)
}

fn text(text: &str) -> Result<i64, &'static str> {
    read(Value::Text(text.into()))
}

fn read(value: Value<'_>) -> Result<i64, &'static str> {
    let mut at = Decoder::new(Place::Body);
    let read = at.integer(value, &Integer::INT64);
    read.ok_or_else(|| at.into_errors().remove(0).code)
}

#[test]
fn the_ends_of_64_bits() {
    for (literal, read) in [
        ("9223372036854775807", Ok(i64::MAX)),
        ("-9223372036854775808", Ok(i64::MIN)),
        ("9223372036854775808", Err("too_large")),
        ("18446744073709551615", Err("too_large")),
        ("18446744073709551616", Err("too_large")),
        ("-9223372036854775809", Err("too_small")),
        ("-18446744073709551616", Err("too_small")),
    ] {
        assert_eq!(integer(literal), read, "{literal}");
        assert_eq!(text(literal), read, "{literal} as text");
    }
    // However they are written.
    assert_eq!(integer("9223372036854774784.0"), Ok(9_223_372_036_854_774_784));
    assert_eq!(integer("9223372036854775807.0"), Ok(i64::MAX));
    assert_eq!(integer("-9.223372036854775808e18"), Ok(i64::MIN));
    assert_eq!(integer("9.223372036854775808e18"), Err("too_large"));
    assert_eq!(integer("-1e300"), Err("too_small"));
    assert_eq!(integer("1e-400"), Err("wrong_type"));
    assert_eq!(text(&"9".repeat(400)), Err("too_large"));
}

#[test]
fn narrow_integers_are_ranges_too() {
    let mut at = Decoder::new(Place::Query);
    assert_eq!(at.integer::<i32>(Value::Text("2147483647".into()), &Integer::INT32), Some(i32::MAX));
    assert_eq!(at.integer::<i32>(Value::Text("2147483648".into()), &Integer::INT32), None);
    assert_eq!(at.integer::<i32>(Value::Text("-2147483649".into()), &Integer::INT32), None);
    let codes: Vec<_> = at.into_errors().iter().map(|error| error.code).collect();
    assert_eq!(codes, ["too_large", "too_small"]);
}

/// The violations of a literal in a body, which are those of the same text in a parameter.
fn judged(literal: &str, judge: impl Fn(&mut Decoder, Value<'_>) -> bool) -> Vec<String> {
    let body = Value::from_json(literal.as_bytes()).expect("JSON");
    let told = [(Place::Body, body), (Place::Query, Value::Text(literal.into()))].map(|(place, value)| {
        let mut at = Decoder::new(place);
        let taken = judge(&mut at, value);
        let told: Vec<_> =
            at.into_errors().into_iter().map(|error| format!("{} {}", error.code, error.detail)).collect();
        assert_eq!(taken, told.is_empty());
        told
    });
    assert_eq!(told[0], told[1], "{literal}");
    told[0].clone()
}

fn number(literal: &str, rule: &Float) -> String {
    judged(literal, |at, value| at.number(value, rule).is_some()).concat()
}

#[test]
fn limits_are_exact() {
    let cents = const { &Float::ANY.min("-1e3").below("5629499534213.13").step("0.01") };
    for good in ["5629499534213.12", "0.3", "-1000", "-1000.00", "1e1", "0.070", "-0"] {
        assert_eq!(number(good, cents), "", "{good}");
    }
    for (literal, told) in [
        ("5629499534213.125", "not_a_multiple Must be a multiple of 0.01."),
        ("0.1000000000000000000000000001", "not_a_multiple Must be a multiple of 0.01."),
        ("1e-400", "not_a_multiple Must be a multiple of 0.01."),
        ("5629499534213.130", "too_large Must be less than 5629499534213.13."),
        ("-1000.00000000000000000001", "too_small Must be at least -1000."),
    ] {
        assert_eq!(number(literal, cents), told, "{literal}");
    }
    let open = const { &Float::ANY.above("0").max("0.1").min("1e-500") };
    assert_eq!(number("0.1", open), "");
    assert_eq!(number("1e-400", open), "");
    assert_eq!(number("0.0", open), "too_small Must be greater than 0.");
    assert_eq!(number("0.10000000000000000555", open), "too_large Must be at most 0.1.");
    assert_eq!(number("1e-501", open), "too_small Must be at least 1e-500.");
}

#[test]
fn limits_of_integers_may_be_any_number() {
    let read =
        |literal: &str, rule: &Integer| judged(literal, |at, value| at.integer::<i64>(value, rule).is_some()).concat();
    let halves = const { &Integer::INT64.above_exact("0.5").below_exact("1e3").step_exact("0.5") };
    assert_eq!((read("1", halves), read("999", halves)), (String::new(), String::new()));
    assert_eq!(read("0", halves), "too_small Must be greater than 0.5.");
    assert_eq!(read("1000", halves), "too_large Must be less than 1000.");
    let wide = const { &Integer::INT32.min_exact("-1e30").max_exact("99999999999999999999").step_exact("1e1") };
    assert_eq!(read("30", wide), "");
    assert_eq!(read("31", wide), "not_a_multiple Must be a multiple of 10.");
    let read = |literal: &str| judged(literal, |at, value| at.integer::<i32>(value, wide).is_some()).concat();
    assert_eq!(read("3000000000"), "too_large Must be at most 2147483647.");
    assert_eq!(read("-3000000000"), "too_small Must be at least -2147483648.");
    assert_eq!(read("100000000000000000000"), "too_large Must be at most 99999999999999999999.");
}

#[test]
fn lengths_may_be_anything_or_nothing() {
    let read = |text: &str, rule: &Text<'_>| {
        let mut at = Decoder::new(Place::Body);
        at.string(Value::Text(text.into()), rule).is_some()
    };
    assert!(!read("a", &Text::ANY.min(2_147_483_648)) && read("a", &Text::ANY.max(u64::MAX)));
    assert!(!read("a", &Text::ANY.max(0)) && read("", &Text::ANY.max(0)));
    assert!(!read("a", &Text::ANY.min(u64::MAX)) && read("\u{1f600}", &Text::ANY.min(1).max(1)));
}

#[test]
fn numbers_of_parameters_are_unique_by_value_and_strings_by_text() {
    let codes = |items: &[&str], rule: &Items| {
        let mut at = Decoder::new(Place::Query);
        let items = items.iter().map(|item| Value::Text((*item).into())).collect();
        at.array(Value::Repeated(items), rule, |item, at| at.string(item, &Text::ANY));
        at.into_errors().into_iter().map(|error| error.code).collect::<Vec<_>>()
    };
    for same in
        [["1", "1.0"], ["0", "-0"], ["1e2", "100"], ["0.10000000000000000001", "0.100000000000000000010"], ["x", "x"]]
    {
        assert_eq!(codes(&same, &Items::ANY.unique_numbers()), ["duplicate_items"], "{same:?}");
    }
    assert!(codes(&["1", "1.00000000000000000001", "x", "01"], &Items::ANY.unique_numbers()).is_empty());
    assert!(codes(&["1", "1.0"], &Items::ANY.unique()).is_empty());
    assert_eq!(codes(&["true", "true"], &Items::ANY.unique()), ["duplicate_items"]);
}

fn errors_of_map(names: &[&str]) -> Vec<FieldError> {
    let members = names.iter().map(|name| ((*name).into(), Value::Array(vec![Value::Null]))).collect();
    let mut at = Decoder::new(Place::Body);
    let string = |value, at: &mut Decoder| at.string(value, &Text::ANY);
    let map = at.map(Value::Object(members), &Bounds::ANY, |value, at| at.array(value, &Items::ANY, string));
    assert!(map.is_none());
    at.into_errors()
}

#[test]
fn names_a_client_made_up_are_told_only_while_they_are_short() {
    let (short, long) = ("n".repeat(64), "n".repeat(65));
    let pointers: Vec<_> = errors_of_map(&[&short, &long, ""]).into_iter().map(|error| error.pointer).collect();
    assert_eq!(pointers, [format!("#/{short}/0"), "#".to_owned(), "#//0".to_owned()].map(Some));
}

#[test]
fn the_number_of_violations_is_bounded() {
    let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(errors_of_map(&names).len(), 32);
}
