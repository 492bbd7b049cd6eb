//! Where a parameter is, and its value there.

use std::borrow::Cow;

use http::HeaderMap;
use validation::{Place, Value};

use crate::deep::deep_object;
use crate::fault::Fault;
use crate::pairs::{Pair, Pairs, pairs};
use crate::parameter::{Parameter, Shape, Style};
use crate::percent::{decoded, decoded_form};
use crate::style::{Decode, Texts, add, json, single};

/// Fields that are lists, which may come in several lines (RFC 9110, 5.3).
const LISTS: [&str; 2] = ["If-Match", "If-None-Match"];

/// A path parameter, from what stands in its place.
///
/// # Errors
/// When it is not spelt in its style.
pub fn path_value<'r>(parameter: &Parameter, raw: &'r str, texts: &'r Texts) -> Result<Value<'r>, Fault> {
    let parameter = if parameter.or_single { parameter.any() } else { *parameter };
    single(&parameter, raw, decoded, texts)
}

/// A parameter of the query, a cookie, or a field of a form; nothing when it is absent.
///
/// # Errors
/// When it is given too often, or not spelt in its style.
pub fn query<'r>(parameter: &Parameter, pairs: &mut Pairs<'r>, texts: &'r Texts) -> Result<Option<Value<'r>>, Fault> {
    let is_named = || pairs.0.iter().any(|pair| pair.name == parameter.name);
    if parameter.or_single && (!parameter.explode || is_named()) && parameter.style != Style::DeepObject {
        let single = Parameter { or_single: false, ..parameter.any() };
        return query(&single, pairs, texts);
    }
    match (parameter.shape, parameter.style, parameter.explode) {
        (Shape::Array | Shape::Any | Shape::Object { .. }, Style::DeepObject, _) => deep_object(parameter, pairs),
        (Shape::Object { names, open }, _, true) => exploded_object(parameter, names, open, pairs),
        (Shape::Array | Shape::Any, _, true) => exploded_array(parameter, pairs),
        _ => once(parameter, pairs, texts),
    }
}

fn once<'r>(parameter: &Parameter, pairs: &mut Pairs<'r>, texts: &'r Texts) -> Result<Option<Value<'r>>, Fault> {
    let mut given = pairs.0.iter_mut().filter(|pair| pair.name == parameter.name);
    let Some(pair) = given.next() else { return Ok(None) };
    pair.taken = true;
    let mut twice = false;
    for other in given {
        (twice, other.taken) = (true, true);
    }
    // The first again, which the others' search has borrowed.
    let Some(pair) = pairs.0.iter().find(|pair| pair.name == parameter.name).filter(|_| !twice) else {
        return Err(Fault::DUPLICATE);
    };
    match parameter.shape {
        Shape::Scalar | Shape::Any => Ok(Some(Value::Text(pair.value.clone()))),
        Shape::Json => json(pair.value.clone(), texts).map(Some),
        _ => single(parameter, pair.raw, decoding(parameter), texts).map(Some),
    }
}

fn decoding(parameter: &Parameter) -> Decode {
    match parameter.place {
        Place::Cookie => |text| Ok(decoded(text).unwrap_or(Cow::Borrowed(text))),
        _ => decoded_form,
    }
}

/// `a=1&a=2`
fn exploded_array<'r>(parameter: &Parameter, from: &mut Pairs<'r>) -> Result<Option<Value<'r>>, Fault> {
    let mut items = Vec::new();
    for pair in from.0.iter_mut().filter(|pair| pair.name == parameter.name) {
        pair.taken = true;
        match parameter.place {
            Place::Cookie => items.extend(in_cookie(pair)?.into_iter().map(|(_, value)| value)),
            _ => items.push(Value::Text(pair.value.clone())),
        }
    }
    Ok(match (parameter.shape, items.as_slice()) {
        (_, []) => None,
        (Shape::Any, [one]) => Some(one.clone()),
        (_, [Value::Text(text)]) if text.is_empty() && parameter.allow_empty => Some(Value::Array(Vec::new())),
        _ => Some(Value::Array(items)),
    })
}

/// RFC 6570 puts `a=1&a=2` into one cookie, user agents put it into two.
fn in_cookie<'r>(pair: &Pair<'r>) -> Result<Vec<(Cow<'r, str>, Value<'r>)>, Fault> {
    let Some((first, rest)) = pair.raw.split_once('&') else {
        return Ok(vec![(pair.name.clone(), Value::Text(pair.value.clone()))]);
    };
    let mut all = vec![(pair.name.clone(), Value::Text(decoded(first)?))];
    all.extend(pairs(rest)?.0.into_iter().map(|pair| (pair.name, Value::Text(pair.value))));
    Ok(all)
}

/// `R=100&G=200`: names of properties, not the name of the parameter.
fn exploded_object<'r>(
    parameter: &Parameter,
    names: &[&str],
    open: bool,
    from: &mut Pairs<'r>,
) -> Result<Option<Value<'r>>, Fault> {
    let mut members: Vec<(Cow<'r, str>, Value<'r>)> = Vec::new();
    for pair in &mut from.0 {
        let is_other = open && !pair.taken && !pair.is_cache_buster();
        if !is_other && !names.contains(&&*pair.name) {
            continue;
        }
        pair.taken = true;
        let found = match parameter.place {
            Place::Cookie => in_cookie(pair)?,
            _ => vec![(pair.name.clone(), Value::Text(pair.value.clone()))],
        };
        for (name, value) in found {
            match members.iter_mut().find(|(known, _)| *known == name) {
                None => add(&mut members, name, value)?,
                Some((_, Value::Array(values))) => values.push(value),
                Some((_, first)) => {
                    let before = std::mem::replace(first, Value::Null);
                    *first = Value::Array(vec![before, value]);
                }
            }
        }
    }
    Ok((!members.is_empty()).then_some(Value::Object(members)))
}

/// A header parameter; nothing when it is absent. Header fields are not percent-encoded.
///
/// # Errors
/// When it is given too often, is no text, or is not spelt in its style.
pub fn header<'r>(parameter: &Parameter, headers: &'r HeaderMap, texts: &'r Texts) -> Result<Option<Value<'r>>, Fault> {
    let parameter = &if parameter.or_single { parameter.any() } else { *parameter };
    let mut lines = headers.get_all(parameter.name).iter();
    let Some(first) = lines.next() else { return Ok(None) };
    let text = |line: &'r http::HeaderValue| std::str::from_utf8(line.as_bytes()).map_err(|_| Fault::NOT_UTF8);
    let mut text_of_all = Cow::Borrowed(text(first)?);
    let is_list = matches!(parameter.shape, Shape::Array | Shape::Object { .. }) || LISTS.contains(&parameter.name);
    for line in lines {
        if !is_list {
            return Err(Fault::DUPLICATE);
        }
        let all = text_of_all.to_mut();
        all.push_str(", ");
        all.push_str(text(line)?);
    }
    match parameter.shape {
        Shape::Scalar | Shape::Any => return Ok(Some(Value::Text(text_of_all))),
        Shape::Json => return json(text_of_all, texts).map(Some),
        _ => (),
    }
    let whole = match text_of_all {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => texts.keep(text),
    };
    // White space around the items of a list is none of theirs (RFC 9110, 5.6.1).
    single(parameter, whole, |text| Ok(Cow::Borrowed(text.trim_matches([' ', '\t']))), texts).map(Some)
}
