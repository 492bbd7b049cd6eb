// Rules for schemas: the keywords and formats that the templates enforce, on named, closed, bounded types.
const { patternFault } = require('./patterns.js');

const ANY = ['type', 'nullable', 'description', 'example'];
const LIMITS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const KEYWORDS = {
  string: [...ANY, 'default', 'format', 'minLength', 'maxLength', 'pattern', 'enum'],
  integer: [...ANY, 'default', 'format', ...LIMITS],
  number: [...ANY, 'default', 'format', ...LIMITS],
  boolean: [...ANY, 'default'],
  array: [...ANY, 'items', 'minItems', 'maxItems', 'uniqueItems'],
  object: [...ANY, 'properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
};
// These become types of their own in Rust, which have no length or pattern.
const PARSED = ['date-time', 'date', 'uuid', 'ipv4', 'ipv6'];
const FORMATS = {
  string: [...PARSED, 'email', 'uri', 'hostname', 'byte', 'password', 'binary'],
  integer: ['int32', 'int64'],
  number: ['double', 'float'],
};
// Limits beyond this are rounded by every tool written in JavaScript on the way to the generator.
const SAFE = Number.MAX_SAFE_INTEGER;
const RANGES = { int32: [-2147483648, 2147483647], int64: [-SAFE, SAFE] };
const PAIRS = [['minimum', 'maximum'], ['minLength', 'maxLength'], ['minItems', 'maxItems'], ['minProperties', 'maxProperties']];
const TAKEN = ['Box', 'Err', 'None', 'Ok', 'Option', 'Result', 'Some', 'String', 'Vec', 'Self'];

const isNamed = (location) => /^#\/components\/schemas\/[^/]+$/.test(location.pointer);
const isMap = (schema) => typeof schema.additionalProperties === 'object' && !schema.properties;
const isCamel = (name) => /^[A-Z][A-Za-z0-9]*$/.test(name);
/** `{type, nullable: true, allOf: [a reference]}`: the only way to make a named object or enum nullable. */
const isNullableReference = (schema) => schema.nullable === true && schema.allOf?.length === 1 && '$ref' in schema.allOf[0];
// As the generators see it, which spell signs as words.
const SIGNS = { $: 'dollar', '@': 'at', '+': 'plus' };
const fieldOf = (name) => name.replace(/[$@+]/g, (sign) => SIGNS[sign]).toLowerCase().replace(/[^a-z0-9]/g, '');
const variantOf = (value) => value.toLowerCase().replace(/[^a-z0-9]/g, '');

function reporter(ctx) {
  return (key, message) => ctx.report({ message, location: key ? ctx.location.child([key]) : ctx.location.key() });
}

function checkKeywords(schema, ctx) {
  const refuse = reporter(ctx);
  if (schema.allOf) {
    if (!isNullableReference(schema)) {
      return refuse('allOf', '`allOf` is enforced only as `nullable: true` with one reference to a named object or enum.');
    }
    const extra = Object.keys(schema).filter((key) => !['type', 'nullable', 'description', 'allOf'].includes(key) && !key.startsWith('x-'));
    return extra.forEach((key) => refuse(key, `\`${key}\` is not enforced beside \`allOf\`.`));
  }
  const allowed = KEYWORDS[schema.type];
  for (const key of Object.keys(schema)) {
    if (key.startsWith('x-')) continue;
    if (!(allowed ?? ANY).includes(key)) refuse(key, `\`${key}\` is not enforced on type \`${schema.type ?? '(none)'}\`.`);
  }
  if (!allowed) return refuse('type', 'Every schema says one `type`: string, integer, number, boolean, array or object.');
  checkFormat(schema, ctx, refuse);
  checkValues(schema, refuse);
  if (schema.pattern !== undefined) {
    const fault = patternFault(schema.pattern);
    if (fault) refuse('pattern', `\`pattern\` ${fault}.`);
  }
  if (schema.enum) checkEnum(schema, refuse);
  for (const part of ['items', 'additionalProperties']) {
    const inner = schema[part];
    if (inner && typeof inner === 'object' && ctx.resolve(inner).node?.nullable) {
      refuse(part, `Nullable ${part === 'items' ? 'items' : 'map values'} are not enforced.`);
    }
  }
  if (schema.nullable && isNamed(ctx.location) && (schema.enum || schema.properties)) {
    refuse('nullable', 'A named object or enum is made nullable where it is used: `nullable: true, allOf: [reference]`.');
  }
}

function checkFormat(schema, ctx, refuse) {
  const formats = FORMATS[schema.type] ?? [];
  if (schema.format === undefined) {
    if (schema.type === 'integer' || schema.type === 'number') refuse(null, `A ${schema.type} says its \`format\`: ${formats.join(' or ')}.`);
    return;
  }
  if (!formats.includes(schema.format)) refuse('format', `\`format: ${schema.format}\` is not enforced on type \`${schema.type}\`.`);
  if (schema.format === 'binary' && !/octet-stream\/schema$/.test(ctx.location.pointer)) {
    refuse('format', '`format: binary` is enforced only as an `application/octet-stream` response.');
  }
  if (PARSED.includes(schema.format)) {
    for (const key of ['minLength', 'maxLength', 'pattern']) {
      if (key in schema) refuse(key, `\`${key}\` is not enforced beside \`format: ${schema.format}\`.`);
    }
  }
}

function checkValues(schema, refuse) {
  const [low, high] = RANGES[schema.format] ?? [-Infinity, Infinity];
  for (const key of ['minimum', 'maximum', 'multipleOf', 'default']) {
    const value = schema[key];
    if (value === undefined || !['integer', 'number'].includes(schema.type)) continue;
    const fits = typeof value === 'number' && value >= low && value <= high && (schema.type === 'number' || Number.isInteger(value));
    if (!fits) refuse(key, `\`${key}\` is no ${schema.format}${low === -SAFE ? ' that JavaScript tools can hold' : ''}.`);
  }
  for (const [min, max] of PAIRS) {
    if (schema[min] > schema[max]) refuse(min, `\`${min}\` is greater than \`${max}\`.`);
  }
  if (schema.exclusiveMinimum !== undefined && schema.minimum === undefined) refuse('exclusiveMinimum', '`exclusiveMinimum` needs `minimum`.');
  if (schema.exclusiveMaximum !== undefined && schema.maximum === undefined) refuse('exclusiveMaximum', '`exclusiveMaximum` needs `maximum`.');
  if (schema.multipleOf <= 0) refuse('multipleOf', '`multipleOf` is positive.');
  // To the templates 0 equals absent.
  for (const key of ['maxLength', 'maxItems', 'maxProperties']) {
    if (schema[key] === 0) refuse(key, `\`${key}\` is positive.`);
  }
  const kinds = { string: 'string', boolean: 'boolean' };
  if ('default' in schema && kinds[schema.type] && typeof schema.default !== kinds[schema.type]) {
    refuse('default', `\`default\` is not a ${schema.type}.`);
  }
  if (schema.enum && 'default' in schema && !schema.enum.includes(schema.default)) refuse('default', '`default` is none of the enum.');
}

function checkEnum(schema, refuse) {
  for (const key of ['format', 'minLength', 'maxLength', 'pattern']) {
    if (key in schema) refuse(key, `\`${key}\` is not enforced beside \`enum\`.`);
  }
  if (!schema.enum.every((value) => typeof value === 'string')) return refuse('enum', 'Enums are enforced on strings only.');
  const names = schema['x-enum-varnames'];
  if (names) return undefined;
  const variants = new Set(schema.enum.map(variantOf));
  if (variants.size < schema.enum.length || !schema.enum.every((value) => /^[A-Za-z]/.test(value))) {
    refuse('enum', 'The values do not make distinct Rust names: say `x-enum-varnames`.');
  }
  return undefined;
}

function checkName(schema, ctx) {
  const refuse = reporter(ctx);
  if (isNamed(ctx.location)) {
    const name = ctx.location.pointer.split('/').pop();
    if (!isCamel(name) || TAKEN.includes(name)) refuse(null, `\`${name}\` cannot be the name of a Rust type of ours.`);
    if (schema.type === 'array') refuse('type', 'Arrays are written where they are used: named ones have no type in the generated code.');
    if (schema.allOf) refuse('allOf', 'A nullable reference is written where it is used.');
  } else {
    if (schema.enum) refuse('enum', 'Enums are named: move it to `components.schemas` and refer to it.');
    if (schema.type === 'object' && !schema.allOf) refuse('type', 'Objects are named: move it to `components.schemas` and refer to it.');
    if (schema.allOf && !/\/properties\/[^/]+$/.test(ctx.location.pointer)) refuse('allOf', 'A nullable reference is written as a property only.');
  }
  const properties = Object.keys(schema.properties ?? {});
  const fields = properties.map(fieldOf);
  for (const [at, property] of properties.entries()) {
    if (fields.indexOf(fields[at]) !== at) refuse('properties', `Property \`${property}\` becomes the same field as another.`);
    if (!/^[a-z][a-z0-9_]*$/.test(property)) refuse('properties', `Property \`${property}\` is not in snake_case.`);
  }
}

function checkClosed(schema, ctx) {
  if (schema.type !== 'object' || schema.allOf) return;
  const refuse = reporter(ctx);
  if (schema.additionalProperties === undefined) {
    refuse(null, 'An object says whether it is closed: `additionalProperties` is false, true or, for a map, a schema.');
  } else if (schema.properties && typeof schema.additionalProperties === 'object') {
    refuse('additionalProperties', 'Either properties or a map: declared properties beside a schema for others are not enforced.');
  } else if (!schema.properties && !isMap(schema) && schema.additionalProperties === false) {
    refuse('additionalProperties', 'An object that can hold nothing.');
  }
}

/** Every schema of a request is bounded, through references; recursion ends at schemas already seen. */
function boundsRule() {
  const seen = new Set();
  const visit = (raw, place, ctx) => {
    if (!raw || typeof raw !== 'object') return;
    const found = raw.$ref ? ctx.resolve(raw, place.source.absoluteRef) : { node: raw, location: place };
    const { node: schema, location } = found;
    if (!schema || seen.has(location.absolutePointer)) return;
    seen.add(location.absolutePointer);
    for (const key of missingBounds(schema)) {
      ctx.report({ message: `What clients send is bounded: \`${key}\` is missing.`, location: location.key() });
    }
    visit(schema.items, location.child(['items']), ctx);
    visit(schema.additionalProperties, location.child(['additionalProperties']), ctx);
    (schema.allOf ?? []).forEach((part, at) => visit(part, location.child(['allOf', at]), ctx));
    for (const [name, property] of Object.entries(schema.properties ?? {})) visit(property, location.child(['properties', name]), ctx);
  };
  return {
    Parameter: (parameter, ctx) => visit(parameter.schema, ctx.location.child(['schema']), ctx),
    RequestBody(body, ctx) {
      for (const [type, media] of Object.entries(body.content ?? {})) visit(media.schema, ctx.location.child(['content', type, 'schema']), ctx);
    },
  };
}

function missingBounds(schema) {
  const missing = (...keys) => keys.filter((key) => schema[key] === undefined);
  if (schema.allOf) return [];
  if (schema.type === 'string') return schema.enum || PARSED.includes(schema.format) ? [] : missing('maxLength');
  if (schema.type === 'integer' || schema.type === 'number') return missing('minimum', 'maximum');
  if (schema.type === 'array') return missing('maxItems');
  if (schema.type === 'object' && schema.additionalProperties) return missing('maxProperties');
  return [];
}

module.exports = {
  'enforceable-keywords': () => ({ Schema: checkKeywords }),
  'named-schemas': () => ({ Schema: checkName }),
  'closed-objects': () => ({ Schema: checkClosed }),
  'bounded-requests': boundsRule,
};
