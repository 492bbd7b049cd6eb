// Merges the bundled documents of all services for the client generators: one package for each language, in
// which a user, a token and a problem are one type each, whichever service they came from.
//
//   node merge.mjs LANGUAGE GENERATED > MERGED.json
//
// Services whose documents were written elsewhere have modules of their own there, which any/write.mjs writes; the templates get their names.
// Operations that every service has (sign-up, login, logout) are taken from the first one. The README section of a service is in that
// service's folder: impl/NAME/client-tests/README.LANGUAGE.md.
import { existsSync, readFileSync } from 'node:fs';
import { unescape } from '../compile/document.mjs';
import { isForeign } from '../defaults.mjs';
import { isSecret } from '../secrets.mjs';
import { documentOf, servicesOf } from '../services.mjs';
import { moduleOf } from './any/names.mjs';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];
// The service validates its limits: a client that knew them would reject what a later service accepts.
const LIMITS = ['minLength', 'maxLength', 'pattern', 'minimum', 'maximum', 'minItems', 'maxItems', 'multipleOf'];
// Conditional reads may have a response without a body, which no return type can express.
const LEFT_OUT = ['If-None-Match'];
// The tag of requests about tokens themselves: they are sent with the token there is, which is never refreshed for them.
const SIGN_IN = 'login';

const [language, generated] = process.argv.slice(2);
const all = servicesOf(generated).map(({ name, prefix, port, released }) => ({ name, prefix, port, released, document: documentOf(generated, name) }));
if (!all.length) fail('there are no services');
const services = all.filter(({ document }) => !isForeign(document));
const first = services[0]?.document ?? withoutOperations(documentOf(generated, 'common'));

// Names in the conventions of a language; documents have theirs in kebab-case or snake_case.
const words = (name) => name.split(/[^A-Za-z0-9]+/).filter(Boolean);
const pascal = (name) => words(name).map((word) => word[0].toUpperCase() + word.slice(1)).join('');
const camel = (name) => pascal(name).replace(/^./, (letter) => letter.toLowerCase());
const snake = (name) => words(name).join('_').toLowerCase();
const member = language === 'typescript' ? camel : snake;

function fail(message) {
  console.error(`clients: ${message}`);
  process.exit(1);
}

// For clients that have foreign services only: what errors are.
function withoutOperations(common) {
  const { Problem, FieldError, FieldLocation } = common.components.schemas;
  return { ...common, security: [], components: { securitySchemes: {}, schemas: { Problem, FieldError, FieldLocation } } };
}

function resolve(document, node) {
  if (!node?.$ref) return node;
  return node.$ref.slice(2).split('/').reduce((at, step) => at[unescape(step)], document);
}

// Schemas that are sent, with everything they refer to.
function sent(document, node, found = new Set()) {
  if (node === null || typeof node !== 'object') return found;
  const [, schema] = /^#\/components\/schemas\/(.+)$/.exec(node.$ref ?? '') ?? [];
  if (found.has(schema)) return found;
  if (schema) found.add(schema);
  if (node.$ref) sent(document, resolve(document, node), found);
  else Object.values(node).forEach((one) => sent(document, one, found));
  return found;
}

// Data of a model for the templates, besides its fields: whether it is sent, and which fields are secret.
function annotate(document, requests) {
  for (const [name, schema] of Object.entries(document.components.schemas).filter(([, one]) => one.properties)) {
    if (requests.has(name)) schema['x-request'] = true;
    const members = Object.entries(schema.properties).map(([property, definition]) => {
      const secret = isSecret(property, resolve(document, definition));
      return { name: language === 'typescript' ? property.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()) : property, secret };
    });
    const secret = members.filter((one) => one.secret).map((one) => one.name);
    if (secret.length > 0) Object.assign(schema, { 'x-members': members, 'x-secret-members': secret });
  }
}

// Operations of a token endpoint take its first grant, whose fields are required. The clients make the requests of the others themselves.
function ofFirstGrant(document, operation) {
  const [first, ...others] = Object.values(operation?.['x-token-endpoint']?.['grant-types'] ?? {});
  if (!first) return;
  const { schema } = Object.values(resolve(document, operation.requestBody).content)[0];
  const form = resolve(document, schema);
  form.required = first;
  for (const field of others.flat().filter((one) => !first.includes(one))) delete form.properties[field];
}

function withoutLimits(node) {
  if (node === null || typeof node !== 'object') return;
  if (typeof node.type === 'string') LIMITS.forEach((limit) => delete node[limit]);
  // It would become a type of its own in Python, which passwords would have to be wrapped in.
  if (node.format === 'password') delete node.format;
  Object.values(node).forEach(withoutLimits);
}

// Error responses are problem documents whatever their status, so the packages have one error type and no lists of statuses.
function answers(document, responses) {
  const kept = {};
  for (const [status, reference] of Object.entries(responses)) {
    if (!status.startsWith('2')) continue;
    const { description, content } = resolve(document, reference);
    kept[status] = { description, ...(content && { content }) };
  }
  return kept;
}

// For documentation: clients return headers as received.
function answerHeaders(document, responses) {
  const known = new Map();
  for (const [status, reference] of Object.entries(responses)) {
    if (!status.startsWith('2')) continue;
    for (const [name, header] of Object.entries(resolve(document, reference).headers ?? {})) {
      known.set(name, resolve(document, header).description);
    }
  }
  return [...known].map(([name, description]) => ({ name, description }));
}

function clientOperation(service, operation, shared) {
  const { name, document } = service;
  const responses = answers(document, operation.responses);
  const parameters = [...shared, ...(operation.parameters ?? [])].map((one) => resolve(document, one));
  const requestBody = resolve(document, operation.requestBody);
  const json = requestBody?.content['application/json'];
  const kept = {
    operationId: operation.operationId,
    tags: operation.tags,
    summary: operation.summary,
    description: operation.description,
    security: operation.security ?? document.security,
    parameters: parameters.filter((one) => !LEFT_OUT.includes(one.name)),
    ...(requestBody && { requestBody: json ? { ...requestBody, content: { 'application/json': json } } : requestBody }),
    responses,
  };
  const media = Object.values(responses).flatMap((response) => Object.keys(response.content ?? {}));
  kept['x-service'] = pascal(name);
  kept['x-streamed'] = media.some((one) => one !== 'application/json');
  kept['x-answer-headers'] = answerHeaders(document, operation.responses);
  kept['x-sign-in'] = operation.tags.includes(SIGN_IN);
  kept['x-optional-params'] = kept.parameters.some((one) => !one.required);
  return kept;
}

function example(name) {
  const file = new URL(`../../../impl/${name}/client-tests/README.${language}.md`, import.meta.url);
  return existsSync(file) && readFileSync(file, 'utf8');
}

// The signature of an operation: operations of one name have the same.
function called({ tags, parameters, requestBody, responses }) {
  const answered = Object.entries(responses).map(([status, { content }]) => [status, content]);
  return JSON.stringify([tags, parameters.map(({ name, schema }) => [name, schema]), requestBody, answered]);
}

const merged = {
  openapi: first.openapi,
  info: {
    title: 'schema-first client',
    version: first.info.version,
    description: `Client of the ${all.map((one) => one.name).join(', ')} services.`,
    license: first.info.license,
    contact: first.info.contact,
  },
  servers: [{ url: '/' }],
  security: first.security,
  tags: [],
  paths: {},
  components: { securitySchemes: first.components.securitySchemes, schemas: services.length ? {} : first.components.schemas },
  'x-services': [],
  'x-foreign': [],
  'x-own': services.length > 0,
  'x-examples': all.map(({ name }) => example(name)).filter(Boolean).join('\n'),
};
const operations = new Map();
for (const service of services) {
  const { name, prefix, document } = service;
  // A document that is not released may have a version of its own.
  if (service.released && document.info.version !== merged.info.version) {
    fail(`${name} is version ${document.info.version}, ${services[0].name} is ${merged.info.version}; they are released together`);
  }
  Object.values(document.paths).forEach((item) => METHODS.forEach((method) => ofFirstGrant(document, item[method])));
  const bodies = Object.values(document.paths).flatMap((item) => METHODS.map((method) => item[method]?.requestBody));
  annotate(document, sent(document, bodies));
  for (const [schema, definition] of Object.entries(document.components.schemas)) {
    const known = merged.components.schemas[schema];
    if (known && JSON.stringify(known) !== JSON.stringify(definition)) fail(`${name}: ${schema} is something else in another service`);
    merged.components.schemas[schema] = definition;
  }
  const tags = new Set();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const operation = item[method];
      const wanted = clientOperation(service, operation, item.parameters ?? []);
      const looks = called(wanted);
      const known = operations.get(operation.operationId);
      if (known && known !== looks) fail(`${name}: the operation ${operation.operationId} is something else in another service`);
      if (known) continue;
      operations.set(operation.operationId, looks);
      operation.tags.forEach((tag) => tags.add(tag));
      if (operation['x-token-endpoint']?.['grant-types'].refresh_token) merged['x-session'] = { path, service: member(name), variant: pascal(name) };
      merged.paths[path] ??= {};
      merged.paths[path][method] = wanted;
    }
  }
  for (const tag of document.tags.filter((one) => tags.has(one.name))) {
    if (merged.tags.some((one) => one.name === tag.name)) fail(`${name}: the tag ${tag.name} is another service's as well`);
    merged.tags.push(tag);
  }
  merged['x-services'].push({
    name: member(name),
    variant: pascal(name),
    prefix: `/${prefix}`,
    port: service.port,
    comma: service === all.at(-1) ? '' : ', ',
    foreign: false,
    apis: [...tags].map((tag) => ({ tag: member(tag), module: snake(tag), class: `${pascal(tag)}Api`, signIn: tag === SIGN_IN })),
  });
}
const taken = new Set(merged['x-services'].flatMap(({ apis }) => (language === 'rust' ? [] : apis.map(({ tag }) => tag))).concat(language === 'rust' ? [...operations.keys()] : []));
for (const service of all.filter(({ document }) => isForeign(document))) {
  const module = moduleOf(language, service.name);
  const entry = {
    name: module, variant: pascal(service.name), prefix: `/${service.prefix}`, port: service.port, comma: service === all.at(-1) ? '' : ', ', foreign: true, apis: [],
    module, member: taken.has(module) ? `${module}${language === 'typescript' ? 'Service' : '_service'}` : module, title: service.name };
  merged['x-services'].push(entry);
  merged['x-foreign'].push(entry);
}
withoutLimits(merged);
if (language === 'python') {
  for (const schema of Object.values(merged.components.schemas).filter((one) => one['x-enum-varnames'])) {
    schema['x-enum-varnames'] = schema['x-enum-varnames'].map((name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase());
  }
}
process.stdout.write(JSON.stringify(merged, null, 1));
