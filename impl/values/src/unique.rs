//! `uniqueItems`: equality of JSON Schema, by value and whatever the order of members.

use std::collections::HashSet;

use crate::canonical;
use crate::number::Number;
use crate::value::Value;

/// Whether no two items are equal.
pub fn all_different(items: &[Value<'_>]) -> bool {
    let plain =
        |item: &Value<'_>| !matches!(item, Value::Array(_) | Value::Object(_) | Value::Number(Number::Decimal(_)));
    // Quadratic while that is cheaper; the pace of anything larger must not depend on who wrote it.
    if items.len() <= 32 && items.iter().all(plain) {
        return items.iter().enumerate().all(|(index, item)| !items[..index].contains(item));
    }
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| {
        let mut bytes = Vec::new();
        canonical::write(item, &mut bytes);
        seen.insert(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn different(json: &str) -> bool {
        let Ok(Value::Array(items)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no array") };
        let alone = all_different(&items);
        // The same among many others, where items are compared in another way.
        let mut many = items;
        many.extend((1000..1050).map(|n| Value::Number(Number::Integer(n))));
        assert_eq!(all_different(&many), alone, "{json}");
        alone
    }

    #[test]
    fn values_count_not_spellings() {
        for same in [
            "[1,1.0]",
            "[0,-0.0]",
            "[1e2,100]",
            "[18446744073709551615,18446744073709551615]",
            "[9223372036854775808,9.223372036854775808e18]",
            r#"["a","\u0061"]"#,
            r#"[{"a":1,"b":[2]},{"b":[2.0],"a":1}]"#,
            "[null,null]",
            "[[],[]]",
        ] {
            assert!(!different(same), "{same}");
        }
        for other in [
            "[]",
            "[1,true,\"1\",null,[1],{}]",
            "[0,false,\"\",[],{}]",
            "[9223372036854775807,9223372036854775808]",
            "[9007199254740993,9007199254740992]",
            "[0.1,0.10000000000000002]",
            r#"[{"a":1},{"a":2},{"a":1,"b":1}]"#,
            r#"[["a","b"],["a,b"],["b","a"]]"#,
        ] {
            assert!(different(other), "{other}");
        }
    }

    #[test]
    fn large_objects_are_compared_in_linear_time() {
        let members: Vec<_> = (0..50_000).map(|n| format!("\"{n}\":{n}")).collect();
        let object = format!("{{{}}}", members.join(","));
        let began = std::time::Instant::now();
        assert!(!different(&format!("[{object},{object}]")));
        assert!(began.elapsed().as_secs() < 5);
    }
}
