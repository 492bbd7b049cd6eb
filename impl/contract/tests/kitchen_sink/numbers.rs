//! Inclusive and exclusive limits, multiples, widths, and what counts as a number; booleans and enums.

use serde_json::{Value, json};

use crate::exchange::{Got, post, with};

async fn number(member: &str, literal: &str) -> Got {
    // As text, because a parsed number would already be rounded.
    let mut members = vec![("int32", "0"), ("int64", "0")];
    members.retain(|(name, _)| *name != member);
    members.push((member, literal));
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    post("/sink/numbers").body("application/json", format!("{{{}}}", members.join(","))).send().await
}

async fn takes(member: &str, literals: &[(&str, Value)]) {
    for (literal, answered) in literals {
        assert_eq!(number(member, literal).await.accepted(200)[member], *answered, "{member}: {literal}");
    }
}

async fn refuses(member: &str, code: &str, literals: &[&str]) {
    for literal in literals {
        number(member, literal).await.violates("body", &format!("#/{member}"), code);
    }
}

#[tokio::test]
async fn integers_of_32_bits() {
    takes("int32", &[("-2147483648", json!(i32::MIN)), ("2147483647", json!(i32::MAX)), ("-0", json!(0))]).await;
    refuses("int32", "too_large", &["2147483648", "9223372036854775808", "18446744073709551616", "1e300"]).await;
    refuses("int32", "too_small", &["-2147483649", "-9223372036854775809", "-1e300"]).await;
}

#[tokio::test]
async fn integers_of_64_bits() {
    let edge = 9_007_199_254_740_991_i64;
    takes("int64", &[("9007199254740991", json!(edge)), ("-9007199254740991", json!(-edge))]).await;
    // A parser with less precision would read the first of these as another number.
    takes("int64", &[("9007199254740991.0", json!(edge)), ("-9007199254740991e0", json!(-edge))]).await;
    refuses("int64", "too_large", &["9007199254740992", "9223372036854775807", "9223372036854775808", "1e19"]).await;
    refuses("int64", "too_small", &["-9007199254740992", "-9223372036854775808", "-9223372036854775809", "-1e19"])
        .await;
}

#[tokio::test]
async fn one_point_zero_is_an_integer() {
    takes("one_to_ten", &[("1.0", json!(1)), ("1e1", json!(10)), ("0.2e1", json!(2)), ("10.000", json!(10))]).await;
    refuses("one_to_ten", "wrong_type", &["1.5", "1e-1", "\"1\"", "true", "[1]", "{}"]).await;
    refuses("one_to_ten", "null_not_allowed", &["null"]).await;
}

#[tokio::test]
async fn limits_of_integers() {
    takes("one_to_ten", &[("1", json!(1)), ("10", json!(10))]).await;
    refuses("one_to_ten", "too_small", &["0", "-1", "0.0", "-0"]).await;
    refuses("one_to_ten", "too_large", &["11", "11.0"]).await;
    takes("between", &[("1", json!(1)), ("9", json!(9))]).await;
    refuses("between", "too_small", &["0", "-1"]).await;
    refuses("between", "too_large", &["10", "11"]).await;
    takes("by_five", &[("-100", json!(-100)), ("0", json!(0)), ("5", json!(5)), ("15.0", json!(15))]).await;
    refuses("by_five", "not_a_multiple", &["1", "-4", "99"]).await;
    refuses("by_five", "too_large", &["105"]).await;
}

#[tokio::test]
async fn limits_of_numbers() {
    takes(
        "double",
        &[("1e300", json!(1e300)), ("-1e300", json!(-1e300)), ("1", json!(1.0)), ("5e-324", json!(5e-324))],
    )
    .await;
    refuses("double", "too_large", &["1.1e300"]).await;
    refuses("double", "too_small", &["-1.1e300"]).await;
    refuses("double", "wrong_type", &["\"1\"", "false", "[]"]).await;
    takes("float", &[("1000000", json!(1_000_000.0)), ("0.1", json!(0.1))]).await;
    refuses("float", "too_large", &["1000000.1", "18446744073709551615"]).await;
    takes("half_to_one", &[("0.5", json!(0.5)), ("1", json!(1.0))]).await;
    refuses("half_to_one", "too_small", &["0.49999999999999994", "-1"]).await;
    refuses("half_to_one", "too_large", &["1.0000000000000002", "2"]).await;
    takes("open_unit", &[("0.5", json!(0.5)), ("5e-324", json!(5e-324))]).await;
    refuses("open_unit", "too_small", &["0", "-0.0"]).await;
    refuses("open_unit", "too_large", &["1", "1.0"]).await;
}

#[tokio::test]
async fn multiples_of_fractions() {
    takes("by_quarter", &[("0", json!(0.0)), ("0.25", json!(0.25)), ("9.75", json!(9.75)), ("10", json!(10.0))]).await;
    refuses("by_quarter", "not_a_multiple", &["0.1", "0.26", "9.999"]).await;
    refuses("by_quarter", "too_large", &["10.25"]).await;
}

#[tokio::test]
async fn what_is_no_json_number_is_malformed() {
    for literal in ["+1", "01", ".5", "1.", "0x1", "1_000", "NaN", "Infinity", "-", "1e", "1e999", "-1e999"] {
        number("double", literal).await.refused(400, "malformed_body");
    }
}

async fn choice(member: &str, value: Value) -> Got {
    post("/sink/choices").json(&with(&json!({"flag": true, "color": "red"}), member, value)).send().await
}

#[tokio::test]
async fn booleans_and_enums() {
    for (member, value) in [("flag", json!(false)), ("color", json!("blue"))] {
        assert_eq!(choice(member, value.clone()).await.accepted(200)[member], value);
    }
    for odd in ["1", "-up", "up", "UP", "two words", "a/b", "type"] {
        assert_eq!(choice("odd", json!(odd)).await.accepted(200)["odd"], odd);
    }
    for value in [json!("true"), json!(1), json!(0), json!([])] {
        choice("flag", value).await.violates("body", "#/flag", "wrong_type");
    }
    for value in [json!("Red"), json!(""), json!("red "), json!("purple-ish")] {
        choice("color", value).await.violates("body", "#/color", "not_in_enum");
    }
    for value in [json!(1), json!(true), json!(["red"])] {
        choice("color", value).await.violates("body", "#/color", "wrong_type");
    }
    choice("color", Value::Null).await.violates("body", "#/color", "null_not_allowed");
    choice("odd", json!("Up")).await.violates("body", "#/odd", "not_in_enum");
    choice("palette", json!(["red", "red"])).await.violates("body", "#/palette", "duplicate_items");
    choice("palette", json!(["red", "mauve"])).await.violates("body", "#/palette/1", "not_in_enum");
}
