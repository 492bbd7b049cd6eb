// Prepares a bundled document for the templates: what openapi-generator does not pass on, or not in a form that
// templates without logic can use, is added as an `x-` extension. The published document is unchanged.
//
//   node prepare.mjs BUNDLED.json COMMON.json > PREPARED.json
//
// COMMON is the bundled common document: its models are generated once, and used by the others.
import { readFileSync } from 'node:fs';
import { BODY_LIMIT, DEADLINE_MS } from './defaults.mjs';
import { isSecret } from './secrets.mjs';

const [bundled, commonFile] = process.argv.slice(2);
const document = JSON.parse(readFileSync(bundled, 'utf8'));
const common = bundled === commonFile ? null : JSON.parse(readFileSync(commonFile, 'utf8'));
// Entity tags, 304, links to the next page and the replay marker need no handler.
const MADE_BY_RUNTIME = ['etag', 'link', 'idempotent-replayed'];
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

// A default is decoded at run time by the same rule as a value in a request, so it is passed as JSON text. A number
// below 1 is false to a template, so it is passed as text, too.
function markSchema(schema, target = schema) {
  if ('default' in schema) target['x-default'] = JSON.stringify(JSON.stringify(schema.default));
  if ('multipleOf' in schema) target['x-multiple-of'] = String(schema.multipleOf);
}

// Keys below `properties` are names, which may equal keywords.
function markSchemas(node, areNames = false) {
  if (Array.isArray(node)) return node.forEach((one) => markSchemas(one));
  if (node === null || typeof node !== 'object') return;
  if (!areNames && ('type' in node || '$ref' in node || 'allOf' in node)) markSchema(node);
  for (const [name, child] of Object.entries(node)) {
    if (areNames || !['example', 'examples'].includes(name)) markSchemas(child, !areNames && name === 'properties');
  }
}

function resolveIn(root, node) {
  if (!node?.$ref) return node;
  return node.$ref.slice(2).split('/').reduce((at, step) => at[step.replaceAll('~1', '/').replaceAll('~0', '~')], root);
}
const resolve = (node) => resolveIn(document, node);

// Whether a schema is the common one, before anything was added to it.
const untouched = JSON.stringify(document.components?.schemas ?? {});
const isTheSame = (name) => JSON.stringify(JSON.parse(untouched)[name]) === JSON.stringify(common.components.schemas[name]);

// Fields that a model must not print.
function markSecrets(schema) {
  for (const [member, property] of Object.entries(schema.properties ?? {})) {
    if (isSecret(member, resolve(property))) schema['x-secrets'] = resolve(property)['x-secret'] = true;
  }
}

function prepareOperation(operation) {
  const headers = Object.keys(resolve(operation.responses['200'])?.headers ?? {});
  operation['x-etag'] = headers.some((name) => name.toLowerCase() === 'etag');
  for (const [status, reference] of Object.entries(operation.responses)) {
    if (!/^[23]/.test(status)) {
      // Error responses are problem documents, which the runtime creates; generated code needs their status only.
      operation.responses[status] = { description: 'Problem' };
      continue;
    }
    const response = structuredClone(resolve(reference));
    for (const name of Object.keys(response.headers ?? {})) {
      if (MADE_BY_RUNTIME.includes(name.toLowerCase())) delete response.headers[name];
    }
    if (response.headers && Object.keys(response.headers).length === 0) delete response.headers;
    response['x-answer'] = status !== '304';
    response['x-plain'] = !response.headers;
    // A template cannot compare strings.
    const media = Object.keys(response.content ?? {})[0];
    response['x-json'] = media === 'application/json';
    response['x-events'] = media === 'text/event-stream';
    response['x-stream'] = Boolean(media) && !response['x-json'] && !response['x-events'];
    operation.responses[status] = response;
  }
  const security = operation.security ?? document.security ?? [];
  operation['x-optional-auth'] = security.length > 1 && security.some((choice) => Object.keys(choice).length === 0);
  operation['x-deadline-ms'] ??= DEADLINE_MS;
  operation['x-body'] = 'requestBody' in operation;
  if (operation['x-body']) operation['x-body-limit'] ??= BODY_LIMIT;
  operation['x-closed-query'] = (operation['x-unknown-parameters'] ?? document['x-unknown-parameters']) === 'refuse';
  // One limit is a list of one.
  operation['x-rate-limits'] = [operation['x-rate-limit'] ?? []].flat().map(
    ({ class: name, amount, by, 'window-seconds': seconds, 'max-delay-seconds': delay = 0 }) => (
      { class: name, amount, seconds, by: by.replaceAll(/(?:^|-)(.)/g, (_, first) => first.toUpperCase()), delay: String(delay) }));
  if (operation['x-token-endpoint']) {
    // A request may use the values in the document.
    const { flows } = Object.values(document.components.securitySchemes)[0];
    operation['x-token-words'] = {
      grants: operation['x-token-endpoint']['grant-types'].map((word) => ({ word })),
      scopes: Object.keys(flows.password.scopes).map((word) => ({ word })),
    };
  }
  if (operation['x-row-errors'] === 'collect') {
    operation.requestBody = { ...resolve(operation.requestBody), 'x-rows': true };
  }
  const parameters = (operation.parameters ?? []).map(resolve);
  operation['x-params'] = parameters.length > 0;
  const key = parameters.find((parameter) => parameter.name === 'Idempotency-Key');
  if (key) key['x-idempotency-key'] = true;
  for (const parameter of operation.parameters ?? []) {
    const schema = resolve(resolve(parameter).schema);
    if (schema) markSchema(schema, resolve(parameter));
  }
}

markSchemas(document.components?.schemas ?? {}, true);
Object.values(document.components?.schemas ?? {}).forEach(markSecrets);
for (const item of Object.values(document.paths)) {
  // Path-level parameters belong to each operation.
  const shared = item.parameters ?? [];
  delete item.parameters;
  for (const method of METHODS) {
    if (!(method in item)) continue;
    const operation = item[method];
    if (shared.length) operation.parameters = [...shared, ...(operation.parameters ?? [])];
    prepareOperation(operation);
  }
}
// Schemas that are used by error responses only are not generated.
function reach(root, node, found = new Set()) {
  if (node === null || typeof node !== 'object') return found;
  if (typeof node.$ref === 'string' && !found.has(node.$ref)) {
    found.add(node.$ref);
    reach(root, resolveIn(root, node), found);
  }
  Object.values(node).forEach((child) => reach(root, child, found));
  return found;
}
// Successes are inlined already, so the remaining ones are problem documents.
const withoutProblems = (responses) => Object.fromEntries(Object.entries(responses).filter(([status]) => /^[23]/.test(status)));
function reachedFrom(root) {
  const operations = Object.values(root.paths).flatMap((item) => METHODS.filter((method) => item[method]).map((method) => item[method]));
  return reach(root, operations.map((operation) => ({ ...operation, responses: withoutProblems(operation.responses) })));
}
const reached = reachedFrom(document);
const shared = common ? reachedFrom(common) : new Set();
delete document.components?.responses;
for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
  const reference = `#/components/schemas/${name}`;
  if (!reached.has(reference)) delete document.components.schemas[name];
  else if ((schema.properties || schema.enum) && shared.has(reference) && isTheSame(name)) schema['x-common'] = true;
}
if (!common) Object.assign(document, { paths: {}, components: { schemas: document.components.schemas } });
process.stdout.write(JSON.stringify(document, null, 1));
