// Which kinds of JSON values a schema lets through, as far as can be told without a value.
import { child, isObject } from './document.mjs';
import { isRaw } from './exact.mjs';

export const KINDS = ['null', 'boolean', 'object', 'array', 'string', 'integer', 'number'];
const kindOf = (value) => (value === null ? 'null' : isRaw(value) ? (/^-?\d+$/.test(value.rawJSON) ? 'integer' : 'number') : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value);
const widen = (kinds) => (kinds.has('number') ? new Set([...kinds, 'integer']) : kinds);
const both = (one, other) => new Set([...one].filter((kind) => other.has(kind)));

/** The values that a node lists by `enum` or `const`; nothing when it lists none. */
export function listed(document, node) {
  if (!document.is30 && 'const' in node) return [node.const];
  return Array.isArray(node.enum) ? node.enum : undefined;
}

/** `nullable: true` beside a reference, as ours are written: the reference's own type does not count against null. */
export const isNullableReference = (document, node) => document.isOurs && node.nullable === true && node.allOf?.length === 1 && '$ref' in node.allOf[0];

/** The kinds of a place: a set; every kind when the schema says nothing, or refers to itself. */
export function kindsOf(document, place, open = new Set()) {
  if (place.node === false) return new Set();
  const node = document.schema(place);
  if (open.has(node)) return new Set(KINDS);
  const within = new Set(open).add(node);
  let kinds = new Set(KINDS);
  if (node.type !== undefined) {
    const types = [node.type].flat();
    kinds = both(kinds, widen(new Set(document.is30 && node.nullable === true ? [...types, 'null'] : types)));
  }
  const values = listed(document, node);
  if (values) kinds = both(kinds, new Set(values.map(kindOf)));
  if (typeof node.$ref === 'string') kinds = both(kinds, kindsOf(document, document.target(node.$ref), within));
  if (!isNullableReference(document, node)) {
    for (const index of (node.allOf ?? []).keys()) kinds = both(kinds, kindsOf(document, child(place, 'allOf', index), within));
  }
  for (const union of ['oneOf', 'anyOf']) {
    if (!Array.isArray(node[union]) || !node[union].length) continue;
    kinds = both(kinds, new Set(node[union].flatMap((_, index) => [...kindsOf(document, child(place, union, index), within)])));
  }
  // A double negation is common: `not: {type: null}`.
  if (isObject(node.not) && Object.keys(node.not).every((key) => key === 'type')) {
    for (const type of [node.not.type ?? KINDS].flat()) widen(new Set([type])).forEach((kind) => kinds.delete(kind));
  }
  return kinds;
}
