//! What is known of schemas once all are read: which types each admits, and which of them hold a value by holding the same value.

use super::model::{Compiled, Id, Schema, Types};

/// More schemas than this may not hold the same value one through the other: each takes stack.
const MAX_HEIGHT: usize = 100;

/// # Errors
/// The pointer of a schema with too many others one in the other.
pub(super) fn finish(compiled: &mut Compiled) -> Result<(), String> {
    let mut visits = vec![Visit::None; compiled.schemas.len()];
    for id in 0..compiled.schemas.len() {
        visit(compiled, id, &mut visits, 0)?;
    }
    for id in 0..compiled.schemas.len() {
        compiled.schemas[id].branches = compiled.schemas[id].has_branches();
        for target in compiled.schemas[id].reference.into_iter().chain(dynamic_target(&compiled.schemas[id])) {
            compiled.schemas[target].shared = true;
        }
        // Text in lists is compared as numbers where only those are valid.
        let numbers = compiled.schemas[id].rest.map(|rest| compiled.schemas[rest].admits);
        compiled.schemas[id].items.numbers = numbers.is_some_and(|types| !types.meets(Types::STRING));
    }
    Ok(())
}

fn dynamic_target(schema: &Schema) -> Option<Id> {
    schema.dynamic_reference.as_ref().map(|(id, _)| *id)
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    None,
    Begun,
    /// With how many schemas are in place below.
    Done(usize),
}

/// Depth first, so that what is in place below is known.
fn visit(compiled: &mut Compiled, id: Id, visits: &mut [Visit], depth: usize) -> Result<usize, String> {
    match visits[id] {
        Visit::Done(height) => return Ok(height),
        // A union whose branches are made of the union, as some documents have it for inheritance.
        Visit::Begun => {
            compiled.schemas[id].circular = true;
            return Ok(0);
        }
        Visit::None => visits[id] = Visit::Begun,
    }
    let mut height = 0;
    // Before going deeper: the stack is finite here, too.
    let pointer = compiled.schemas[id].pointer.clone();
    let too_high = || format!("#{pointer}: has more than {MAX_HEIGHT} schemas one in the other");
    if depth > MAX_HEIGHT {
        return Err(too_high());
    }
    for below in compiled.schemas[id].in_place().collect::<Vec<_>>() {
        height = height.max(visit(compiled, below, visits, depth + 1)? + 1);
    }
    if height > MAX_HEIGHT {
        return Err(too_high());
    }
    visits[id] = Visit::Done(height);
    settle(compiled, id);
    Ok(height)
}

fn settle(compiled: &mut Compiled, id: Id) {
    let schema = &compiled.schemas[id];
    let admits = |id: &Id| compiled.schemas[*id].admits;
    let union = |ids: &[Id]| match ids {
        [] => Types::ALL,
        ids => ids.iter().map(admits).fold(Types::NONE, Types::or),
    };
    let listed = |choices: &Vec<_>| choices.iter().map(Types::of).fold(Types::NONE, Types::or);
    let each = schema.all.iter().chain(&schema.reference).map(admits);
    let mut types = if schema.never { Types::NONE } else { schema.types };
    types = schema.choices.iter().map(listed).fold(types, Types::and);
    types = each.fold(types, Types::and).and(union(&schema.any)).and(union(&schema.one));
    if schema.null {
        types = types.or(Types::NULL);
    }
    // What a reference, also one beside others, leads to is the same property.
    let same = schema.all.iter().chain(&schema.reference);
    let (read_only, write_only) = same.fold((schema.read_only, schema.write_only), |(read, write), id| {
        let below = &compiled.schemas[*id];
        (read || below.read_only, write || below.write_only)
    });
    let schema = &mut compiled.schemas[id];
    (schema.admits, schema.read_only, schema.write_only) = (types, read_only, write_only);
}
