//! Rules at their ends, where no document of ours goes: 64-bit integers without limits, absurd names.

use validation::{Bounds, Decoder, FieldError, Integer, Items, Place, Text, Value};

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
    // Doubles next to the ends; the ends themselves may be another number that was rounded.
    assert_eq!(integer("9223372036854774784.0"), Ok(9_223_372_036_854_774_784));
    assert_eq!(integer("9223372036854775807.0"), Err("too_large"));
    assert_eq!(integer("-9223372036854775808.0"), Err("too_small"));
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
