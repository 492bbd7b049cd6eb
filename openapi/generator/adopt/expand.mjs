// Resolves schemas of OpenAPI 3.0 and 3.1: references, `allOf`, type lists and the ways to allow null become one type, its keywords, and `nullable`.
import { below, refuseReference } from './source.mjs';

// Keywords that do not constrain values.
const ANNOTATIONS = ['description', 'title', 'example', 'examples', 'externalDocs', 'xml', 'deprecated', '$comment', '$id', '$schema', '$defs', '$anchor', 'discriminator'];
const isAnnotation = (key) => ANNOTATIONS.includes(key) || key.startsWith('x-');
const isPlain = (schema) => Object.keys(schema).every((key) => isAnnotation(key) || key === 'nullable');
const MORE = ['minimum', 'minLength', 'minItems', 'minProperties'];
const LESS = ['maximum', 'maxLength', 'maxItems', 'maxProperties'];
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const OTHERWISE = 'Write it with one type, or leave the operation out: --without OPERATION';

export class Expander {
  constructor(source, report) {
    this.source = source;
    this.report = report;
  }

  /** `{schema, pointer, named}`: `named` where it is an unchanged component; or nothing, where a rejection was reported. */
  expand(node, pointer, seen = []) {
    if (node === true || node === undefined) return { schema: {}, pointer };
    if (node === null || typeof node !== 'object' || Array.isArray(node)) {
      this.report.refuse(pointer, 'a schema that nothing fits', 'every schema here describes something', 'Take it out');
      return undefined;
    }
    if (typeof node.$ref === 'string') return this.#reference(node, pointer, seen);
    const { allOf, oneOf, anyOf, ...own } = node;
    const base = this.#normal(own, pointer);
    if (!base) return undefined;
    const parts = [{ schema: base, pointer }];
    for (const [at, part] of (allOf ?? []).entries()) parts.push(this.expand(part, below(pointer, 'allOf', at), seen));
    for (const [key, choices] of Object.entries({ oneOf, anyOf })) if (choices) parts.push(this.#choice(choices, key, pointer, seen));
    if (parts.some((part) => !part)) return undefined;
    return this.#together(parts, base);
  }

  #reference(node, pointer, seen) {
    const found = this.source.find(node.$ref);
    if (!found || seen.includes(found.pointer)) {
      refuseReference(this.report, { node, pointer });
      return undefined;
    }
    const target = this.expand(found.node, found.pointer, [...seen, found.pointer]);
    if (!target) return undefined;
    const named = { ...target, named: target.named ?? found.pointer };
    const { $ref, ...beside } = node;
    // Until 3.1 siblings of a reference are ignored.
    if (!String(this.source.root.openapi).startsWith('3.1')) {
      if (!isPlain(beside) || beside.nullable) this.report.note(pointer, 'What stands beside a `$ref` does not count in OpenAPI 3.0');
      return named;
    }
    if (isPlain(beside) && !beside.nullable) return named;
    const own = this.#normal(beside, pointer);
    return own && this.#together([{ schema: own, pointer }, named], own);
  }

  // `null` as a type, as a constant and in enums, and numbers as exclusive limits.
  #normal(given, pointer) {
    const schema = { ...given };
    if (Array.isArray(schema.type)) {
      const types = schema.type.filter((type) => type !== 'null');
      if (types.length < schema.type.length) schema.nullable = true;
      if (types.length > 1 && !(types.length === 2 && types.includes('integer') && types.includes('number'))) return this.#mixed(schema, types, pointer);
      schema.type = types.length > 1 ? 'number' : types[0];
      if (!types.length) delete schema.type;
    } else if (schema.type === 'null') {
      delete schema.type;
      schema.nullable = true;
      schema.isNull = true;
    }
    if ('const' in schema) {
      schema.enum = [schema.const];
      delete schema.const;
    }
    if (schema.enum?.includes(null)) {
      schema.enum = schema.enum.filter((value) => value !== null);
      schema.nullable = true;
      if (!schema.enum.length) {
        delete schema.enum;
        schema.isNull = true;
      }
    }
    for (const [exclusive, limit] of [['exclusiveMinimum', 'minimum'], ['exclusiveMaximum', 'maximum']]) {
      if (typeof schema[exclusive] !== 'number') continue;
      const isTighter = schema[limit] === undefined || (limit === 'minimum' ? schema[exclusive] >= schema[limit] : schema[exclusive] <= schema[limit]);
      if (isTighter) schema[limit] = schema[exclusive];
      schema[exclusive] = isTighter;
    }
    if (schema.nullable === false) delete schema.nullable;
    return schema;
  }

  #mixed(schema, types, pointer) {
    const known = Object.keys(schema).filter((key) => !isAnnotation(key) && !['type', 'nullable'].includes(key));
    if (!known.length) return { ...schema, type: undefined, isMixed: types.join(', ') };
    this.report.refuse(pointer, `a value of several types (${types.join(', ')})`, 'a value has one type', OTHERWISE);
    return undefined;
  }

  #choice(choices, key, pointer, seen) {
    const given = choices.map((one, at) => this.expand(one, below(pointer, key, at), seen));
    if (given.some((one) => !one)) return undefined;
    const rest = given.filter(({ schema }) => !schema.isNull);
    const nullable = rest.length < given.length || rest.some(({ schema }) => schema.nullable);
    if (rest.length === 1) return { ...rest[0], schema: { ...rest[0].schema, ...(nullable && { nullable: true }) } };
    const words = rest.every(({ schema }) => (schema.type ?? 'string') === 'string' && schema.enum?.every((value) => typeof value === 'string'));
    if (words) return { schema: { type: 'string', enum: [...new Set(rest.flatMap(({ schema }) => schema.enum))], ...(nullable && { nullable }) }, pointer };
    if (rest.every((one) => same(one.schema, rest[0].schema))) return rest[0];
    return { schema: { isMixed: `\`${key}\` of ${rest.length} schemas`, ...(nullable && { nullable }) }, pointer };
  }

  // The conjunction of all parts.
  #together(parts, base) {
    // A bare type adds nothing to a schema of that type.
    const isBare = ({ schema }) => Object.keys(schema).every((key) => isAnnotation(key) || key === 'type' || key === 'nullable');
    const isSaid = (part) => isBare(part) && parts.some(({ schema }) => !isBare({ schema }) && schema.type === part.schema.type && !schema.nullable === !part.schema.nullable);
    const saying = parts.filter((part) => !isPlain(part.schema) && !isSaid(part));
    const nullable = base.nullable ?? parts.slice(1).some(({ schema }) => schema.nullable);
    if (saying.length <= 1) {
      const [one = parts[parts.length - 1]] = saying;
      const { nullable: _, ...schema } = one.schema;
      // The description of a reference is that of the component.
      const described = one.named ? schema : { ...parts[0].schema, ...schema };
      delete described.nullable;
      return { ...one, schema: { ...described, ...(nullable && { nullable: true }) } };
    }
    const schema = {};
    for (const part of saying) if (!this.#merge(schema, part)) return undefined;
    const all = saying.every((part) => part.schema.nullable) || base.nullable;
    delete schema.nullable;
    if (all) schema.nullable = true;
    for (const key of ['description', 'title', 'example']) if (base[key] !== undefined) schema[key] = base[key];
    return { schema, pointer: parts[0].pointer };
  }

  #merge(into, { schema, pointer }) {
    for (const [key, value] of Object.entries(schema)) {
      if (value === undefined || (isAnnotation(key) && key in into)) continue;
      if (!(key in into)) into[key] = key === 'properties' ? this.#placed(value, pointer) : value;
      else if (key === 'required') into.required = [...new Set([...into.required, ...value])];
      else if (key === 'properties') this.#properties(into.properties, this.#placed(value, pointer));
      else if (MORE.includes(key)) into[key] = Math.max(into[key], value);
      else if (LESS.includes(key)) into[key] = Math.min(into[key], value);
      else if (key === 'enum') into.enum = into.enum.filter((one) => value.includes(one));
      else if (key === 'additionalProperties' && [into[key], value].some((one) => typeof one === 'boolean')) into[key] = into[key] === false || value === true ? into[key] : value;
      else if (['items', 'additionalProperties'].includes(key)) into[key] = same(into[key], value) ? value : { allOf: [into[key], value] };
      else if (key === 'type' && ['integer', 'number'].includes(value) && ['integer', 'number'].includes(into.type)) into.type = 'integer';
      else if (key !== 'nullable' && key !== 'default' && key !== 'readOnly' && key !== 'writeOnly' && !same(into[key], value)) {
        this.report.refuse(pointer, `\`${key}\` in \`allOf\``, 'two of its schemas say different things', 'Say it in one schema');
        return false;
      }
    }
    return true;
  }

  // So that merged parts keep their original location.
  #placed(properties, pointer) {
    return Object.fromEntries(Object.entries(properties).map(([name, node]) => [name, node?.isPlaced ? node : { isPlaced: true, node, pointer: below(pointer, 'properties', name) }]));
  }

  #properties(into, more) {
    for (const [name, one] of Object.entries(more)) {
      const known = into[name];
      const isSame = !known || same(known.node, one.node);
      into[name] = isSame ? one : { isPlaced: true, node: { allOf: [known.node, one.node] }, pointer: one.pointer };
    }
  }
}
