// Checks the shape of a document against the standard, as far as it is used here: errors are reported before anything is converted.
import { isRaw } from '../compile/exact.mjs';
import { MEND } from './report.mjs';
import { below } from './source.mjs';

const isObject = (node) => node !== null && typeof node === 'object' && !Array.isArray(node);
const isText = (node) => typeof node === 'string';
const isNumber = (node) => typeof node === 'number' || isRaw(node);
const isCount = (node) => Number.isInteger(node) && node >= 0;
const isBoolean = (node) => typeof node === 'boolean';

// A kind is defined by its fields. `lists` and `maps` define their items, `keys` every field; others are not checked.
const SCHEMA = {
  leaves: {
    type: ['a text, or a list of texts', (node) => isText(node) || (Array.isArray(node) && node.every(isText))],
    enum: ['a list', Array.isArray], required: ['a list of texts', (node) => Array.isArray(node) && node.every(isText)],
    format: ['a text', isText], pattern: ['a text', isText],
    ...Object.fromEntries(['minimum', 'maximum', 'multipleOf'].map((key) => [key, ['a number', isNumber]])),
    ...Object.fromEntries(['exclusiveMinimum', 'exclusiveMaximum'].map((key) => [key, ['a number or a boolean', (node) => isNumber(node) || isBoolean(node)]])),
    ...Object.fromEntries(['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'].map((key) => [key, ['a whole number from 0', isCount]])),
    ...Object.fromEntries(['nullable', 'uniqueItems', 'readOnly', 'writeOnly'].map((key) => [key, ['true or false', isBoolean]])),
  },
  lists: { allOf: 'schema', oneOf: 'schema', anyOf: 'schema' }, maps: { properties: 'schema' }, parts: { items: 'schema', additionalProperties: 'schema' },
};
const textOf = (given, otherwise) => (given === undefined || given === null || isObject(given) || Array.isArray(given) ? otherwise : String(given));

const KINDS = {
  document: { named: [], parts: { components: 'components', info: 'any' }, maps: { paths: 'item', webhooks: 'item', 'x-webhooks': 'item' }, lists: { tags: 'tag', servers: 'server', security: 'any' } },
  components: { maps: { schemas: 'schema', parameters: 'parameter', headers: 'header', requestBodies: 'body', responses: 'response', securitySchemes: 'scheme', links: 'link', callbacks: 'callback', pathItems: 'item' } },
  item: { lists: { parameters: 'parameter', servers: 'server' }, parts: Object.fromEntries(['get', 'put', 'post', 'delete', 'patch', 'head', 'options', 'trace'].map((key) => [key, 'operation'])) },
  operation: { lists: { parameters: 'parameter', servers: 'server', security: 'any' }, leaves: { tags: ['a list of texts', (node) => Array.isArray(node) && node.every(isText)] },
    parts: { requestBody: 'body' }, maps: { responses: 'response', callbacks: 'callback' } },
  callback: { keys: 'item' },
  parameter: { named: ['name', 'in'], parts: { schema: 'schema' }, maps: { content: 'media' } },
  header: { parts: { schema: 'schema' }, maps: { content: 'media' } },
  body: { maps: { content: 'media' } },
  response: { maps: { content: 'media', headers: 'header', links: 'link' } },
  media: { parts: { schema: 'schema' } },
  link: { maps: { parameters: undefined } },
  server: { leaves: { url: ['a text', isText] }, maps: { variables: 'any' } },
  scheme: { leaves: Object.fromEntries(['type', 'scheme', 'name', 'in'].map((key) => [key, ['a text', isText]])) },
  tag: {}, any: {}, schema: SCHEMA,
};
// Fields that have a meaning even if they are empty.
const MAY_BE_EMPTY = ['media', 'response'];

/** Reports nodes of the wrong kind; repairs those without content. */
export function checkShape(source, report) {
  const seen = new Set();
  const is30 = /^3\.0/.test(source.root.openapi);
  if (!isObject(source.root.info)) source.root.info = {};
  source.root.info = { ...source.root.info, title: textOf(source.root.info.title, 'Untitled'), version: textOf(source.root.info.version, '0') };
  if (!isText(source.root.info.description)) delete source.root.info.description;
  const wrong = (pointer, key, wanted) => report.refuse(pointer, `\`${key}\``, `it is to be ${wanted}`, MEND);
  const visit = (node, kind, pointer) => {
    if (seen.has(node) || isText(node.$ref) && kind !== 'schema' && kind !== 'item') return;
    seen.add(node);
    // YAML has a word for it, which is often written without quotes.
    if (kind === 'schema' && Array.isArray(node.type)) node.type = node.type.map((type) => type ?? 'null');
    if (kind === 'schema') mendLimits(node, pointer);
    if (kind === 'parameter' && node.schema && node.content) report.refuse(pointer, `the parameter \`${node.name}\``, 'it has both `schema` and `content`', MEND);
    if (kind === 'parameter' && node.in === 'path' && node.required !== true) {
      report.note(pointer, 'A parameter of a path is always required');
      node.required = true;
    }
    const { leaves = {}, lists = {}, maps = {}, parts = {}, named = [], keys } = KINDS[kind];
    for (const key of named) if (!isText(node[key])) wrong(pointer, key, 'a text');
    if (kind === 'parameter' && isText(node.type) && !node.schema) wrong(pointer, 'type', 'within `schema`');
    if (kind === 'document' && isObject(node.paths)) {
      for (const path of Object.keys(node.paths)) if (!/^(?:\/|x-)/.test(path)) wrong(below('#/paths', path), path, 'a path that begins with `/`');
    }
    for (const [key, [wanted, fits]] of Object.entries(leaves)) {
      if (key === 'required' && isBoolean(node[key])) {
        report.note(below(pointer, key), '`required` of a schema lists properties: true and false there say nothing');
        delete node[key];
      } else if (node[key] === null) delete node[key];
      else if (node[key] !== undefined && !fits(node[key])) wrong(below(pointer, key), key, wanted);
    }
    for (const [key, inner] of Object.entries(lists)) if (present(node, key)) each(node[key], inner, below(pointer, key), key, Array.isArray, 'a list');
    for (const [key, inner] of Object.entries(maps)) if (present(node, key)) each(node[key], inner, below(pointer, key), key, isObject, 'an object');
    if (keys) each(node, keys, pointer, kind, isObject, 'an object');
    for (const [key, inner] of Object.entries(parts)) if (key in node && (node[key] !== null || inner === 'operation')) one(node[key], inner, below(pointer, key), key);
  };
  // 3.0 and 3.1 have two notations of limits that are not included.
  const mendLimits = (node, pointer) => {
    for (const [limit, exclusive] of [['minimum', 'exclusiveMinimum'], ['maximum', 'exclusiveMaximum']]) {
      const given = node[exclusive];
      if (given === undefined || is30 === isBoolean(given) || !(isBoolean(given) || isNumber(given) || isRaw(given))) continue;
      report.note(below(pointer, exclusive), `\`${exclusive}\` is written as the other version of OpenAPI has it, and read so`);
      delete node[exclusive];
      if (given === true && node[limit] !== undefined) {
        node[exclusive] = node[limit];
        delete node[limit];
      } else if (!isBoolean(given) && node[limit] === undefined) Object.assign(node, { [limit]: given, [exclusive]: true });
      else if (!isBoolean(given)) node.allOf = [...(node.allOf ?? []), { [limit]: given, [exclusive]: true }];
    }
  };
  const present = (node, key) => node[key] !== undefined && node[key] !== null;
  const one = (node, kind, pointer, key) => {
    // Schemas of other shapes are reported where they are used.
    if (isObject(node)) visit(node, kind, pointer);
    else if (kind !== 'schema') wrong(pointer, key, 'an object');
  };
  const each = (node, kind, pointer, key, fits, wanted) => {
    if (!fits(node)) return wrong(pointer, key, wanted);
    if (!kind) return undefined;
    for (const [at, inner] of Object.entries(node)) {
      if (kind === 'item' && (inner === null || at.startsWith('x-')) || at.startsWith('x-') && kind === 'response') continue;
      if (inner === null && MAY_BE_EMPTY.includes(kind)) node[at] = {};
      else one(inner, kind, below(pointer, at), at);
    }
    return undefined;
  };
  visit(source.root, 'document', '#');
}
