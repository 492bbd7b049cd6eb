//! Values that satisfy a schema: as far as simple samples get, and with doubts where they may not.

use serde_json::{Map, Value, json};

use super::text;

/// Deeper than it, lists are empty.
const DEEPEST: usize = 12;
/// Of these a sample satisfies what it satisfies by chance.
const DOUBTFUL: [&str; 10] = [
    "not",
    "if",
    "dependentRequired",
    "dependentSchemas",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "patternProperties",
    "$dynamicRef",
];

/// Makes values of a document's schemas.
pub(super) struct Sampler<'d, 'o> {
    pub(super) document: &'d Value,
    /// Which of several values or branches.
    pub(super) attempt: usize,
    /// Why a value may not be valid.
    pub(super) doubts: &'o mut Vec<String>,
}

impl Sampler<'_, '_> {
    /// A value of a request; with another number another one, if there are several.
    pub(super) fn value(&mut self, schema: &Value, number: usize, depth: usize) -> Value {
        let schema = self.merged(schema, depth);
        if schema == false {
            self.doubt("a schema that nothing satisfies");
        }
        for keyword in DOUBTFUL.iter().filter(|keyword| !schema[**keyword].is_null()) {
            self.doubt(keyword);
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema["enum"].as_array().filter(|values| !values.is_empty()) {
            let fits: Vec<&Value> = values.iter().filter(|value| !value.is_null()).collect();
            return fits.get((number + self.attempt) % fits.len().max(1)).map_or(Value::Null, |value| (*value).clone());
        }
        match type_of(&schema) {
            "string" => self.text(&schema, number),
            "integer" | "number" => amount(&schema, number),
            "boolean" => ((number + self.attempt).is_multiple_of(2)).into(),
            "null" => Value::Null,
            "array" => self.array(&schema, depth),
            _ => self.object(&schema, depth).into(),
        }
    }

    fn doubt(&mut self, what: &str) {
        self.doubts.push(what.to_owned());
    }

    fn text(&mut self, schema: &Value, number: usize) -> Value {
        let example = [&schema["example"], &schema["examples"][0]].into_iter().find(|one| one.is_string());
        if let Some(example) = example.filter(|_| number == 0 && self.attempt.is_multiple_of(2)) {
            self.doubt("an example");
            return example.clone();
        }
        let (text, doubt) = text::of(schema, number);
        self.doubts.extend(doubt.map(str::to_owned));
        text.into()
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let least = count(&schema["minItems"]).max(usize::from(depth == 0));
        let least = if depth > DEEPEST { count(&schema["minItems"]).min(1) } else { least };
        let least = schema["maxItems"].as_u64().map_or(least, |most| least.min(usize::try_from(most).unwrap_or(least)));
        let prefix = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
        (0..least).map(|at| self.value(prefix.get(at).unwrap_or(&schema["items"]), at, depth + 1)).collect()
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Map<String, Value> {
        let mut made = Map::new();
        let is_answered = |sampler: &Self, name: &str| {
            super::references::resolve(sampler.document, &schema["properties"][name])["readOnly"] == true
        };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for name in required {
            if !is_answered(self, name) {
                let value = self.value(member(schema, name), 0, depth + 1);
                made.insert(name.to_owned(), value);
            }
        }
        let least = count(&schema["minProperties"]);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if made.len() < least && !made.contains_key(name) && !is_answered(self, name) {
                let value = self.value(property, 0, depth + 1);
                made.insert(name.clone(), value);
            }
        }
        while made.len() < least && depth <= DEEPEST {
            let value = self.value(&schema["additionalProperties"], 0, depth + 1);
            made.insert(format!("member{}", made.len()), value);
        }
        made
    }

    /// The schema with what it refers to, all of its parts, and one of its branches.
    fn merged(&mut self, schema: &Value, depth: usize) -> Value {
        let Value::Object(own) = schema else { return schema.clone() };
        if depth > DEEPEST * 3 {
            self.doubt("recursion");
            return json!({"type": "null"});
        }
        let mut made = own.clone();
        let mut parts = Vec::new();
        if let Some(Value::String(reference)) = made.remove("$ref") {
            match super::references::target(self.document, &reference) {
                Some(target) => parts.push(target.clone()),
                None => self.doubt("a reference"),
            }
        }
        if let Some(Value::Array(all)) = made.remove("allOf") {
            parts.extend(all);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(Value::Array(branches)) = made.remove(keyword) {
                let fits: Vec<Value> = branches.into_iter().filter(|one| one["type"] != "null").collect();
                // One that is simple may be another one's, too.
                self.doubt(keyword);
                if let Some(branch) = fits.get(self.attempt % fits.len().max(1)) {
                    parts.extend(made.get("discriminator").and_then(|one| told_apart(one, branch)));
                    parts.push(branch.clone());
                }
            }
        }
        for part in parts {
            let part = self.merged(&part, depth + 1);
            match part {
                Value::Object(part) => {
                    if exclude(&made, &part) {
                        self.doubt("types that exclude each other");
                    }
                    merge(&mut made, part);
                }
                Value::Bool(false) => return false.into(),
                _ => (),
            }
        }
        made.into()
    }
}

/// The property that tells a branch from others.
fn told_apart(discriminator: &Value, branch: &Value) -> Option<Value> {
    let (name, reference) = (discriminator["propertyName"].as_str()?, branch["$ref"].as_str()?);
    let mapped = discriminator["mapping"].as_object().into_iter().flatten();
    let short = reference.rsplit('/').next().unwrap_or_default();
    let value = mapped.filter(|(_, to)| *to == reference || *to == short).map(|(value, _)| value.as_str()).next();
    Some(json!({"required": [name], "properties": {name: {"const": value.unwrap_or(short)}}}))
}

/// Whether no value has the types of both.
fn exclude(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let kind = |of: &Map<String, Value>| match of.get("type").and_then(Value::as_str) {
        Some("integer") => Some("number".to_owned()),
        kind => kind.map(str::to_owned),
    };
    matches!((kind(one), kind(other)), (Some(one), Some(other)) if one != other)
}

/// Both have to hold.
fn merge(made: &mut Map<String, Value>, part: Map<String, Value>) {
    for (key, value) in part {
        match (key.as_str(), made.get_mut(&key)) {
            (_, None) => drop(made.insert(key, value)),
            ("required", Some(Value::Array(known))) => known.extend(value.as_array().into_iter().flatten().cloned()),
            ("properties", Some(Value::Object(known))) => {
                for (name, property) in value.as_object().into_iter().flatten() {
                    let both = known
                        .remove(name)
                        .map_or_else(|| property.clone(), |other| json!({"allOf": [other, property]}));
                    known.insert(name.clone(), both);
                }
            }
            ("minimum" | "minLength" | "minItems" | "minProperties" | "exclusiveMinimum", Some(known))
                if value.as_f64() > known.as_f64() =>
            {
                *known = value;
            }
            ("maximum" | "maxLength" | "maxItems" | "maxProperties" | "exclusiveMaximum", Some(known))
                if value.as_f64() < known.as_f64() =>
            {
                *known = value;
            }
            ("type", Some(known)) if value.is_string() => *known = value,
            _ => (),
        }
    }
}

fn member<'s>(schema: &'s Value, name: &str) -> &'s Value {
    schema["properties"].get(name).unwrap_or(&schema["additionalProperties"])
}

fn count(value: &Value) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    value.as_f64().map_or(0, |value| value.clamp(0.0, 100_000.0) as usize)
}

/// Its type, or that of its keywords.
fn type_of(schema: &Value) -> &str {
    let listed = schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str).find(|one| *one != "null");
    if let Some(said) = schema["type"].as_str().or(listed) {
        return said;
    }
    let has = |names: &[&str]| names.iter().any(|name| !schema[*name].is_null());
    if has(&["properties", "required", "minProperties", "additionalProperties"]) {
        "object"
    } else if has(&["items", "minItems", "prefixItems"]) {
        "array"
    } else if has(&["minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"]) {
        "number"
    } else {
        "string"
    }
}

fn amount(schema: &Value, number: usize) -> Value {
    let step = schema["multipleOf"].as_f64().filter(|step| *step > 0.0).unwrap_or(1.0);
    let limit =
        |name: &str, exclusive: &str| (schema[name].as_f64(), schema[exclusive].as_f64(), schema[exclusive] == true);
    let (low, above, is_above) = limit("minimum", "exclusiveMinimum");
    let (high, below, is_below) = limit("maximum", "exclusiveMaximum");
    let fits = |value: f64| {
        low.is_none_or(|low| if is_above { value > low } else { value >= low })
            && above.is_none_or(|above| value > above)
            && high.is_none_or(|high| if is_below { value < high } else { value <= high })
            && below.is_none_or(|below| value < below)
    };
    let from = low.into_iter().chain(above).fold(f64::MIN, f64::max);
    let from = if from < 0.0 && fits(0.0) { 0.0 } else { (from.max(-1e15) / step).ceil() };
    #[allow(clippy::cast_precision_loss, reason = "a few of them")]
    let mut candidates = [number as f64, number as f64 + 1.0].into_iter().map(|more| (from + more) * step);
    let middle = f64::midpoint(low.or(above).unwrap_or(0.0), high.or(below).unwrap_or(1.0));
    let value = candidates.find(|value| fits(*value)).unwrap_or(if fits(from * step) { from * step } else { middle });
    #[allow(clippy::cast_possible_truncation, reason = "an integer is asked for")]
    if type_of(schema) == "integer" || value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_needs_no_discriminator() {
        let (document, mut doubts) = (json!({}), Vec::new());
        let mut sampler = Sampler { document: &document, attempt: 0, doubts: &mut doubts };
        assert!(sampler.value(&json!({"oneOf": [{"type": "integer"}, {"type": "null"}]}), 0, 0).is_number());
    }

    #[test]
    fn what_nothing_satisfies_is_in_doubt() {
        let (document, mut doubts) = (json!({}), Vec::new());
        let mut sampler = Sampler { document: &document, attempt: 0, doubts: &mut doubts };
        sampler.value(&json!({"allOf": [{"type": "string"}, {"type": "integer"}]}), 0, 0);
        assert!(!doubts.is_empty());
    }
}
