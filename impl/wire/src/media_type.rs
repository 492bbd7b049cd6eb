//! Media types (RFC 9110, 8.3.1), ranges of them, and negotiation by `Accept` (12.5.1).

use std::borrow::Cow;

use http::HeaderMap;
use http::header::ACCEPT;

/// A media type or range with its parameters.
#[derive(Debug, Clone, Copy)]
pub struct MediaType<'t> {
    kind: &'t str,
    subtype: &'t str,
    parameters: &'t str,
}

/// How text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// `utf-8`, also where nothing is said.
    Utf8,
    /// `us-ascii`
    Ascii,
    /// `iso-8859-1`
    Latin1,
}

impl<'t> MediaType<'t> {
    /// Reads `type/subtype; name=value`.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = essence.trim().split_once('/')?;
        (!kind.is_empty() && !subtype.is_empty()).then_some(Self { kind, subtype, parameters })
    }

    /// `type/subtype`
    pub fn is(&self, essence: &str) -> bool {
        essence.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// Whether it is text without a structure that is known here.
    pub fn is_text(&self) -> bool {
        self.kind.eq_ignore_ascii_case("text")
    }

    /// `application/json`, and whatever is written in it (RFC 6839, 3.1).
    pub fn is_json(&self) -> bool {
        let suffix = self.subtype.len().checked_sub(5).and_then(|at| self.subtype.get(at..));
        self.subtype.eq_ignore_ascii_case("json") || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    }

    /// JSON texts, one a line.
    pub fn is_ndjson(&self) -> bool {
        let name = self.subtype.strip_prefix("x-").unwrap_or(self.subtype);
        ["ndjson", "jsonl", "jsonlines"].iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<Cow<'t, str>> {
        self.parameters().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn parameters(&self) -> impl Iterator<Item = (&'t str, Cow<'t, str>)> + use<'t> {
        divided(self.parameters, b';').filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim();
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let value = match quoted {
                Some(text) if text.contains('\\') => Cow::Owned(unescaped(text)),
                Some(text) => Cow::Borrowed(text),
                None => Cow::Borrowed(value),
            };
            Some((name.trim(), value))
        })
    }

    /// How well it is described by a range of the document or of `Accept`; nothing when it is not.
    fn fits(&self, range: &Self) -> Option<(u8, usize)> {
        let any = |text: &str| text == "*";
        let kinds = self.kind.eq_ignore_ascii_case(range.kind) || any(self.kind);
        let level = match () {
            () if any(range.kind) && any(range.subtype) => 0,
            () if kinds && any(range.subtype) => 1,
            () if kinds && (self.subtype.eq_ignore_ascii_case(range.subtype) || any(self.subtype)) => 2,
            () => return None,
        };
        let mut count = 0;
        for (name, value) in range.parameters() {
            // How it is written and how much it is liked make no other type of it.
            if name.eq_ignore_ascii_case("charset") || name.eq_ignore_ascii_case("q") {
                continue;
            }
            self.parameter(name).filter(|own| own.eq_ignore_ascii_case(&value))?;
            count += 1;
        }
        Some((level, count))
    }
}

/// Parts of a header field, which are not divided within quotes.
fn divided(text: &str, by: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            let ends = byte == by && !quoted;
            quoted ^= byte == b'"' && !escaped;
            escaped = quoted && byte == b'\\' && !escaped;
            ends
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim())
    })
    .filter(|part| !part.is_empty())
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

/// The index of the declared media type or range that describes a given one best.
pub fn matching<'d>(declared: impl Iterator<Item = &'d str>, given: &MediaType<'_>) -> Option<usize> {
    // A body is of one type; only what accepts some is described by a range.
    if given.kind.contains('*') || given.subtype.contains('*') {
        return None;
    }
    let fits = |range: &str| given.fits(&MediaType::parse(range)?);
    let found = declared.enumerate().filter_map(|(index, range)| Some((fits(range)?, index)));
    // Of equals the first.
    found.min_by_key(|(fit, _)| std::cmp::Reverse(*fit)).map(|(_, index)| index)
}

/// How a text is encoded; nothing when it is in a way that is not known here.
pub fn charset(given: &MediaType<'_>) -> Option<Charset> {
    let Some(name) = given.parameter("charset") else { return Some(Charset::Utf8) };
    let known = [
        ("utf-8", Charset::Utf8),
        ("utf8", Charset::Utf8),
        ("us-ascii", Charset::Ascii),
        ("ascii", Charset::Ascii),
        ("iso-8859-1", Charset::Latin1),
        ("latin1", Charset::Latin1),
    ];
    known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, charset)| charset)
}

/// The index of the offered media type that a client likes best, of equals the first; nothing when it accepts none.
pub fn best(offered: &[&str], headers: &HeaderMap) -> Option<usize> {
    let lines = || headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges = || lines().flat_map(|line| divided(line, b',')).filter_map(MediaType::parse);
    if ranges().next().is_none() {
        return Some(0);
    }
    let liked = offered.iter().enumerate().filter_map(|(index, offered)| {
        let offered = MediaType::parse(offered)?;
        // The most specific range says how much, whatever others say.
        let (_, range) =
            ranges().filter_map(|range| Some((offered.fits(&range)?, range))).max_by_key(|(fit, _)| *fit)?;
        let weight = weight(&range);
        (weight > 0).then_some((weight, index))
    });
    liked.min_by_key(|(weight, _)| std::cmp::Reverse(*weight)).map(|(_, index)| index)
}

/// `q` in thousandths (RFC 9110, 12.4.2).
fn weight(range: &MediaType<'_>) -> u16 {
    let Some(weight) = range.parameter("q") else { return 1000 };
    let (whole, fraction) = weight.split_once('.').unwrap_or((&weight, ""));
    let is_valid = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match (whole, format!("{fraction:0<3}").parse::<u16>()) {
        ("0", Ok(thousandths)) if is_valid => thousandths,
        // What is no weight is none.
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn chosen(offered: &[&str], accept: &[&'static str]) -> Option<usize> {
        let mut headers = HeaderMap::new();
        for line in accept {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        best(offered, &headers)
    }

    #[test]
    fn the_most_specific_range_decides() {
        let offered = ["application/json", "text/csv", "text/plain;v=2"];
        for (accept, expected) in [
            (vec![], Some(0)),
            (vec![""], Some(0)),
            (vec!["*/*"], Some(0)),
            (vec!["text/*"], Some(1)),
            (vec!["text/csv"], Some(1)),
            (vec!["TEXT/CSV ; q=0.5, application/json;q=0.4"], Some(1)),
            (vec!["text/csv;q=0.5", "application/json;q=0.9"], Some(0)),
            (vec!["*/*, application/json;q=0"], Some(1)),
            (vec!["text/*;q=0.1, text/plain;v=2"], Some(2)),
            (vec!["text/plain;v=3"], None),
            (vec!["image/png"], None),
            (vec!["*/*;q=0"], None),
            (vec!["text/csv;q=0.001, */*;q=0"], Some(1)),
            (vec![r#"text/csv;x="a,b;q=0";q=1"#], None),
            (vec!["nonsense"], Some(0)),
        ] {
            assert_eq!(chosen(&offered, &accept), expected, "{accept:?}");
        }
        assert_eq!(chosen(&["image/*"], &["image/png"]), Some(0));
    }

    #[test]
    fn bodies_are_matched_by_specificity() {
        let declared = ["*/*", "image/*", "image/png", "application/json;v=1", "application/json"];
        for (given, expected) in [
            ("image/png", 2),
            ("IMAGE/PNG; a=b", 2),
            ("image/gif", 1),
            ("video/mp4", 0),
            ("application/json", 4),
            ("application/json; charset=utf-8", 4),
            ("application/json; V=\"1\"", 3),
            ("application/json;v=2", 4),
        ] {
            let given = MediaType::parse(given).expect("a media type");
            assert_eq!(matching(declared.into_iter(), &given), Some(expected), "{given:?}");
        }
        for other in ["text/csv", "text/*", "*/*"] {
            assert_eq!(matching(["text/plain"].into_iter(), &MediaType::parse(other).expect("a media type")), None);
        }
    }

    #[test]
    fn json_is_recognized_by_its_suffix() {
        for (text, expected) in [
            ("application/json", true),
            ("application/problem+json; x=1", true),
            ("application/VND.X+JSON", true),
            ("application/jsonx", false),
            ("text/json", true),
        ] {
            assert_eq!(MediaType::parse(text).expect("a media type").is_json(), expected, "{text}");
        }
        assert!(MediaType::parse("json").is_none() && MediaType::parse("").is_none());
    }
}
