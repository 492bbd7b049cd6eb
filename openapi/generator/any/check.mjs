// What of a foreign document cannot be served: each with its place, the reason, and what to do.
import { Document, child, isObject } from '../compile/document.mjs';
import { isRaw } from '../compile/exact.mjs';
import { callbackParts } from '../compile/expressions.mjs';
import { schemesOf } from '../compile/security.mjs';
import patterns from '../../redocly-rules/patterns.js';
import { pathFault } from '../gateway/paths.mjs';
import { checkContent, checkForms } from './forms.mjs';
import { inlinePathItems, operationsOf, shapeOf } from './operations.mjs';
import { LEAVE, MEND } from './report.mjs';
import { checkShape } from './shape.mjs';
import { checkStandard } from './standard.mjs';

const { foreignPatternFault, stepFault } = patterns;
// Parts of `allOf` one in the other that are looked into.
const MOST_NESTED = 8;
// Below these are values, not parts of a document.
const VALUES = ['example', 'examples', 'default', 'enum', 'const'];
// Below these, and below extensions, are names of the author's.
const NAMED = /^\/components\/[^/]+$|\/(headers|links|callbacks|encoding|variables|scopes|mapping)$|\/x-/;
const KEYED = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions', 'schemas'];

/** Reports to `report` (report.mjs); yields the operations. `standard` has the validators of standard.mjs. */
export function check(source, report, standard) {
  checkShape(source, report);
  if (!report.refusals.length) checkStandard(source, report, standard);
  // Parts of the wrong kind cannot be read any further.
  if (report.refusals.length) return [];
  inlinePathItems(source.root);
  const document = new Document(source.root);
  const operations = operationsOf(document);
  if (!operations.length) report.refuse('#/paths', 'no operations', 'there is nothing to serve', 'Give a document with some');
  checkReferences(document, report);
  // Types are told of documents whose references lead somewhere.
  if (!report.refusals.length) checkForms(document, operations, report);
  checkPaths(operations, report);
  for (const one of operations) {
    checkParameters(document, one, report);
    checkSecurity(document, one, report);
  }
  for (const one of document.outgoing()) checkOutgoing(document, one, report);
  walkSchemas(document, report);
  return operations;
}

function checkReferences(document, report) {
  const visit = (place, isValue) => {
    const { node, pointer } = place;
    if (node === null || typeof node !== 'object' || isValue) return;
    if (typeof node.$ref === 'string') checkReference(document, place, report);
    if (typeof node.$dynamicRef === 'string') checkReference(document, { node: { $ref: node.$dynamicRef }, pointer }, report);
    for (const key of Object.keys(node).filter((one) => !one.startsWith('x-'))) visit(child(place, key), VALUES.includes(key) && !/\/(properties|patternProperties|\$defs|schemas|parameters|headers|responses)$/.test(pointer));
  };
  visit({ node: document.root, pointer: '' }, false);
}

function checkReference(document, { node, pointer }, report) {
  const what = `\`$ref: ${node.$ref}\``;
  if (!node.$ref.startsWith('#')) {
    return report.refuse(`#${pointer}`, what, 'only references within the document are followed', 'Bundle the files into one document first, for example with `redocly bundle`');
  }
  const seen = new Set();
  let at = { node, pointer };
  while (isObject(at.node) && typeof at.node.$ref === 'string') {
    if (seen.has(at.pointer)) return report.refuse(`#${pointer}`, what, 'it leads in a circle', MEND);
    seen.add(at.pointer);
    at = document.target(at.node.$ref);
  }
  if (at.node === undefined) report.refuse(`#${pointer}`, what, 'it leads nowhere', MEND);
  // Only schemas are within themselves.
  else if (pointer.startsWith(`${at.pointer}/`) && !/\/schemas?(\/|$)/.test(at.pointer)) report.refuse(`#${pointer}`, what, 'it leads to what it is a part of', MEND);
  return undefined;
}

function checkPaths(operations, report) {
  const taken = new Map();
  for (const { method, path, served, place } of operations) {
    const refuse = (why) => report.refuse(`#${place.pointer}`, `the path \`${path}\``, why, LEAVE);
    const names = [...path.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name);
    const tooLong = pathFault(served);
    if (tooLong) refuse(tooLong);
    else if (/[{}]/.test(shapeOf(served).replaceAll('{}', ''))) refuse('it has a brace without its other half');
    else if (names.includes('')) refuse('it has a parameter without a name');
    else if (new Set(names).size < names.length) refuse('it has a parameter twice');
    else if (/\{\}\{\}/.test(shapeOf(served))) refuse('two parameters have nothing between them');
    if (/[?#]/.test(shapeOf(path))) report.note(`#${place.pointer}`, 'A path has neither a query nor a fragment: `?` and `#` in it are what clients write as `%3F` and `%23`');
    const key = `${method} ${shapeOf(served)}`;
    if (taken.has(key)) refuse(`\`${taken.get(key)}\` is the same path`);
    taken.set(key, path);
  }
}

// Their places, after what is wrong with each by itself.
function parametersOf(document, { item, place }, report) {
  const lists = [child(item, 'parameters'), child(place, 'parameters')];
  for (const list of lists) checkDoubles(document, list, report);
  const all = lists.flatMap((list) => (Array.isArray(list.node) ? list.node.map((_, index) => child(list, index)) : [])).map((at) => ({ at, parameter: document.resolve(at) })).map((one) => ({ ...one, node: one.parameter.node }));
  for (const { at, node, parameter } of all) {
    checkContent(document, parameter, report);
    if (!['path', 'query', 'header', 'cookie'].includes(node?.in)) report.refuse(`#${at.pointer}`, `\`in: ${node?.in}\``, 'a parameter is in path, query, header or cookie', MEND);
  }
  return all;
}

// A webhook or callback.
function checkOutgoing(document, one, report) {
  for (const { at, node } of parametersOf(document, one, report)) {
    if (node?.in === 'path') report.note(`#${at.pointer}`, 'Webhooks and callbacks have no path of their own: a parameter in it is left out');
  }
  if (one.expression !== undefined && !callbackParts(one.expression)) {
    report.note(`#${one.place.pointer}`, 'Where the callback goes is no runtime expression (`{$request.body#/url}`): its handler has to know the URL');
  }
}

function checkParameters(document, { path, item, place }, report) {
  const names = [...path.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name);
  const all = parametersOf(document, { item, place }, report);
  for (const { at, node } of all) {
    if (node?.in === 'path' && !names.includes(node.name)) report.refuse(`#${at.pointer}`, `the parameter \`${node.name}\``, 'the path does not have it', MEND);
  }
  const known = all.map(({ node }) => node).filter((node) => node?.in === 'path').map(({ name }) => name);
  const missing = names.filter((name) => !known.includes(name));
  if (missing.length) report.note(`#${place.pointer}`, 'Parameters of a path that are not described are any text, which handlers do not get');
}

// Names of headers have no case (RFC 9110, 5.1).
function checkDoubles(document, list, report) {
  const seen = new Set();
  for (const index of Array.isArray(list.node) ? list.node.keys() : []) {
    const { node } = document.resolve(child(list, String(index)));
    const key = `${node?.in} ${node?.in === 'header' ? String(node.name).toLowerCase() : node?.name}`;
    if (seen.has(key)) report.refuse(`#${list.pointer}/${index}`, `the parameter \`${node?.name}\``, 'it is there twice', MEND);
    seen.add(key);
  }
}

function checkSecurity(document, { node, place }, report) {
  const schemes = schemesOf(document);
  const at = node.security ? `#${place.pointer}/security` : '#/security';
  for (const name of new Set((node.security ?? document.root.security ?? []).flatMap((one) => Object.keys(one ?? {})))) {
    if (!schemes.has(name)) report.refuse(at, `the security scheme \`${name}\``, 'it is not among `components.securitySchemes`', MEND);
  }
}

function walkSchemas(document, report) {
  const visit = ({ node, pointer }, isSchema) => {
    if (node === null || typeof node !== 'object' || isRaw(node)) return;
    if (isSchema && isObject(node)) {
      checkSchema(node, pointer, report);
      checkDiscriminator(document, node, pointer, report);
      checkAlternatives(document, { node, pointer }, report);
    }
    for (const [key, value] of Object.entries(node)) {
      const at = child({ node, pointer }, key);
      if (!isSchema && key === 'content' && isObject(value) && !NAMED.test(pointer)) checkMedia(at, report);
      if (isSchema && KEYED.includes(key)) Object.keys(value ?? {}).forEach((name) => visit(child(at, name), true));
      else if (isSchema && VALUES.includes(key)) continue;
      else if (!isSchema && key === 'schemas' && pointer === '/components') Object.keys(value ?? {}).forEach((name) => visit(child(at, name), true));
      else if (!['example', 'examples'].includes(key)) visit(at, isSchema || key === 'schema');
    }
  };
  visit({ node: document.root, pointer: '' }, false);
}

// No request has another, and no response may.
function checkMedia({ node, pointer }, report) {
  for (const media of Object.keys(node).filter((one) => !one.startsWith('x-') && !/^[^\s/;,]+\/[^\s/;,]+\s*(;|$)/.test(one))) {
    report.refuse(`#${pointer}`, `\`${media}\``, 'it is no media type, which are `type/subtype` (RFC 9110, 8.3.1), or `*/*`', MEND);
  }
}

function checkSchema(node, pointer, report) {
  for (const key of ['allOf', 'oneOf', 'anyOf'].filter((one) => Array.isArray(node[one]) && !node[one].length)) report.refuse(`#${pointer}/${key}`, `\`${key}\``, 'it has no schema', MEND);
  if (typeof node.pattern === 'string') checkPattern(node.pattern, `#${pointer}/pattern`, report);
  for (const pattern of Object.keys(isObject(node.patternProperties) ? node.patternProperties : {})) checkPattern(pattern, `#${pointer}/patternProperties`, report);
  const fault = node.multipleOf === undefined ? undefined : stepFault(String(node.multipleOf?.rawJSON ?? node.multipleOf));
  if (fault) report.refuse(`#${pointer}/multipleOf`, '`multipleOf`', fault, MEND);
}

// A discriminator decides nothing by itself (OpenAPI 3.1.1, Discriminator Object): branches that do not fix its value may both fit.
function checkDiscriminator(document, node, pointer, report) {
  const name = node.discriminator?.propertyName;
  if (!name || !Array.isArray(node.oneOf)) return;
  const valuesOf = (place, depth = 0) => {
    const { node: schema } = document.resolve(place);
    if (!isObject(schema) || depth > MOST_NESTED) return [];
    const own = document.resolve({ node: schema.properties?.[name], pointer: '' }).node ?? {};
    return [own, ...(schema.allOf ?? []).flatMap((part) => valuesOf({ node: part, pointer: '' }, depth + 1))];
  };
  const isFixed = (branch) => valuesOf(branch).some((value) => 'const' in value || Array.isArray(value.enum));
  if (!node.oneOf.every((_, index) => isFixed(child({ node, pointer }, 'oneOf', index)))) {
    report.note(`#${pointer}`, 'Of a `oneOf` exactly one alternative has to fit, whatever its `discriminator` says: give that property a `const` or an `enum` in each alternative');
  }
}

// A schema that is one of its own alternatives says nothing (JSON Schema, core 9.4.1), and no type can be told.
function checkAlternatives(document, place, report) {
  const alternatives = ({ node, pointer }) => ['oneOf', 'anyOf'].flatMap((key) => (Array.isArray(node[key]) ? node[key].map((_, index) => child({ node, pointer }, key, index)) : []));
  const sameAs = ({ node, pointer }) => [
    ...(typeof node.$ref === 'string' ? [document.target(node.$ref)] : []),
    ...(Array.isArray(node.allOf) && node.allOf.length === 1 ? [child({ node, pointer }, 'allOf', 0)] : []), ...alternatives({ node, pointer })];
  const seen = new Set();
  const open = alternatives(place);
  while (open.length) {
    const at = open.pop();
    if (at.node === place.node) return report.refuse(`#${place.pointer}`, 'the schema', 'it is an alternative of itself', MEND);
    if (isObject(at.node) && !seen.has(at.node)) open.push(...sameAs(at));
    seen.add(at.node);
  }
  return undefined;
}

function checkPattern(pattern, at, report) {
  const fault = foreignPatternFault(pattern);
  if (fault) report.refuse(at, `the pattern \`${pattern}\``, fault, MEND);
}
