//! Path templates (OpenAPI 3.1.1, "Path Templating"): what they match, and which of several is meant.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

use crate::percent::{canonical, decoded};

/// A path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Text, decoded.
    Literal(String),
    /// A parameter and nothing else.
    Parameter,
    /// Texts, canonical, with a parameter between each and the next; the first and the last may be empty.
    Mixed(Vec<String>),
}

/// Why a path is no template that can be served.
pub fn template_fault(path: &str) -> Option<String> {
    Template::parse(path).err()
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(path: &str) -> Result<Self, String> {
        let Some(path) = path.strip_prefix('/') else { return Err("a path begins with a slash".to_owned()) };
        let mut names = Vec::new();
        let segments = path.split('/').map(|segment| Segment::parse(segment, &mut names)).collect::<Result<_, _>>()?;
        Ok(Self { segments })
    }

    /// The route in the router's notation, if it has one: each parameter is a whole segment, and texts are of characters that nobody
    /// encodes. Parameters are called by the place of their segment, so that templates that differ in names only are one.
    pub fn route(&self) -> Option<String> {
        let mut route = String::new();
        for (index, segment) in self.segments.iter().enumerate() {
            route.push('/');
            match segment {
                Segment::Parameter => route.push_str(&format!("{{p{index}}}")),
                Segment::Literal(text)
                    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) =>
                {
                    // Within a path an empty segment is rare, and routers differ.
                    if text.is_empty() && index + 1 < self.segments.len() {
                        return None;
                    }
                    route.push_str(text);
                }
                _ => return None,
            }
        }
        Some(route)
    }

    /// Whether some path may be matched by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|pair| match pair {
                (Segment::Literal(one), Segment::Literal(other)) => one == other,
                _ => true,
            })
    }

    /// The order in which templates are tried: concrete ones first, segment by segment.
    pub fn precedence(&self) -> Vec<(u8, Reverse<usize>)> {
        let of = |segment: &Segment| match segment {
            Segment::Literal(_) => (0, Reverse(0)),
            Segment::Mixed(texts) => (1, Reverse(texts.iter().map(String::len).sum())),
            Segment::Parameter => (2, Reverse(0)),
        };
        self.segments.iter().map(of).collect()
    }

    /// Where in a [canonical] path its parameters are; nothing when it does not match.
    pub fn matches(&self, path: &str) -> Option<Vec<Range<usize>>> {
        let mut found = Vec::new();
        let mut segments = self.segments.iter();
        let mut start = 1;
        for text in path.strip_prefix('/')?.split('/') {
            segments.next()?.matches(text, start, &mut found)?;
            start += text.len() + 1;
        }
        segments.next().is_none().then_some(found)
    }
}

impl Segment {
    fn parse<'p>(segment: &'p str, names: &mut Vec<&'p str>) -> Result<Self, String> {
        let mut texts = Vec::new();
        let mut rest = segment;
        loop {
            let (text, parameter) = match rest.split_once('{') {
                Some((text, parameter)) => (text, Some(parameter)),
                None => (rest, None),
            };
            if text.contains('}') {
                return Err(format!("`}}` without `{{` in `{segment}`"));
            }
            texts.push(text);
            let Some(parameter) = parameter else { break };
            let (name, after) = parameter.split_once('}').ok_or_else(|| format!("`{{` without `}}` in `{segment}`"))?;
            if name.is_empty() || name.contains('{') {
                return Err(format!("a parameter without a name in `{segment}`"));
            }
            if names.contains(&name) {
                return Err(format!("the parameter `{name}` twice"));
            }
            if texts.len() > 1 && text.is_empty() {
                return Err(format!("parameters without a text between them in `{segment}`"));
            }
            names.push(name);
            rest = after;
        }
        Ok(match texts.as_slice() {
            [text] => Self::Literal(decoded(text).map_or_else(|_| (*text).to_owned(), Cow::into_owned)),
            ["", ""] => Self::Parameter,
            _ => Self::Mixed(texts.into_iter().map(|text| canonical(text).into_owned()).collect()),
        })
    }

    /// Each parameter has at least one character, and the first ones as few as possible.
    fn matches(&self, text: &str, start: usize, found: &mut Vec<Range<usize>>) -> Option<()> {
        match self {
            Self::Literal(literal) => decoded(text).is_ok_and(|text| text == *literal).then_some(()),
            Self::Parameter => (!text.is_empty()).then(|| found.push(start..start + text.len())),
            Self::Mixed(texts) => {
                let (first, rest) = texts.split_first()?;
                let (last, middle) = rest.split_last()?;
                let end = text.len().checked_sub(last.len()).filter(|_| text.ends_with(last.as_str()))?;
                let mut at = first.len();
                text.starts_with(first.as_str()).then_some(())?;
                for literal in middle {
                    let value = text.get(at..end)?;
                    let next = value.get(1..)?.find(literal.as_str())? + 1;
                    found.push(start + at..start + at + next);
                    at += next + literal.len();
                }
                (at < end).then(|| found.push(start + at..start + end))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'p>(template: &str, path: &'p str) -> Option<Vec<&'p str>> {
        let found = Template::parse(template).expect("a template").matches(path)?;
        Some(found.into_iter().map(|range| &path[range]).collect())
    }

    #[test]
    fn parameters_are_found_between_texts() {
        for (template, path, expected) in [
            ("/", "/", Some(vec![])),
            ("/a/{id}", "/a/1", Some(vec!["1"])),
            ("/a/{id}", "/a/", None),
            ("/a/{id}", "/a/1/", None),
            ("/a/{id}/", "/a/1/", Some(vec!["1"])),
            ("/a/{id}.json", "/a/x.json.json", Some(vec!["x.json"])),
            ("/a/{id}.json", "/a/.json", None),
            ("/a/{id}.json", "/a/x.xml", None),
            ("/a/{id}:verb", "/a/x:verb", Some(vec!["x"])),
            ("/a/{id}:verb", "/a/x%3Averb", None),
            ("/{a}-{b}", "/x-y-z", Some(vec!["x", "y-z"])),
            ("/{a}-{b}", "/-y", None),
            ("/{a}-{b}", "/--y", Some(vec!["-", "y"])),
            ("/{a}--{b}", "/--", None),
            ("/v{major}.{minor}/x", "/v1.2/x", Some(vec!["1", "2"])),
            ("/:id", "/:id", Some(vec![])),
            ("/:id", "/%3Aid", Some(vec![])),
            ("/*all", "/*all", Some(vec![])),
            ("/a b", "/a%20b", Some(vec![])),
            ("/a%20b", "/a%20b", Some(vec![])),
            ("/ü/{x}", "/%C3%BC/%C3%BC", Some(vec!["%C3%BC"])),
            ("/ü{x}", "/%C3%BC1", Some(vec!["1"])),
            ("/Users({id})", "/Users(7)", Some(vec!["7"])),
            ("/Users('{id}')", "/Users('7')", Some(vec!["7"])),
            ("/a//b", "/a//b", Some(vec![])),
            ("/a//b", "/a/b", None),
        ] {
            assert_eq!(values(template, path), expected, "{template} {path}");
        }
    }

    #[test]
    fn what_is_no_template_is_told() {
        for path in ["", "a", "/{a}{b}", "/{", "/}", "/{}", "/{a}/{a}", "/{a{b}}", "/a}b{c}"] {
            assert!(template_fault(path).is_some(), "{path}");
        }
    }

    #[test]
    fn concrete_templates_come_first() {
        let mut all = ["/{a}/{b}", "/a/{b}.{c}", "/a/{b}", "/a/b", "/a/{b}.json"];
        all.sort_by_key(|path| Template::parse(path).expect("a template").precedence());
        assert_eq!(all, ["/a/b", "/a/{b}.json", "/a/{b}.{c}", "/a/{b}", "/{a}/{b}"]);
    }
}
