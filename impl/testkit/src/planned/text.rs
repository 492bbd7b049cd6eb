//! Texts that satisfy the schema of a string.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::Value;

/// A text; the reason where it may be none.
pub(super) fn of(schema: &Value, number: usize) -> (String, Option<&'static str>) {
    let length = |name: &str| schema[name].as_f64().map(|value| value.clamp(0.0, 1e6));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
    let (least, most) = (length("minLength").unwrap_or(0.0) as usize, length("maxLength").unwrap_or(1e6) as usize);
    if let Some(known) = of_format(schema["format"].as_str().unwrap_or_default(), number) {
        let fits = schema["pattern"].is_null() && (least..=most).contains(&known.chars().count());
        return (known, (!fits).then_some("a format together with other limits"));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let Ok(parsed) = regex_syntax::Parser::new().parse(pattern) else { return (String::new(), Some("a pattern")) };
        let mut text = String::new();
        write(&parsed, &mut text, number);
        // What a pattern without an end leaves open.
        while text.chars().count() < least && !pattern.ends_with('$') {
            text.push('a');
        }
        return (text, Some("a pattern"));
    }
    let width = least.max(usize::from(most > 0));
    let text = if most == 0 { String::new() } else { format!("{number:a>width$}") };
    (text, None)
}

fn of_format(format: &str, number: usize) -> Option<String> {
    Some(match format {
        "uuid" => format!("00000000-0000-4000-8000-{number:012}"),
        "date-time" => format!("2026-01-31T09:30:{:02}Z", number % 60),
        "date" => format!("2026-01-{:02}", number % 31 + 1),
        "time" => format!("09:30:{:02}Z", number % 60),
        "duration" => format!("P{}D", number + 1),
        "email" | "idn-email" => format!("nobody{number}@example.com"),
        "uri" | "iri" | "uri-reference" | "iri-reference" | "url" => format!("https://example.com/{number}"),
        "uri-template" => "https://example.com/{id}".to_owned(),
        "hostname" | "idn-hostname" => format!("example{number}.com"),
        "ipv4" => format!("192.0.2.{}", number % 256),
        "ipv6" => format!("2001:db8::{:x}", number % 0xffff),
        "byte" => "YQ==".to_owned(),
        "json-pointer" => format!("/{number}"),
        "relative-json-pointer" => number.to_string(),
        "regex" => "a".to_owned(),
        _ => return None,
    })
}

/// The shortest text of a regular expression, or nearly.
fn write(node: &Hir, to: &mut String, number: usize) {
    match node.kind() {
        HirKind::Empty | HirKind::Look(_) => (),
        HirKind::Literal(literal) => to.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let plain = class.ranges().iter().find(|range| range.end().is_ascii_alphanumeric());
            let plain =
                plain.map(|range| if range.start().is_ascii_alphanumeric() { range.start() } else { range.end() });
            let any = class.ranges().iter().map(|range| range.start()).find(|char| !char.is_control());
            to.extend(plain.or(any).or(class.ranges().first().map(|range| range.start())));
        }
        HirKind::Class(Class::Bytes(class)) => {
            to.extend(class.ranges().first().map(|range| char::from(range.start())));
        }
        HirKind::Repetition(repeated) => {
            let wanted = repeated.min.max(u32::from(repeated.max.is_none_or(|max| max > 0)));
            for _ in 0..wanted.min(10_000) {
                write(&repeated.sub, to, number);
            }
        }
        HirKind::Capture(group) => write(&group.sub, to, number),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, to, number)),
        HirKind::Alternation(branches) => {
            if let Some(branch) = branches.get(number % branches.len().max(1)) {
                write(branch, to, number);
            }
        }
    }
}
