//! Values as bytes that are the same for equal values only: equality of JSON Schema, by value, whatever the order of
//! members and the spelling of numbers.
//!
//! What is hashed of these bytes is kept for a day and compared by other versions of the program: the encoding is made of
//! tags, lengths and little-endian numbers, and must not change.

use crate::number::Number;
use crate::value::{Value, sorted};

/// Appends a value.
pub fn write(value: &Value<'_>, to: &mut Vec<u8>) {
    match value {
        Value::Null => to.push(b'n'),
        Value::Bool(false) => to.push(b'0'),
        Value::Bool(true) => to.push(b'1'),
        Value::Number(number) => write_number(*number, to),
        Value::String(text) => write_text(b's', text, to),
        Value::Text(text) => write_text(b't', text, to),
        Value::Array(items) => write_items(b'a', items, to),
        Value::Repeated(items) => write_items(b'r', items, to),
        Value::Object(members) => {
            write_length(b'o', members.len(), to);
            for (name, member) in sorted(members) {
                write_text(b's', name, to);
                write(member, to);
            }
        }
    }
}

/// Appends a text of a kind.
pub fn write_text(kind: u8, text: &str, to: &mut Vec<u8>) {
    write_length(kind, text.len(), to);
    to.extend_from_slice(text.as_bytes());
}

/// Appends how many things of a kind follow.
pub fn write_length(kind: u8, length: usize, to: &mut Vec<u8>) {
    to.push(kind);
    to.extend_from_slice(&(length as u64).to_le_bytes());
}

fn write_items(kind: u8, items: &[Value<'_>], to: &mut Vec<u8>) {
    write_length(kind, items.len(), to);
    for item in items {
        write(item, to);
    }
}

fn write_number(number: Number<'_>, to: &mut Vec<u8>) {
    let (kind, bytes) = match number.canonical() {
        Number::Integer(number) => (b'i', number.to_le_bytes()),
        Number::Unsigned(number) => (b'u', number.to_le_bytes()),
        Number::Float(number) => (b'f', number.to_le_bytes()),
        decimal @ Number::Decimal(_) => {
            to.push(b'd');
            return decimal.write_decimal(to);
        }
    };
    to.push(kind);
    to.extend_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::{Value as Json, json};

    use super::*;

    fn bytes(json: &str) -> Vec<u8> {
        let value = Value::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error:?}"));
        let mut bytes = Vec::new();
        write(&value, &mut bytes);
        bytes
    }

    fn tree() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Json::from),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::hash_map(".{0,3}", inner, 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    /// The same value with its members in another order, and white space wherever it may stand.
    fn respelt(value: &Json, turn: usize) -> String {
        let space = [" ", "\n", "\t", "", "\r\n "][turn % 5];
        match value {
            Json::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| respelt(item, turn + 1)).collect();
                format!("{space}[{space}{}{space}]", items.join(&format!("{space},")))
            }
            Json::Object(members) => {
                let mut members: Vec<_> = members
                    .iter()
                    .map(|(name, member)| format!("{}{space}:{}", Json::from(name.as_str()), respelt(member, turn + 1)))
                    .collect();
                let middle = if members.is_empty() { 0 } else { turn % members.len() };
                members.rotate_left(middle);
                members.reverse();
                format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
            }
            leaf => format!("{space}{leaf}{space}"),
        }
    }

    /// Changes one thing of the value.
    fn change(value: &mut Json, at: Index) {
        let mut leaves = 0;
        walk(value, &mut |_| leaves += 1);
        let (mut seen, chosen) = (0, at.index(leaves));
        walk(value, &mut |node| {
            if seen == chosen {
                *node = match node {
                    Json::Null => json!(false),
                    Json::Bool(value) => json!(!*value),
                    Json::String(text) => json!(format!("{text}.")),
                    Json::Array(items) => json!([items.clone(), null]),
                    Json::Object(members) => json!({"changed": members.clone()}),
                    Json::Number(number) => match number.as_i64() {
                        Some(number) => json!(number.wrapping_add(1)),
                        None => json!(number.to_string()),
                    },
                };
            }
            seen += 1;
        });
    }

    /// Children first, so that what was put in place is not walked again.
    fn walk(value: &mut Json, visit: &mut impl FnMut(&mut Json)) {
        match value {
            Json::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
            Json::Object(members) => members.values_mut().for_each(|member| walk(member, visit)),
            _ => (),
        }
        visit(value);
    }

    proptest! {
        #[test]
        fn spelling_makes_no_difference(value in tree(), turn in 0_usize..20) {
            prop_assert_eq!(bytes(&value.to_string()), bytes(&respelt(&value, turn)));
        }

        #[test]
        fn a_changed_value_does(value in tree(), at in any::<Index>()) {
            let mut other = value.clone();
            change(&mut other, at);
            prop_assert_ne!(bytes(&value.to_string()), bytes(&other.to_string()));
        }
    }

    #[test]
    fn the_encoding_stays_as_it_is() {
        let known = b"o\x02\0\0\0\0\0\0\0s\x01\0\0\0\0\0\0\0aa\x02\0\0\0\0\0\0\0i\x02\0\0\0\0\0\0\0n\
            s\x01\0\0\0\0\0\0\0bs\x01\0\0\0\0\0\0\0c";
        assert_eq!(bytes(r#"{"b":"c","a":[2.0,null]}"#), known);
    }
}
