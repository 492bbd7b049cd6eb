//! `style: deepObject`: `color[R]=100&color[G]=200`. OpenAPI defines one level with scalars; deeper ones and arrays are read as they are
//! commonly written: `a[b][c]=1`, `a[b][]=1`, `a[b][0]=1`.

use std::borrow::Cow;

use validation::Value;

use crate::fault::Fault;
use crate::pairs::Pairs;
use crate::parameter::{Parameter, Shape};

/// More brackets than this are rejected.
const MAX_DEPTH: usize = 8;

/// A value that is being put together.
enum Node<'r> {
    Text(Cow<'r, str>),
    Tree(Vec<(String, Node<'r>)>),
}

pub(crate) fn deep_object<'r>(parameter: &Parameter, pairs: &mut Pairs<'r>) -> Result<Option<Value<'r>>, Fault> {
    let mut root = Vec::new();
    for pair in &mut pairs.0 {
        let Some(keys) = pair.name.strip_prefix(parameter.name).and_then(keys) else { continue };
        pair.taken = true;
        if keys.len() > MAX_DEPTH {
            return Err(Fault::TOO_DEEP);
        }
        insert(&mut root, &keys, pair.value.clone())?;
    }
    let is_array = matches!(parameter.shape, Shape::Array)
        || ((parameter.or_single || matches!(parameter.shape, Shape::Any)) && is_list(&root));
    Ok((!root.is_empty()).then(|| if is_array { array(root) } else { object(root) }))
}

/// The names in brackets; nothing where the rest of a name is no brackets.
fn keys(rest: &str) -> Option<Vec<&str>> {
    let inner = rest.strip_prefix('[')?.strip_suffix(']')?;
    let keys: Vec<&str> = inner.split("][").collect();
    keys.iter().all(|key| !key.contains(['[', ']'])).then_some(keys)
}

fn insert<'r>(tree: &mut Vec<(String, Node<'r>)>, keys: &[&str], value: Cow<'r, str>) -> Result<(), Fault> {
    let [key, deeper @ ..] = keys else { return Err(Fault::STYLE) };
    let known = tree.iter_mut().find(|(known, _)| known == key && !key.is_empty());
    match (known, deeper) {
        (None, []) => tree.push(((*key).to_owned(), Node::Text(value))),
        (None, _) => {
            let mut inner = Vec::new();
            insert(&mut inner, deeper, value)?;
            tree.push(((*key).to_owned(), Node::Tree(inner)));
        }
        (Some((_, Node::Tree(inner))), [_, ..]) => insert(inner, deeper, value)?,
        // Given again without an index: a list.
        (Some((_, Node::Tree(inner))), []) if is_list(inner) => inner.push((String::new(), Node::Text(value))),
        (Some((_, node @ Node::Text(_))), []) => {
            let first = std::mem::replace(node, Node::Tree(Vec::new()));
            *node = Node::Tree(vec![(String::new(), first), (String::new(), Node::Text(value))]);
        }
        _ => return Err(Fault::STYLE),
    }
    Ok(())
}

/// Whether every key is that of an array: none, or its index.
fn is_list(tree: &[(String, Node<'_>)]) -> bool {
    tree.iter().enumerate().all(|(index, (key, _))| key.is_empty() || key.parse() == Ok(index))
}

fn array<'r>(tree: Vec<(String, Node<'r>)>) -> Value<'r> {
    Value::Array(tree.into_iter().map(|(_, node)| finished(node)).collect())
}

fn object<'r>(tree: Vec<(String, Node<'r>)>) -> Value<'r> {
    let mut members: Vec<(Cow<'r, str>, Value<'r>)> = Vec::with_capacity(tree.len());
    for (name, node) in tree {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, Value::Array(values))) => values.push(finished(node)),
            Some((_, first)) => {
                let before = std::mem::replace(first, Value::Null);
                *first = Value::Array(vec![before, finished(node)]);
            }
            None => members.push((Cow::Owned(name), finished(node))),
        }
    }
    Value::Object(members)
}

fn finished(node: Node<'_>) -> Value<'_> {
    match node {
        Node::Text(text) => Value::Text(text),
        Node::Tree(tree) if is_list(&tree) => array(tree),
        Node::Tree(tree) => object(tree),
    }
}
