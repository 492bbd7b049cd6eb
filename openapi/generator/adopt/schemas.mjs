// Converts foreign schemas to our conventions: objects with properties and enums are components, the rest is inlined.
// Constraints on requests are kept exactly or rejected; those on responses only may be lost, with a note: handlers have to keep them.
import { Expander } from './expand.mjs';
import { fits } from './examples.mjs';
import { camel, fieldOf, schemaName, variantNames } from './names.mjs';
import { described } from './prose.mjs';
import { scalar } from './scalars.mjs';
import { below } from './source.mjs';

const MAX_ITEMS = 1000;
const MAX_VALUES = 50;
const MAX_PROPERTIES = 100;
const LEAVE = 'Write it otherwise, or leave the operations out: --without OPERATION';
// Keywords for objects and arrays that are not accepted.
const BEYOND = ['not', 'if', 'then', 'else', 'dependentRequired', 'dependentSchemas', 'dependencies', 'patternProperties', 'propertyNames', 'prefixItems', 'contains',
  'minContains', 'maxContains', 'unevaluatedItems', '$dynamicRef', '$recursiveRef'];

export class Schemas {
  /** The created components, by name. */
  components = {};
  #made = new Map();
  // Named lists and maps in progress: they are inlined, so that a recursive one would have no end.
  #open = [];

  constructor({ source, report, names, service, operations, sent }) {
    Object.assign(this, { source, report, names, service, operations, sent });
    this.expander = new Expander(source, report);
  }

  /** The new schema: `use` is property, items, value, body, form, answer or parameter; `hint` names an anonymous one; nothing after a rejection. */
  convert(node, pointer, use) {
    const expanded = this.expander.expand(node, pointer);
    if (!expanded) return undefined;
    const { schema } = expanded;
    const at = { ...use, isSent: use.isSent || this.sent.has(expanded.named), pointer: expanded.pointer, named: expanded.named };
    if (schema.isMixed || schema.isNull) return this.#mixed(schema, at);
    const beyond = BEYOND.find((key) => key in schema);
    if (beyond && !this.lost(at, `\`${beyond}\``, 'it is not enforced')) return undefined;
    const type = typeOf(schema);
    if (!type) return this.#any(schema, at);
    if (['array', 'object'].includes(type) && schema.default !== undefined && schema.default !== null) this.report.note(at.pointer, 'Defaults of lists and objects are left out');
    if (type === 'object') return this.#object(schema, at);
    if (type === 'array') return this.#array(schema, at);
    if (!['string', 'integer', 'number', 'boolean'].includes(type)) return this.#refused(at, `\`type: ${type}\``, 'there is no such type');
    if (schema.enum && type === 'string' && schema.enum.every((value) => typeof value === 'string')) return this.#enum(schema, at);
    return scalar(schema, type, at, this);
  }

  #refused(at, what, why, todo = LEAVE) {
    this.report.refuse(at.pointer, what, why, todo);
    return undefined;
  }

  /** For requests a rejection; for responses a note, and true. */
  lost(at, what, why) {
    if (at.isSent) return this.#refused(at, what, `${why}, and requests are held to it`);
    this.report.note(at.pointer, `${what} of answers is left out (${why}); the handlers keep to it`);
    return true;
  }

  #mixed(schema, at) {
    if (at.use === 'parameter' || at.isSent) return this.#refused(at, schema.isMixed ?? '`type: null`', 'a value has one type, and requests are held to it', LEAVE);
    this.report.note(at.pointer, 'A value of several shapes is written as any JSON in answers; the handlers keep to its shapes');
    return this.#any(schema, at);
  }

  // Any JSON value. A required one may be null by itself.
  #any(schema, at) {
    if (at.use === 'parameter') return scalar({ ...schema, type: 'string' }, 'string', at, this);
    return { ...described(schema) };
  }

  #array(schema, at) {
    const isParameter = at.use === 'parameter';
    const use = { use: isParameter ? 'parameter' : 'items', isRequired: true, isValue: isParameter, isSent: at.isSent, hint: `${at.hint} item` };
    const items = this.#within(at, schema.items, 'items', use);
    if (!items) return undefined;
    if (schema.maxItems === 0 && !this.lost(at, '`maxItems: 0`', 'a limit is at least 1')) return undefined;
    if (schema.minItems > schema.maxItems) return this.#refused(at, 'limits that nothing fits', 'the lower one is above the upper one', 'Mend the document');
    const most = at.use === 'parameter' ? MAX_VALUES : MAX_ITEMS;
    if (at.isSent && schema.maxItems === undefined) this.report.note(at.pointer, `Lists without \`maxItems\` take up to ${MAX_ITEMS} items, ${MAX_VALUES} in parameters`);
    const maxItems = schema.maxItems || (at.isSent ? Math.max(most, schema.minItems ?? 0) : undefined);
    return {
      type: 'array', ...described(schema), items, ...(schema.nullable && { nullable: true }),
      ...(schema.minItems && { minItems: schema.minItems }), ...(maxItems && { maxItems }), ...(schema.uniqueItems && { uniqueItems: true }) };
  }

  // The items of a list, or the values of a map.
  #within(at, node, key, use) {
    if (at.named && this.#open.includes(at.named)) return this.#refused(at, 'a list or a map that holds itself', 'such a type has no end');
    this.#open.push(at.named);
    const inner = this.convert(node, below(at.pointer, key), use);
    this.#open.pop();
    return inner;
  }

  #object(schema, at) {
    const properties = { ...schema.properties };
    if (schema.maxProperties === 0 && !this.lost(at, '`maxProperties: 0`', 'a limit is at least 1')) return undefined;
    // A required property without a schema may be anything.
    for (const name of schema.required ?? []) properties[name] ??= {};
    return Object.keys(properties).length ? this.#component(schema, properties, at) : this.#map(schema, at);
  }

  #map(schema, at) {
    const inner = schema.additionalProperties;
    const isFree = inner === undefined || typeof inner === 'boolean' || typeOf(inner) === undefined && !inner.$ref && !inner.allOf && !inner.oneOf && !inner.anyOf;
    if (inner === false) this.report.note(at.pointer, 'An object that can hold nothing is written as one that may hold anything');
    // A map has no type of its own as the body of a response.
    if (at.use === 'answer') {
      this.report.note(at.pointer, 'An answer that is an object without `properties` is written as any JSON; the handlers keep to its shape');
      return described(schema);
    }
    if (at.isSent && schema.maxProperties === undefined) this.report.note(at.pointer, `Objects that take members without names take up to ${MAX_PROPERTIES}`);
    const values = isFree ? true : this.#within(at, inner, 'additionalProperties', { use: 'value', isSent: at.isSent, hint: `${at.hint} value` });
    if (!values) return undefined;
    const maxProperties = schema.maxProperties || (at.isSent ? MAX_PROPERTIES : undefined);
    return {
      type: 'object', ...described(schema), additionalProperties: values, ...(schema.nullable && { nullable: true }),
      ...(schema.minProperties && { minProperties: schema.minProperties }), ...(maxProperties && { maxProperties }) };
  }

  #component(schema, properties, at) {
    // There is no null in a form.
    const { name, isNew } = this.#name(at.use === 'form' ? { ...at, key: `${at.named ?? at.pointer} form` } : at, schema);
    if (isNew) {
      const made = { type: 'object' };
      this.components[name] = made;
      const open = this.#open;
      this.#open = [];
      this.#fill(made, name, schema, properties, at);
      this.#open = open;
    }
    return this.#use(name, schema, at);
  }

  #fill(made, name, schema, properties, at) {
    Object.assign(made, described(schema));
    const { additionalProperties: others = schema.unevaluatedProperties } = schema;
    made.additionalProperties = others !== false;
    if (typeof others === 'object' && Object.keys(others).length) {
      this.lost(at, '`additionalProperties` with a schema beside `properties`', 'other members are not held to a schema');
    }
    const required = (schema.required ?? []).filter((one) => !this.#isOneWay(properties[one], at));
    if (required.length) made.required = [...new Set(required)];
    made.properties = {};
    const fields = new Map();
    for (const [property, placed] of Object.entries(properties)) {
      const field = fieldOf(property);
      if (!/^[\x20-\x7e]+$/.test(property) || /["\\{}`]/.test(property) || !field || (field === 'additionalproperties' && made.additionalProperties)) {
        this.#refused(at, `the property ${JSON.stringify(property)}`, 'no field can be called so');
        continue;
      }
      if (fields.has(field)) {
        this.#refused(at, `the properties \`${fields.get(field)}\` and \`${property}\``, 'both become the same field', 'Rename one of them');
        continue;
      }
      fields.set(field, property);
      const [node, pointer] = placed?.isPlaced ? [placed.node, placed.pointer] : [placed, below(at.pointer, 'properties', property)];
      const value = this.convert(node, pointer, { use: 'property', isSent: at.isSent, hint: `${name} ${property}` });
      if (value) made.properties[property] = at.use === 'form' && value.nullable ? value.allOf?.[0] ?? { ...value, nullable: undefined } : value;
    }
    if (made.additionalProperties && at.isSent) {
      made.maxProperties = schema.maxProperties ?? Math.max(MAX_PROPERTIES, Object.keys(properties).length + MAX_PROPERTIES);
    } else if (schema.maxProperties) made.maxProperties = schema.maxProperties;
    if (schema.minProperties) made.minProperties = schema.minProperties;
    const [example] = [schema.example, ...[schema.examples ?? []].flat()].filter((one) => one !== undefined);
    if (example !== undefined) made.example = example;
  }

  // A required property that is read-only or write-only is absent in the other direction.
  #isOneWay(placed, at) {
    const expanded = placed && this.expander.expand(placed.isPlaced ? placed.node : placed, placed.isPlaced ? placed.pointer : at.pointer);
    const isOneWay = Boolean(expanded?.schema.readOnly || expanded?.schema.writeOnly) && at.isSent;
    if (isOneWay) this.report.note(at.pointer, 'Required properties that are `readOnly` or `writeOnly` are optional, as one schema serves both ways');
    return isOneWay;
  }

  #enum(schema, at) {
    if (at.use === 'parameter' && schema.enum.length === 0) return { type: 'string' };
    const values = [...new Set(schema.enum)];
    const odd = values.find((value) => /\*\/|[\u0000-\u001f"\\]/.test(value));
    if (odd !== undefined) return this.lost(at, `the value ${JSON.stringify(odd)} of an \`enum\``, 'the generator of the code writes it otherwise') && scalar({ ...schema, enum: undefined }, 'string', at, this);
    const fallback = values.includes(schema.default) && !at.isRequired ? schema.default : undefined;
    if (![undefined, null, ...values].includes(schema.default)) this.report.note(at.pointer, 'Defaults that do not fit their schema are left out');
    const { name, isNew } = this.#name({ ...at, key: `${at.named ?? at.pointer} ${fallback}` }, schema);
    if (isNew) {
      const names = variantNames(values);
      this.components[name] = {
        type: 'string', ...described(schema), enum: values, ...(names && { 'x-enum-varnames': names }), ...(fallback !== undefined && { default: fallback }) };
    }
    return this.#use(name, schema, at);
  }

  // A component is named after the original one, after its title, or after its location.
  #name({ named, pointer, hint, key = named ?? pointer }, { title }) {
    if (this.#made.has(key)) return { name: this.#made.get(key), isNew: false };
    const own = named?.split('/').pop().replaceAll('~1', '/').replaceAll('~0', '~');
    const plain = title && title.length < 40 && camel(title);
    const name = schemaName(this.names, this.service, own ?? (plain || hint), this.operations);
    if (own && name !== own) this.report.note(named, 'Schemas whose names others or the languages of the clients have, or that are not in CamelCase, are renamed', name, own);
    this.#made.set(key, name);
    return { name, isNew: true };
  }

  #use(name, schema, at) {
    const reference = { $ref: `#/components/schemas/${name}` };
    if (!schema.nullable) return reference;
    if (at.use === 'property') return { type: this.components[name].type, nullable: true, allOf: [reference] };
    if (at.use === 'items' || at.use === 'value') return this.lost(at, 'null in a list or a map of objects or enums', 'it has no type') && reference;
    return reference;
  }

  /** Removes invalid examples, and rejects recursion without a list or a map in between. */
  finish() {
    for (const [name, schema] of Object.entries(this.components)) {
      if (schema.example !== undefined && !fits(schema.example, schema, this.components)) delete schema.example;
      const reached = new Set();
      const visit = (one) => Object.values(this.components[one]?.properties ?? {}).forEach((property) => {
        const next = (property.$ref ?? property.allOf?.[0].$ref)?.split('/').pop();
        if (!next || reached.has(next)) return;
        reached.add(next);
        visit(next);
      });
      visit(name);
      const [[key] = []] = [...this.#made].filter(([, made]) => made === name);
      if (reached.has(name)) this.#refused({ pointer: key.split(' ')[0] }, 'an object that holds itself', 'its type would be of no size', 'Hold it in a list');
    }
  }
}

function typeOf(schema) {
  if (schema.type) return schema.type;
  if (schema.enum) return schema.enum.every((value) => typeof value === 'string') ? 'string' : schema.enum.every(Number.isInteger) ? 'integer' : typeof schema.enum[0];
  const has = (...keys) => keys.some((key) => key in schema);
  if (has('properties', 'additionalProperties', 'required', 'minProperties', 'maxProperties')) return 'object';
  if (has('items', 'minItems', 'maxItems', 'uniqueItems')) return 'array';
  if (has('pattern', 'minLength', 'maxLength')) return 'string';
  if (has('minimum', 'maximum', 'multipleOf')) return 'number';
  return { string: 'string', boolean: 'boolean', number: 'number' }[typeof schema.default];
}
