//! One text that spells a value (RFC 6570, as OpenAPI uses it). It is divided before percent-encoding is undone: a delimiter that is
//! encoded is a part of a value.

use std::borrow::Cow;
use std::cell::OnceCell;

use validation::Value;

use crate::fault::Fault;
use crate::pairs::MAX_PAIRS;
use crate::parameter::{Parameter, Shape, Style};

/// Undoes percent-encoding as the place of a parameter has it.
pub(crate) type Decode = for<'t> fn(&'t str) -> Result<Cow<'t, str>, Fault>;

/// Fields of an object.
type Members<'r> = Vec<(Cow<'r, str>, Value<'r>)>;

/// Decoded texts that outlive what decoded them: JSON is read without being copied.
#[derive(Debug, Default)]
pub struct Texts(OnceCell<(String, Box<Texts>)>);

impl Texts {
    pub(crate) fn keep(&self, text: String) -> &str {
        let mut last = self;
        while let Some((_, next)) = last.0.get() {
            last = next;
        }
        &last.0.get_or_init(|| (text, Box::default())).0
    }
}

/// Reads a value that one text spells: any but exploded ones of the query, and deep objects.
pub(crate) fn single<'r>(
    parameter: &Parameter,
    raw: &'r str,
    decode: Decode,
    texts: &'r Texts,
) -> Result<Value<'r>, Fault> {
    match parameter.style {
        Style::Matrix => matrix(parameter, raw, decode, texts),
        Style::Label => {
            let raw = raw.strip_prefix('.').ok_or(Fault::STYLE)?;
            // Documents of OpenAPI before 3.0.4 delimit by dots what is not exploded, too.
            let by = if parameter.explode || !raw.contains(',') { "." } else { "," };
            delimited(parameter, raw, &[by], decode, texts)
        }
        Style::SpaceDelimited => delimited(parameter, raw, &["%20", "+", " "], decode, texts),
        Style::PipeDelimited => delimited(parameter, raw, &["|", "%7C", "%7c"], decode, texts),
        Style::Simple | Style::Form | Style::DeepObject => delimited(parameter, raw, &[","], decode, texts),
    }
}

fn delimited<'r>(
    parameter: &Parameter,
    raw: &'r str,
    by: &[&str],
    decode: Decode,
    texts: &'r Texts,
) -> Result<Value<'r>, Fault> {
    match parameter.shape {
        Shape::Scalar | Shape::Any => decode(raw).map(Value::Text),
        Shape::Json => json(decode(raw)?, texts),
        Shape::Array if raw.is_empty() && parameter.allow_empty => Ok(Value::Array(Vec::new())),
        Shape::Array => {
            split(raw, by).map(|item| decode(item).map(Value::Text)).collect::<Result<_, _>>().map(Value::Array)
        }
        Shape::Object { .. } if raw.is_empty() => Ok(Value::Object(Vec::new())),
        Shape::Object { .. } if parameter.explode => assignments(split(raw, by), by, decode).map(Value::Object),
        Shape::Object { .. } => alternating(split(raw, by), decode).map(Value::Object),
    }
}

/// Divides a text wherever one of some delimiters is.
fn split<'r>(raw: &'r str, by: &[&str]) -> impl Iterator<Item = &'r str> {
    let mut rest = Some(raw);
    std::iter::from_fn(move || {
        let text = rest?;
        let first = by.iter().filter_map(|by| text.find(by).map(|at| (at, by.len()))).min();
        let Some((at, length)) = first else { return rest.take() };
        rest = Some(&text[at + length..]);
        Some(&text[..at])
    })
}

/// `R,100,G,200`
fn alternating<'r>(mut pieces: impl Iterator<Item = &'r str>, decode: Decode) -> Result<Members<'r>, Fault> {
    let mut members = Vec::new();
    while let Some(name) = pieces.next() {
        let value = pieces.next().ok_or(Fault::STYLE)?;
        add(&mut members, decode(name)?, Value::Text(decode(value)?))?;
    }
    Ok(members)
}

/// `R=100,G=200`. What has no sign of its own belongs to the value before it: `.R=1.5` has dots that are no delimiters.
fn assignments<'r>(pieces: impl Iterator<Item = &'r str>, by: &[&str], decode: Decode) -> Result<Members<'r>, Fault> {
    let mut found: Vec<(&str, Cow<'r, str>)> = Vec::new();
    for piece in pieces {
        match (piece.split_once('='), found.last_mut()) {
            (Some((name, value)), _) => found.push((name, Cow::Borrowed(value))),
            (None, Some((_, value))) => {
                let value = value.to_mut();
                value.push_str(by.first().unwrap_or(&""));
                value.push_str(piece);
            }
            (None, None) => return Err(Fault::STYLE),
        }
    }
    let mut members = Vec::with_capacity(found.len().min(MAX_PAIRS));
    for (name, value) in found {
        let value = match value {
            Cow::Borrowed(value) => decode(value)?,
            Cow::Owned(value) => Cow::Owned(decode(&value)?.into_owned()),
        };
        add(&mut members, decode(name)?, Value::Text(value))?;
    }
    Ok(members)
}

/// `;color=blue`, `;color=blue;color=black`, `;R=100;G=200`
fn matrix<'r>(parameter: &Parameter, raw: &'r str, decode: Decode, texts: &'r Texts) -> Result<Value<'r>, Fault> {
    let raw = raw.strip_prefix(';').ok_or(Fault::STYLE)?;
    if let (Shape::Object { .. }, true) = (parameter.shape, parameter.explode) {
        return assignments(raw.split(';'), &[";"], decode).map(Value::Object);
    }
    let mut values = Vec::new();
    for piece in raw.split(';') {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        if decode(name)? != parameter.name {
            return Err(Fault::STYLE);
        }
        values.push(value);
    }
    match (parameter.shape, parameter.explode, values.as_slice()) {
        (Shape::Array, true, [""]) if parameter.allow_empty => Ok(Value::Array(Vec::new())),
        (Shape::Array, true, _) | (Shape::Any, true, [_, _, ..]) => {
            values.into_iter().map(|item| decode(item).map(Value::Text)).collect::<Result<_, _>>().map(Value::Array)
        }
        (_, _, [value]) => delimited(parameter, value, &[","], decode, texts),
        _ => Err(Fault::DUPLICATE),
    }
}

/// Adds a field of a name that is new.
pub(crate) fn add<'r>(members: &mut Members<'r>, name: Cow<'r, str>, value: Value<'r>) -> Result<(), Fault> {
    if members.len() == MAX_PAIRS {
        return Err(Fault::TOO_MANY_MEMBERS);
    }
    if members.iter().any(|(known, _)| *known == name) {
        return Err(Fault::DUPLICATE);
    }
    members.push((name, value));
    Ok(())
}

/// `content: application/json`
pub(crate) fn json<'r>(text: Cow<'r, str>, texts: &'r Texts) -> Result<Value<'r>, Fault> {
    let text = match text {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => texts.keep(text),
    };
    Value::from_json(text.as_bytes()).map_err(|_| Fault::NOT_JSON)
}
