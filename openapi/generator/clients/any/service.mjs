// A service whose document was written elsewhere, as the printers of the clients need it: models, operations, and how requests are written.
// Types and their names are those of the server (../../compile).
import { Document, child, escape, isObject } from '../../compile/document.mjs';
import { classOf } from '../../compile/media.mjs';
import { boxesOf, reachedFrom } from '../../compile/models.mjs';
import { operationsOf } from '../../compile/operations.mjs';
import { Render } from '../../compile/render.mjs';
import { Names, camel, snake } from '../../compile/rust.mjs';
import { schemesOf } from '../../compile/security.mjs';
import { ANY, TEXT, writtenBody, writtenParameter } from '../../compile/written.mjs';
import { Shapes } from '../../compile/shapes.mjs';
import { isSecret } from '../../secrets.mjs';
import { tagOf } from './tags.mjs';

/** `{models, operations, schemes, boxed}` of a bundled document. */
export function describe(root) {
  const document = new Document(root);
  const shapes = new Shapes(document);
  const render = new Render(document);
  const schemes = schemesOf(document);
  const compiled = operationsOf(document, { shapes, render, schemes });
  const names = new Names(shapes.models.keys());
  const forms = [];
  const operations = compiled.map((one) => operation(one, { document, shapes, names, forms }));
  const shapesOf = {
    sent: operations.flatMap(({ parameters, bodies }) => [...parameters.map(({ shape }) => shape), ...bodies.map(({ shape }) => shape)]),
    answered: [...operations.flatMap(({ answers }) => answers.map(({ shape }) => shape)), ...compiled.flatMap(({ responses }) => responses.shapes)],
  };
  for (const form of forms) shapes.models.set(form.name, form);
  const sent = reachedFrom(shapes.models, shapesOf.sent);
  const answered = reachedFrom(shapes.models, shapesOf.answered);
  const used = [...shapes.models.values()].filter(({ name }) => sent.has(name) || answered.has(name));
  for (const model of used) finish(model, { document, shapes, isSent: sent.has(model.name), isAnswered: answered.has(model.name) });
  return {
    models: used.sort((one, other) => (one.name < other.name ? -1 : 1)), byName: shapes.models, operations,
    schemes: schemesIn(document, operations), boxed: boxesOf(shapes.models) };
}

// What one type for both directions needs: a read-only property is absent in requests, a write-only one in answers.
function finish(model, { document, shapes, isSent, isAnswered }) {
  model.isSent = isSent;
  for (const field of model.fields ?? []) {
    const isOneWay = (field.isReadOnly && isSent) || (field.isWriteOnly && isAnswered);
    field.isOptional = !field.isRequired || isOneWay;
    field.isSecret = isSecret(field.name, field.nodes.find(({ format }) => format === 'password') ?? {});
    field.doc = field.nodes.map(({ description }) => description).find((text) => typeof text === 'string');
    field.isDeprecated = field.nodes.some(({ deprecated }) => deprecated === true);
  }
  if (model.kind === 'union') model.tag = tagOf(model, { document, models: shapes.models });
}

function operation(one, { document, shapes, names, forms }) {
  const { node, id, hint, method, path } = one;
  const parameters = one.parameters.map((parameter) => writtenParameter(parameter));
  const taken = new Names(parameters.map(({ plain }) => plain));
  const parts = path.split(/\{([^{}]*)\}/).map((text, index) => {
    if (index % 2 === 0) return encodeURI(decodeLoosely(text)).replace(/[?#'"`\\]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
    const known = parameters.find(({ in: place, wire }) => place === 'path' && wire === text);
    if (known) return known;
    // Described nowhere: any text.
    const made = { wire: text, in: 'path', style: 'simple', explode: false, plain: taken.take(snake(text, 'parameter'), '_'), isRequired: true, shape: TEXT };
    parameters.push(made);
    return made;
  });
  const within = { document, models: shapes.models };
  const bodies = one.body ? one.body.all.map((media) => writtenBody(media, { within, names, forms, hint })) : [];
  return {
    id, hint, method, parts, parameters, bodies, isBodyRequired: one.body?.isRequired === true, summary: node.summary, description: node.description,
    isDeprecated: node.deprecated === true, path, answers: method === 'HEAD' ? [] : answersOf(one, { document, shapes }), hasRedirects: Object.keys(node.responses ?? {}).some((status) => /^3(?!04)/.test(status)),
    security: securityOf(document, node) };
}

function decodeLoosely(text) {
  try {
    return decodeURI(text);
  } catch {
    return text.replaceAll('%', '%25');
  }
}

/** What a success may be: `{status, media, kind, shape}` each; kind is json, text, bytes or none. */
function answersOf({ node, place, hint }, { document, shapes }) {
  const statuses = Object.keys(node.responses ?? {});
  const successes = statuses.filter((status) => /^2/.test(status));
  const redirects = statuses.filter((status) => /^3(\d\d|XX)$/i.test(status) && status !== '304');
  const wanted = [successes, redirects, statuses.filter((status) => /^default$/i.test(status))].find((list) => list.length) ?? [];
  return wanted.flatMap((status) => {
    const response = document.resolve(child(place, 'responses', status));
    const content = Object.keys(isObject(response.node?.content) ? response.node.content : {}).filter((media) => successes.length || !/problem\+json/.test(media));
    if (!content.length) return [{ status, kind: 'none', shape: undefined }];
    return content.map((media) => answerOf(status, media, child(response, 'content', media, 'schema'), { shapes, hint }));
  });
}

function answerOf(status, media, schema, { shapes, hint }) {
  const kind = classOf(media);
  if (kind === 'json') return { status, media, kind, shape: schema.node === undefined ? ANY : shapes.of(schema, `${hint}Answer`) };
  // Streams are read as text at once, or as they come.
  if (['rows', 'events', 'text', 'xml'].includes(kind)) return { status, media, kind: 'text', shape: TEXT, isStream: ['rows', 'events'].includes(kind) };
  return { status, media, kind: 'bytes', shape: { kind: 'bytes', isNullable: false } };
}

// Alternatives of schemes that belong together.
const securityOf = (document, node) => (node.security ?? document.root.security ?? []).map((one) => Object.keys(one ?? {}));

function schemesIn(document, operations) {
  const used = new Set(operations.flatMap(({ security }) => security.flat()));
  const names = new Names();
  return Object.keys(document.root.components?.securitySchemes ?? {}).filter((name) => used.has(name)).map((name) => {
    const { node } = document.resolve(document.place(`/components/securitySchemes/${escape(name)}`));
    return { name, plain: names.take(snake(name, 'scheme'), '_'), ...carried(node), doc: node.description };
  }).filter(({ kind }) => kind !== 'none');
}

/** How a credential is sent: kind is bearer, basic, http, or the place of a key. */
function carried({ type, scheme = '', name, in: place }) {
  if (type === 'apiKey') return { kind: ['header', 'query', 'cookie'].includes(place) ? place : 'header', wire: String(name) };
  // It is part of the connection.
  if (type === 'mutualTLS') return { kind: 'none' };
  if (type === 'http' && scheme.toLowerCase() === 'basic') return { kind: 'basic' };
  if (type === 'http' && scheme.toLowerCase() !== 'bearer') return { kind: 'http', wire: scheme };
  return { kind: 'bearer' };
}

/** Words of a document for a comment: paragraphs of one line each, without what hides or turns text. */
export function prose(...texts) {
  const paragraphs = texts.filter((text) => typeof text === 'string').flatMap((text) => text.split(/\n\s*\n/));
  return paragraphs.map((text) => text.replace(/[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200e}\u{200f}]/gu, '').replace(/[\s\p{C}]+/gu, ' ').trim()).filter(Boolean);
}

/** A name in words: `userId` for TypeScript. */
export const lowerCamel = (plain) => {
  const name = camel(plain);
  return name.charAt(0).toLowerCase() + name.slice(1);
};

/** A name that is free, and with each of these endings, too. */
export function freeName(names, wanted, endings, separator = '') {
  for (;;) {
    const name = names.take(wanted, separator);
    if (endings.every((ending) => names.take(name + ending) === name + ending)) return name;
  }
}

/** Whether an alias leads back to itself (or to `wanted`) without a list, a map or an object in between: such a type has no meaning. */
export function loops(model, byName, wanted = model.name, seen = new Set()) {
  if (!model || !['union', 'newtype'].includes(model.kind) || seen.has(model.name)) return false;
  seen.add(model.name);
  const next = model.kind === 'union' ? model.branches.map(({ shape }) => shape.model) : [model.inner?.model];
  return next.some((name) => name === wanted || loops(byName.get(name), byName, wanted, seen));
}

/** The models that an alias stands for; a branch that leads back to it says nothing. */
export const branchesOf = (model, byName) => model.branches.map(({ shape }) => (
  shape.model && (shape.model === model.name || loops(byName.get(shape.model), byName, model.name)) ? { kind: 'any', isNullable: false } : shape));
