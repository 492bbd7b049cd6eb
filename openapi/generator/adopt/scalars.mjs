// Strings, numbers and booleans: formats, limits, defaults, examples.
import { fits } from './examples.mjs';
import { acceptedPattern, sampleOf } from './patterns.mjs';
import { described } from './prose.mjs';

const MAX_LENGTH = { body: 10_000, parameter: 255, value: 100 };
const SAFE = Number.MAX_SAFE_INTEGER;
const INTS = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535], int32: [-2147483648, 2147483647], uint32: [0, 4294967295], uint64: [0, SAFE], uint: [0, SAFE] };
const PARSED = ['date-time', 'date', 'uuid', 'ipv4', 'ipv6'];
const TEXTS = [...PARSED, 'email', 'uri', 'hostname', 'byte', 'password'];

/** A scalar in the new document, or nothing after a rejection. */
export function scalar(schema, type, at, schemas) {
  const made = { type, ...described(schema), ...(schema.nullable && at.use !== 'parameter' && { nullable: true }) };
  const done = { string: text, integer: whole, number: fraction, boolean: truth }[type](made, schema, at, schemas);
  if (!done) return undefined;
  if (made.minimum > made.maximum || made.minLength > made.maxLength) {
    return void schemas.report.refuse(at.pointer, 'limits that nothing fits', 'the lower one is above the upper one', 'Mend the document');
  }
  const fallback = schema.default;
  if (fallback !== undefined && fallback !== null && !at.isRequired && ['property', 'parameter'].includes(at.use)) {
    const given = type === 'string' && typeof fallback !== 'string' ? String(fallback) : fallback;
    if (fits(given, made, {})) made.default = given;
    else schemas.report.note(at.pointer, 'Defaults that do not fit their schema are left out');
  }
  const [example] = [schema.example, ...[schema.examples ?? []].flat()].filter((one) => one !== undefined && one !== null);
  if (example !== undefined && fits(example, made, {})) made.example = example;
  else if (made.pattern) {
    const sample = sampleOf(made.pattern, made.minLength, made.maxLength);
    if (sample !== undefined) made.example = sample;
  }
  return made;
}

function truth(made, schema, at, schemas) {
  return !schema.enum || schema.enum.length > 1 || schemas.lost(at, 'a boolean of one value', 'booleans are true or false');
}

function text(made, schema, at, schemas) {
  const { report } = schemas;
  const format = schema.contentEncoding === 'base64' ? 'byte' : schema.format;
  if (schema.enum) return schemas.lost(at, 'an `enum` of mixed values', 'enums are of strings');
  if (format === 'binary' && at.use === 'answer' && at.isBinary) return Object.assign(made, { format });
  if (TEXTS.includes(format)) made.format = format;
  else if (format !== undefined) report.note(at.pointer, `\`format: ${format}\` is not checked`);
  if (PARSED.includes(made.format)) return true;
  if (schema.maxLength === 0 && !schemas.lost(at, '`maxLength: 0`', 'a limit is at least 1')) return false;
  if (schema.minLength) made.minLength = schema.minLength;
  const most = MAX_LENGTH[at.isValue ? 'value' : at.use === 'parameter' ? 'parameter' : 'body'];
  if (schema.maxLength > 0) made.maxLength = schema.maxLength;
  else if (at.isSent || at.use === 'parameter') {
    made.maxLength = Math.max(most, schema.minLength ?? 0);
    report.note(at.pointer, `Texts without \`maxLength\` have up to ${MAX_LENGTH.body} characters, ${MAX_LENGTH.parameter} in parameters, ${MAX_LENGTH.value} in lists there`);
  }
  if (schema.pattern === undefined) return true;
  const { pattern, fault } = acceptedPattern(String(schema.pattern));
  if (fault) return schemas.lost(at, `\`pattern: ${schema.pattern}\``, fault);
  if (pattern !== schema.pattern) report.note(at.pointer, 'Patterns are written in the form that all engines read alike');
  made.pattern = pattern;
  return true;
}

function limits(made, schema, low, high) {
  const bound = (value, fallback) => (typeof value === 'number' && Number.isFinite(value) ? value : fallback);
  made.minimum = bound(schema.minimum, low);
  made.maximum = bound(schema.maximum, high);
  if (schema.exclusiveMinimum === true && typeof schema.minimum === 'number') made.exclusiveMinimum = true;
  if (schema.exclusiveMaximum === true && typeof schema.maximum === 'number') made.exclusiveMaximum = true;
}

function whole(made, schema, at, schemas) {
  const [low, high] = INTS[schema.format] ?? [-SAFE, SAFE];
  made.format = ['int32', 'int16', 'int8', 'uint8', 'uint16'].includes(schema.format) && !(Math.abs(schema.maximum) > 2147483647) ? 'int32' : 'int64';
  const isBounded = at.isSent || at.use === 'parameter' || ['minimum', 'maximum', 'enum'].some((key) => key in schema) || schema.format in INTS;
  if (isBounded) {
    limits(made, schema, low, high);
    if (at.isSent && !schema.enum && (schema.minimum === undefined || schema.maximum === undefined)) {
      schemas.report.note(at.pointer, 'Numbers without `minimum` or `maximum` are held to what their format and JavaScript can hold');
    }
    made.minimum = Math.max(Math.ceil(made.minimum), made.format === 'int32' ? -2147483648 : -SAFE);
    made.maximum = Math.min(Math.floor(made.maximum), made.format === 'int32' ? 2147483647 : SAFE);
  }
  if (Number.isInteger(schema.multipleOf) && schema.multipleOf > 0) made.multipleOf = schema.multipleOf;
  else if (schema.multipleOf !== undefined && !schemas.lost(at, `\`multipleOf: ${schema.multipleOf}\` of an integer`, 'it is no positive integer')) return false;
  return !schema.enum || choices(made, schema, at, schemas);
}

// Numbers in equal steps are a range; others are not supported.
function choices(made, schema, at, schemas) {
  const values = [...new Set(schema.enum)].sort((one, other) => one - other);
  const [first, second] = values;
  const step = second === undefined ? 1 : second - first;
  const isRange = values.every(Number.isInteger) && values.every((value, at) => value === first + at * step) && (step === 1 || first % step === 0);
  if (!isRange) return schemas.lost(at, `an \`enum\` of numbers (${values.join(', ')})`, 'enums are of strings; numbers have a range');
  Object.assign(made, { minimum: first, maximum: values[values.length - 1], ...(step > 1 && { multipleOf: step }) });
  return true;
}

function fraction(made, schema, at, schemas) {
  made.format = schema.format === 'float' ? 'float' : 'double';
  if (at.isSent || at.use === 'parameter' || 'minimum' in schema || 'maximum' in schema) {
    limits(made, schema, -SAFE, SAFE);
    if (at.isSent && !schema.enum && (schema.minimum === undefined || schema.maximum === undefined)) {
      schemas.report.note(at.pointer, 'Numbers without `minimum` or `maximum` are held to what their format and JavaScript can hold');
    }
  }
  if (schema.multipleOf > 0) made.multipleOf = schema.multipleOf;
  return !schema.enum || schemas.lost(at, `an \`enum\` of numbers (${schema.enum.join(', ')})`, 'enums are of strings; numbers have a range');
}
