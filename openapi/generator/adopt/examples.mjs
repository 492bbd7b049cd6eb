// Whether an example or a default is valid for its original schema: invalid ones would mislead readers, and tests that use them.
import { firstMatch } from './matching.mjs';

const FORMATS = {
  'date-time': /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-][0-2]\d:[0-5]\d)$/,
  date: /^\d{4}-[01]\d-[0-3]\d$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  ipv4: /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/,
  ipv6: /^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f]*$/i,
  email: /^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/,
  uri: /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$/,
  hostname: /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/,
  byte: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
};

/** References in an example would be resolved by tools, to a location that does not exist any more. */
export const hasReference = (value) => value !== null && typeof value === 'object' && ('$ref' in value || Object.values(value).some(hasReference));

export function fits(value, schema, components) {
  if (hasReference(value)) return false;
  const reference = schema.$ref ?? schema.allOf?.[0].$ref;
  if (value === null) return Boolean(schema.nullable) || (!schema.type && !reference);
  if (reference) return fits(value, components[reference.split('/').pop()] ?? {}, components);
  const check = { string: isText, integer: isNumber, number: isNumber, boolean: (one) => typeof one === 'boolean', array: isList, object: isObject }[schema.type];
  return !check || check(value, schema, components);
}

function isText(value, { enum: values, format, minLength = 0, maxLength = Infinity, pattern }) {
  if (typeof value !== 'string' || (values && !values.includes(value))) return false;
  const length = [...value].length;
  if (length < minLength || length > maxLength || (pattern && firstMatch(pattern, [value]) === undefined)) return false;
  return !FORMATS[format] || FORMATS[format].test(value);
}

function isNumber(value, { type, minimum = -Infinity, maximum = Infinity, exclusiveMinimum, exclusiveMaximum, multipleOf }) {
  if (typeof value !== 'number' || (type === 'integer' && !Number.isInteger(value))) return false;
  if (value < minimum || value > maximum || (exclusiveMinimum && value === minimum) || (exclusiveMaximum && value === maximum)) return false;
  return !multipleOf || Number.isInteger(value / multipleOf);
}

function isList(value, { items, minItems = 0, maxItems = Infinity, uniqueItems }, components) {
  if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) return false;
  if (uniqueItems && new Set(value.map((one) => JSON.stringify(one))).size < value.length) return false;
  return value.every((one) => fits(one, items, components));
}

function isObject(value, { properties = {}, required = [], additionalProperties, minProperties = 0, maxProperties = Infinity }, components) {
  if (typeof value !== 'object' || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  if (keys.length < minProperties || keys.length > maxProperties || required.some((key) => !(key in value))) return false;
  return keys.every((key) => (properties[key] ? fits(value[key], properties[key], components)
    : typeof additionalProperties === 'object' ? fits(value[key], additionalProperties, components) : additionalProperties !== false));
}
