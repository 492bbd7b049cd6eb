// What became of a schema between two documents, for one direction: `request` is what the service accepts, `answer`
// what it gives. Accepting less breaks clients, and so does giving what they do not know. Only the keywords that the
// lint lets into our documents are looked at (../redocly-rules/schemas.js).
import { unescape } from '../generator/compile/document.mjs';

const UPPER = ['maximum', 'maxLength', 'maxItems', 'maxProperties'];
const LOWER = ['minimum', 'minLength', 'minItems', 'minProperties'];
const SCHEMAS = '#/components/schemas/';

export function resolve(document, node) {
  if (!node?.$ref) return node;
  return node.$ref.slice(2).split('/').reduce((at, step) => at[unescape(step)], document);
}

/** The schema itself and its name, if it has one; a nullable reference is the referenced schema, nullable. */
function open(document, schema) {
  const reference = schema.$ref ?? (schema.allOf?.length === 1 && schema.allOf[0].$ref);
  if (!reference) return { schema };
  const found = resolve(document, { $ref: reference });
  return { schema: schema.nullable ? { ...found, nullable: true } : found, name: reference.split('/').pop() };
}

/** Whether clients have a type of the name of this schema: they take scalars for what they are. */
export const isType = (schema) => schema.type === 'object' || schema.enum !== undefined;

/** The names of all schemas that a document's operations use, of those they refer to as well. */
export function namesReached(document) {
  const references = new Set();
  const visit = (node) => {
    if (node === null || typeof node !== 'object') return;
    const { $ref } = node;
    if (typeof $ref === 'string' && !references.has($ref)) {
      references.add($ref);
      visit(resolve(document, node));
    }
    Object.values(node).forEach(visit);
  };
  visit(document.paths);
  return [...references].filter((one) => one.startsWith(SCHEMAS)).map((one) => one.slice(SCHEMAS.length));
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const list = (values) => values.map((value) => `\`${value}\``).join(', ');

const named = (name) => (name ? `called \`${name}\`` : 'named after itself');

/** What clients call a value of an enumeration that gives it no name, where all of them do the same. */
function memberName(value) {
  if (!/^[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*$/.test(value)) return undefined;
  return value.split('_').map((word) => word[0].toUpperCase() + word.slice(1)).join('');
}

/** Compares schemas; `report(breaking, place, text)` is told of every difference. */
export class Schemas {
  constructor(before, after, report) {
    this.before = before;
    this.after = after;
    this.report = report;
    this.seen = new Set();
  }

  compare(direction, place, beforeNode, afterNode) {
    const before = open(this.before, beforeNode);
    const after = open(this.after, afterNode);
    // A named schema is told about under its name, once, however many operations use it.
    if (after.name) {
      const everywhere = before.name === after.name && before.schema.nullable === after.schema.nullable;
      const key = [direction, before.name, after.name, everywhere || place].join();
      if (this.seen.has(key)) return;
      this.seen.add(key);
    }
    this.nullable(direction, place, before.schema, after.schema);
    this.name(place, before, after);
    this.within(direction, after.name && after.name === before.name ? `\`${after.name}\`` : place, before.schema, after.schema);
  }

  // Where the old name is gone, that is told of once, for the document.
  name(place, before, after) {
    const [was, is] = [before, after].map(({ name, schema }) => (isType(schema) ? name : undefined));
    const kept = was in this.after.components.schemas;
    if (was && was !== is && kept) this.report(true, place, `is of type \`${is ?? after.schema.type}\`, was \`${was}\``);
  }

  nullable(direction, place, before, after) {
    if (!before.nullable && after.nullable) this.report(direction === 'answer', place, this.say(direction, 'may be null'));
    if (before.nullable && !after.nullable) this.report(direction === 'request', place, this.say(direction, 'may no longer be null'));
  }

  within(direction, place, before, after) {
    const request = direction === 'request';
    const tell = (breaking, text) => this.report(breaking, place, this.say(direction, text));
    if (before.type !== after.type) {
      const wider = before.type === 'integer' && after.type === 'number';
      const narrower = before.type === 'number' && after.type === 'integer';
      return tell(!(request ? wider : narrower), `type ${before.type} became ${after.type}`);
    }
    if (before.format !== after.format) {
      tell(!(request && !after.format), `format ${before.format ?? 'none'} became ${after.format ?? 'none'}`);
    }
    // What has no format is taken as it is, with a zone or without.
    if (request && before['x-assume-utc'] && !after['x-assume-utc'] && after.format) tell(true, 'times without a zone are refused');
    if (request && !before['x-assume-utc'] && after['x-assume-utc'] && before.format) tell(false, 'times without a zone are UTC');
    this.values(request, tell, before, after);
    if (before.enum && after.enum) this.memberNames(place, before, after);
    this.limits(request, tell, before, after);
    if (!same(before.default, after.default)) {
      tell(request, `default ${JSON.stringify(before.default) ?? 'none'} became ${JSON.stringify(after.default) ?? 'none'}`);
    }
    if (before.items && after.items) this.compare(direction, `${place} items`, before.items, after.items);
    if (before.type === 'object') this.members(direction, place, tell, before, after);
  }

  values(request, tell, before, after) {
    if (same(before.enum, after.enum)) return;
    if (!before.enum) return tell(request, `only ${list(after.enum)}`);
    if (!after.enum) return tell(!request, 'any value');
    const removed = before.enum.filter((value) => !after.enum.includes(value));
    const added = after.enum.filter((value) => !before.enum.includes(value));
    if (removed.length) tell(request, `without ${list(removed)}`);
    if (added.length) tell(!request, `also ${list(added)}`);
  }

  memberNames(place, before, after) {
    const names = (schema) => new Map(schema.enum.map((value, at) => [value, schema['x-enum-varnames']?.[at] ?? memberName(value)]));
    const [was, is] = [names(before), names(after)];
    for (const [value, name] of was) {
      if (!is.has(value) || is.get(value) === name) continue;
      this.report(true, place, `\`${value}\` is ${named(is.get(value))}, was ${named(name)}`);
    }
  }

  limits(request, tell, before, after) {
    const number = (one, keyword, none) => one[keyword] ?? none;
    for (const [keywords, none, sign] of [[UPPER, Infinity, 1], [LOWER, -Infinity, -1]]) {
      for (const keyword of keywords) {
        const [was, is] = [number(before, keyword, none), number(after, keyword, none)];
        if (was === is) continue;
        tell(request && sign * is < sign * was, `${keyword} ${before[keyword] ?? 'none'} became ${after[keyword] ?? 'none'}`);
      }
    }
    for (const keyword of ['pattern', 'multipleOf', 'uniqueItems', 'exclusiveMinimum', 'exclusiveMaximum']) {
      const [was, is] = [before[keyword] || undefined, after[keyword] || undefined];
      if (was !== is) tell(request && is !== undefined, `${keyword} ${was ?? 'none'} became ${is ?? 'none'}`);
    }
  }

  members(direction, place, tell, before, after) {
    const request = direction === 'request';
    const [was, is] = [before.properties ?? {}, after.properties ?? {}];
    const required = (schema, name) => (schema.required ?? []).includes(name);
    for (const name of Object.keys(was)) {
      const member = `${place}: \`${name}\``;
      if (!(name in is)) {
        // Bodies are closed: what is not known any more is refused.
        this.report(true, member, request ? 'is refused' : 'is no longer answered');
        continue;
      }
      if (required(before, name) && !required(after, name)) this.report(!request, member, this.say(direction, 'may be absent'));
      if (!required(before, name) && required(after, name)) this.report(request, member, this.say(direction, 'is required'));
      this.compare(direction, member, was[name], is[name]);
    }
    for (const name of Object.keys(is).filter((one) => !(one in was))) {
      const needed = request && required(after, name);
      this.report(needed, `${place}: \`${name}\``, needed ? 'is new and required' : `is new${request ? '' : ' in answers'}`);
    }
    const [open, stillOpen] = [before, after].map((schema) => schema.additionalProperties ?? true);
    if (typeof open === 'object' && typeof stillOpen === 'object') {
      this.compare(direction, `${place} values`, open, stillOpen);
    } else if (!same(open, stillOpen)) {
      tell(request && open !== false, `additional members: ${JSON.stringify(open)} became ${JSON.stringify(stillOpen)}`);
    }
  }

  say(direction, text) {
    return direction === 'request' ? `${text} (in requests)` : `${text} (in answers)`;
  }
}
