// Converts a foreign document to one in the accepted dialect with the same meaning on the wire.
import { requestBody } from './bodies.mjs';
import { Names, operationName, tagName } from './names.mjs';
import { parametersOf } from './parameters.mjs';
import { operationsOf } from './paths.mjs';
import { line, prose } from './prose.mjs';
import { responsesOf } from './responses.mjs';
import { Schemas } from './schemas.mjs';
import { checkShape } from './shape.mjs';
import { below } from './source.mjs';

const BODY_LIMIT = 1_048_576;
const STREAMS = 4;
const LICENSES = { MIT: 'MIT', ISC: 'ISC', UNLICENSE: 'Unlicense', APACHE: 'Apache-2.0', GPL: 'GPL-3.0-only', BSD: 'BSD-3-Clause' };

/** `{info, tags, operations, schemas}` for write.mjs; `others` are the existing documents, whose names are `taken`. */
export function adopt(source, report, { service, without, taken }) {
  checkShape(source, report);
  // Parts with the wrong shape cannot be read any further.
  if (report.refusals.length) return { all: [], operations: [], schemas: {} };
  const { operations, unserved } = operationsOf(source, report, without, service);
  const names = new Names(service, taken.operations);
  for (const one of operations) one.id = operationName(names, { operationId: one.operation.operationId, method: one.method, path: one.given });
  tellNames(operations, report);
  const tags = tagsOf(source, operations, service, taken.tags);
  const schemas = new Schemas({
    source, report, service, names: new Names(service, taken.schemas), sent: sentBy(source, operations), operations: [...operations.map(({ id }) => id), ...taken.operations] });
  const context = {
    source, report, schemas,
    byId: new Map(operations.map((one) => [one.operation.operationId, one])),
    byPointer: new Map(operations.map((one) => [one.pointer, one])) };
  for (const one of operations) one.parameters = parametersOf(one, context);
  for (const one of operations) one.made = operation(one, context);
  schemas.finish();
  if (source.root.webhooks) report.note('#/webhooks', 'Webhooks are left out: nothing sends them');
  return { info: infoOf(source, report, service), tags, all: [...operations, ...unserved], operations: operations.filter(({ made }) => made), schemas: schemas.components };
}

function tellNames(operations, report) {
  const renamed = operations.filter(({ id, operation }) => operation.operationId && operation.operationId !== id);
  for (const { pointer, operation, id } of renamed) report.note(pointer, 'Operation ids are in snake_case, and each there once in all documents', id, operation.operationId);
  for (const one of operations.filter(({ operation }) => !operation.operationId)) {
    report.note(one.pointer, 'Operations without an id are called by method and path', one.id, `${one.method.toUpperCase()} ${one.given}`);
  }
}

function operation(one, context) {
  const { operation: given, parameters } = one;
  const body = requestBody(one, context);
  const access = accessOf(one, context);
  const { lists, successes, told } = responsesOf(one, { parameters, body, access }, context);
  if (given.callbacks) context.report.note(below(one.pointer, 'callbacks'), 'Callbacks are left out: nothing sends them');
  const streams = Object.values(successes).some(({ content }) => content?.['text/event-stream']);
  const summary = line(given.summary) || line(prose(given.description).split(/\n|(?<=\.)\s/)[0]) || `${one.method.toUpperCase()} ${one.given}`;
  const meaning = told.length ? `Answers:\n\n${told.map((text) => `- ${text}`).join('\n')}` : '';
  return {
    operationId: one.id,
    'x-planned': true,
    'x-unknown-parameters': 'ignore',
    tags: [one.tag],
    summary,
    description: [prose(given.description), meaning].filter(Boolean).join('\n\n') || `${summary.replace(/\.$/, '')}.`,
    ...(given.deprecated && { deprecated: true }),
    ...(access === 'open' && { security: [] }),
    ...(access === 'optional' && { security: [{}, { oauth2: ['user'] }], 'x-optional-auth': true }),
    ...(streams && { 'x-event-streams': STREAMS }),
    ...(body && { 'x-body-limit': BODY_LIMIT }),
    ...(parameters.length && { parameters }),
    ...(body && { requestBody: body }),
    lists,
    successes,
  };
}

// An operation with any security scheme requires a token of this system.
function accessOf({ operation: given, pointer }, { source, report }) {
  const security = given.security ?? source.root.security ?? [];
  const place = given.security ? below(pointer, 'security') : '#/security';
  const named = security.filter((entry) => Object.keys(entry ?? {}).length);
  if (!named.length) {
    report.note(pointer, 'Operations that nothing protects are open to everybody');
    return 'open';
  }
  const schemes = [...new Set(named.flatMap((entry) => Object.keys(entry)))].map((name) => {
    const scheme = source.resolve(source.root.components?.securitySchemes?.[name], below('#/components/securitySchemes', name), report)?.node;
    return `\`${name}\` (${scheme ? [scheme.type, scheme.scheme ?? scheme.in].filter(Boolean).join(' ') : 'not declared'})`;
  });
  report.note(place, `Operations that ${schemes.join(', ')} ${schemes.length > 1 ? 'protect' : 'protects'} take a bearer token of the services, of scope \`user\``);
  return named.length < security.length ? 'optional' : 'signed';
}

function tagsOf(source, operations, service, taken) {
  const names = new Names(service, taken);
  const said = new Map((source.root.tags ?? []).map((tag) => [tag?.name, tag]));
  const made = new Map();
  for (const one of operations) {
    const [own = ''] = one.operation.tags ?? [];
    const key = String(own).toLowerCase().trim();
    if (!made.has(key)) made.set(key, { name: tagName(names, service, own), description: prose(said.get(own)?.description) || `Operations of ${line(own, 80) || service}.` });
    one.tag = made.get(key).name;
  }
  return [...made.values()];
}

// Components that requests use.
const sentBy = (source, operations) => reachedFrom(source, operations.flatMap(({ operation: given, item }) => [given.parameters, item.parameters, given.requestBody]));

/** The name and location of each operation, and the components that it uses. */
export const reachOf = (source, operations) => operations.map(({ operation: given, item, pointer, method, given: path }) => ({
  pointer, name: given.operationId ?? `${method.toUpperCase()} ${path}`, reached: [...reachedFrom(source, [given, item.parameters])] }));

function reachedFrom(source, nodes) {
  const found = new Set();
  const seen = new Set();
  const visit = (node) => {
    if (node === null || typeof node !== 'object' || seen.has(node)) return;
    seen.add(node);
    if (typeof node.$ref === 'string') {
      const target = source.find(node.$ref);
      if (target) {
        found.add(target.pointer);
        visit(target.node);
      }
    }
    Object.values(node).forEach(visit);
  };
  nodes.forEach(visit);
  return found;
}

function infoOf({ root }, report, service) {
  const info = root.info ?? {};
  const [major = '1', minor = '0', patch = '0'] = /\d+(?:\.\d+)*/.exec(String(info.version ?? ''))?.[0].split('.') ?? [];
  const isWhole = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(info.version ?? '') && !/(?:^|[.-])0\d/.test(info.version);
  const version = isWhole ? info.version : [major, minor, patch].map(Number).join('.');
  if (!isWhole) report.note('#/info/version', `The version is written as \`${version}\``);
  const title = line(info.title, 80).replace(/["\\{}]/g, '') || service;
  const license = info.license?.name && line(info.license.name, 80);
  const known = license && (/^https?:/.test(info.license.url ?? '') ? info.license.url
    : `https://spdx.org/licenses/${LICENSES[Object.keys(LICENSES).find((word) => license.toUpperCase().includes(word))] ?? info.license.identifier ?? ''}`);
  return {
    title,
    version,
    description: prose(info.description) || prose(info.summary) || `${title}.`,
    license: license ? { name: license, url: known } : { name: 'MIT', url: 'https://opensource.org/licenses/MIT' },
    contact: { name: line(info.contact?.name, 80) || 'API maintainers' },
  };
}
