// Whether generated calls enforce every keyword of a schema; what they do not is left to the interpreter of JSON Schema.
import { isAnnotation, isObject } from './document.mjs';
import { isNullableReference, listed } from './kinds.mjs';

const LIMITS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const KEYWORDS = {
  string: ['minLength', 'maxLength', 'pattern', 'format', 'enum', 'const'],
  integer: [...LIMITS, 'format'],
  number: [...LIMITS, 'format'],
  boolean: [],
  array: ['items', 'minItems', 'maxItems', 'uniqueItems'],
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
};
/** Formats with a type of their own in Rust. */
export const TYPED = { 'date-time': 'chrono::DateTime<chrono::Utc>', date: 'chrono::NaiveDate', uuid: 'uuid::Uuid' };
const INTEGERS = ['int32', 'int64'];
const MOST_STEP_DIGITS = 18;

const isCount = (value) => value === undefined || (Number.isSafeInteger(value) && value >= 0);

export function isNative(document, node, kind) {
  const types = [node.type ?? []].flat().filter((type) => type !== 'null');
  if (types.length !== 1 || types[0] !== kind) return false;
  if (isNullableReference(document, node)) return true;
  const known = KEYWORDS[kind];
  const unknown = Object.keys(node).find((key) => !known.includes(key) && !isAnnotation(key) && !['type', 'nullable'].includes(key));
  if (unknown !== undefined) return false;
  return CHECKS[kind](node, document);
}

const CHECKS = {
  boolean: () => true,
  string(node, document) {
    const values = listed(document, node);
    const others = ['minLength', 'maxLength', 'pattern', 'format'].filter((key) => key in node);
    if (values) return others.length === 0;
    if (node.format in TYPED || (document.isOurs && node['x-assume-utc'])) return others.length === 1;
    return isCount(node.minLength) && isCount(node.maxLength);
  },
  integer: (node) => (node.format === undefined || INTEGERS.includes(node.format)) && areLimits(node),
  number: (node) => (node.format === undefined || ['float', 'double'].includes(node.format)) && areLimits(node),
  array: (node) => isCount(node.minItems) && isCount(node.maxItems),
  object(node) {
    const { properties = {}, required = [], additionalProperties: others } = node;
    return isCount(node.minProperties) && isCount(node.maxProperties) && required.every((name) => Object.hasOwn(properties, name))
      && !(Object.keys(properties).length && isObject(others) && Object.keys(others).length);
  },
};

const areLimits = (node) => node.multipleOf === undefined || digitsOf(node.multipleOf) <= MOST_STEP_DIGITS;
const digitsOf = (number) => String(number?.rawJSON ?? number).replace(/e.*$/i, '').replace(/\D|^0+/g, '').length;
