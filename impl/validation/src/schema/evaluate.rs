//! Holds a value against a schema.
//!
//! Whether it is valid is found out first, in one walk that stops at the first violation; only for an invalid value a second walk
//! reports, which goes only where violations are. Recursive schemas could make either take exponential time, so the verdicts on
//! what references lead to are kept while something may ask for them again: the first walk takes at most schemas times values, and
//! the second reports each schema once a value.

use std::collections::{HashMap, HashSet};

use super::keywords;
use super::model::{Compiled, Direction, Id, Schema, Types};
use crate::decoder::{Decoder, MAX_ERRORS, Step};
use crate::field_error::Place;
use values::Number;
use values::Value;

/// One step is one schema held against one value. A body of 16 MiB has about 8 million values.
const MAX_STEPS: u64 = 100_000_000;
/// How many schemas may be entered one within the other; a level of a value takes two or three.
const MAX_DEPTH: usize = 1_000;
/// So many verdicts are kept: some 50 MB.
const MAX_VERDICTS: usize = 1 << 20;

/// Whether a value is valid; if not, `at` has learnt why.
pub(super) fn check(
    schemas: &Compiled,
    schema: Id,
    value: &Value<'_>,
    direction: Direction,
    at: Option<&mut Decoder>,
) -> bool {
    let mut check = Check {
        schemas,
        direction,
        entry: schema,
        depth: 0,
        steps: 0,
        exhausted: false,
        in_list: false,
        scope: 0,
        scopes: vec![Vec::new()],
        branching: 0,
        reporting: false,
        verdicts: HashMap::new(),
        reported: HashSet::new(),
        open: HashSet::new(),
    };
    if check.enter(schema, value, None) && !check.exhausted {
        return true;
    }
    let Some(at) = at else { return false };
    let before = at.errors.len();
    if !check.exhausted {
        check.steps = 0;
        check.reporting = true;
        // What is within something invalid is asked for again, level by level.
        check.branching = 1;
        check.enter(schema, value, Some(at));
    }
    if check.exhausted {
        at.errors.truncate(before);
        at.refuse::<()>("too_complex", "Is too deep or takes too long to validate.");
    } else if at.errors.len() == before {
        at.refuse::<()>("no_match", "Must match the API specification.");
    }
    // Several schemas may say the same of one place.
    let mut found = at.errors.split_off(before);
    for error in found.drain(..) {
        if !at.errors[before..].contains(&error) {
            at.errors.push(error);
        }
    }
    false
}

/// What a text may mean.
pub(super) fn readings(text: &str, in_list: bool) -> impl Iterator<Item = Value<'_>> {
    let number = Number::parse(text).map(Value::Number);
    let boolean = matches!(text, "true" | "false").then_some(Value::Bool(text == "true"));
    let list = (!in_list).then(|| Value::Array(vec![Value::Text(text.into())]));
    let string = Some(Value::String(text.into()));
    [number, boolean, list, string].into_iter().flatten()
}

/// Which properties or items of a value some keyword has evaluated, for `unevaluatedProperties` and `unevaluatedItems`.
pub(super) type Marks = Vec<bool>;

/// One validation.
pub(super) struct Check<'s> {
    pub schemas: &'s Compiled,
    pub direction: Direction,
    /// The schema by which the place in the value was entered.
    pub entry: Id,
    depth: usize,
    steps: u64,
    /// Then there is no verdict, whatever the functions here yield.
    exhausted: bool,
    /// Whether a text is taken as the item of a list, so that it is not taken as a list again.
    in_list: bool,
    /// The dynamic scope by its number, for `$dynamicRef`.
    pub scope: usize,
    /// The dynamic scopes there were: the schema that each name means.
    pub scopes: Vec<Vec<(usize, Id)>>,
    /// How many schemas are entered from which several ways lead into the value. Without one, nothing is asked twice.
    branching: usize,
    /// The second walk.
    reporting: bool,
    verdicts: HashMap<Key, bool>,
    reported: HashSet<Key>,
    /// What is being held against a schema that comes back to it.
    open: HashSet<(usize, Id)>,
}

/// A value (by its address, which stays while it is borrowed), a schema, the schema by which the value was entered, the scope.
type Key = (usize, Id, Id, usize);

impl<'s> Check<'s> {
    /// Goes to a place in the value. `at` wants a report of what is wrong.
    pub fn enter(&mut self, id: Id, value: &Value<'_>, at: Option<&mut Decoder>) -> bool {
        let before = std::mem::replace(&mut self.entry, id);
        let valid = match value {
            Value::Text(text) => self.read(id, text, at),
            _ => self.apply(id, value, None, at),
        };
        self.entry = before;
        valid
    }

    /// As [`Check::enter`], one step down, reporting only what is wrong there.
    pub fn child(&mut self, id: Id, value: &Value<'_>, step: impl FnOnce() -> Step, at: Option<&mut Decoder>) -> bool {
        if self.enter(id, value, None) {
            return true;
        }
        if let Some(at) = at {
            at.within(step(), |at| self.enter(id, value, Some(at)));
        }
        false
    }

    /// Text has no type of its own: it is valid if it is in any reading.
    fn read(&mut self, id: Id, text: &str, at: Option<&mut Decoder>) -> bool {
        let readings: Vec<_> = readings(text, self.in_list).collect();
        if readings.iter().any(|reading| self.aside(|check| check.apply(id, reading, None, None))) {
            return true;
        }
        let admitted = self.schemas.schemas[id].admits;
        let meant = readings.iter().find(|reading| admitted.meets(Types::of(reading))).or(readings.last());
        if let (Some(at), Some(meant)) = (at, meant) {
            self.aside(|check| check.apply(id, meant, None, Some(at)));
        }
        false
    }

    /// For a value that exists only meanwhile: its address is soon that of another one.
    pub fn aside<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let kept = (std::mem::take(&mut self.verdicts), std::mem::take(&mut self.reported));
        let in_list = std::mem::replace(&mut self.in_list, true);
        let result = run(self);
        self.in_list = in_list;
        (self.verdicts, self.reported) = kept;
        result
    }

    /// Holds a value against one more schema. `marks` wants to know what that evaluates.
    pub fn apply(&mut self, id: Id, value: &Value<'_>, marks: Option<&mut Marks>, at: Option<&mut Decoder>) -> bool {
        self.steps += 1;
        self.exhausted |= self.steps > MAX_STEPS || self.depth > MAX_DEPTH;
        let full = at.as_ref().is_some_and(|at| at.errors.len() >= MAX_ERRORS);
        if self.exhausted || full {
            return false;
        }
        let schema = &self.schemas.schemas[id];
        let outside = self.scope;
        if !self.schemas.dynamic.is_empty() {
            self.scope = self.scope_in(schema.resource);
        }
        let valid = self.once(id, schema, value, marks, at);
        self.scope = outside;
        valid
    }

    /// [`Check::apply`] by verdicts that are known.
    fn once(
        &mut self,
        id: Id,
        schema: &'s Schema,
        value: &Value<'_>,
        marks: Option<&mut Marks>,
        at: Option<&mut Decoder>,
    ) -> bool {
        let key = (std::ptr::from_ref(value).addr(), id, self.entry, self.scope);
        let deep = matches!(value, Value::Object(_) | Value::Array(_) | Value::Repeated(_));
        let keep = schema.shared || (self.reporting && deep);
        if keep && at.is_some() && !self.reported.insert(key) {
            return self.once(id, schema, value, marks, None);
        }
        // Whatever is within such a circle depends on what surrounds it.
        let circle = (key.0, id);
        if schema.circular && !self.open.insert(circle) {
            return true;
        }
        let verdict = keep && self.open.is_empty() && self.branching > 0 && at.is_none() && marks.is_none();
        if verdict && let Some(valid) = self.verdicts.get(&key) {
            return *valid;
        }
        self.depth += 1;
        self.branching += usize::from(schema.branches);
        let valid = self.keywords(schema, value, marks, at);
        self.depth -= 1;
        self.branching -= usize::from(schema.branches);
        if schema.circular {
            self.open.remove(&circle);
        }
        if self.branching == 0 || self.verdicts.len() >= MAX_VERDICTS {
            self.verdicts.clear();
        }
        if verdict && !self.exhausted {
            self.verdicts.insert(key, valid);
        }
        valid
    }

    /// As [`Check::apply`] without a report; what it evaluates counts only if the value is valid.
    pub fn tries(&mut self, id: Id, value: &Value<'_>, marks: Option<&mut Marks>) -> bool {
        let Some(marks) = marks else { return self.apply(id, value, None, None) };
        let mut own = vec![false; marks.len()];
        let valid = self.apply(id, value, Some(&mut own), None);
        if valid {
            marks.iter_mut().zip(own).for_each(|(mark, own)| *mark |= own);
        }
        valid
    }

    fn keywords(
        &mut self,
        schema: &'s Schema,
        value: &Value<'_>,
        outer: Option<&mut Marks>,
        mut at: Option<&mut Decoder>,
    ) -> bool {
        if schema.null && matches!(value, Value::Null) {
            return true;
        }
        let mut nowhere = Decoder::new(Place::Body);
        if !keywords::keeps(schema, value, at.as_deref_mut().unwrap_or(&mut nowhere)) {
            return false;
        }
        let size = match value {
            Value::Object(members) if outer.is_some() || schema.unevaluated_properties.is_some() => Some(members.len()),
            Value::Array(items) | Value::Repeated(items) if outer.is_some() || schema.unevaluated_items.is_some() => {
                Some(items.len())
            }
            _ => None,
        };
        let mut marks = size.map(|size| vec![false; size]);
        let valid = self.in_place(schema, value, marks.as_mut(), at.as_deref_mut());
        if !valid && at.is_none() {
            return false;
        }
        let valid = match value {
            Value::Object(members) => self.object(schema, members, value, marks.as_mut(), at.as_deref_mut()),
            Value::Array(items) | Value::Repeated(items) => {
                self.array(schema, items, marks.as_mut(), at.as_deref_mut())
            }
            _ => true,
        } && valid;
        // Without the marks of what is invalid, all would seem unevaluated.
        let valid = valid && marks.as_mut().is_none_or(|marks| self.unevaluated(schema, value, marks, at));
        if let (Some(outer), Some(marks)) = (outer, marks) {
            outer.iter_mut().zip(marks).for_each(|(outer, mark)| *outer |= mark);
        }
        valid
    }

    /// The dynamic scope within a resource: a name means what the outermost resource says that has it.
    fn scope_in(&mut self, resource: usize) -> usize {
        let outer = &self.scopes[self.scope];
        let anchors = self.schemas.dynamic.get(&resource).into_iter().flatten();
        let new: Vec<_> = anchors.filter(|(name, _)| outer.iter().all(|(known, _)| known != name)).copied().collect();
        if new.is_empty() {
            return self.scope;
        }
        let mut inner = [&outer[..], &new].concat();
        inner.sort_unstable();
        self.scopes.iter().position(|known| *known == inner).unwrap_or_else(|| {
            self.scopes.push(inner);
            self.scopes.len() - 1
        })
    }
}
