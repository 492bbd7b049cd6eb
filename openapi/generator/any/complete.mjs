// Completes a foreign document for publication: what a service answers besides what its document says is added to it, so that clients and
// tests know every status; and what a service has under another name or path is written as it is served.
//
//   node complete.mjs TOOLS DOCUMENT.yaml COMMON.json > BUNDLED.json
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Document, isObject } from '../compile/document.mjs';
import { stringify } from '../compile/exact.mjs';
import { classOf } from '../compile/media.mjs';
import { pathOf } from '../compile/servers.mjs';
import { DEADLINE_MS, FOREIGN } from '../defaults.mjs';
import { line } from '../published.mjs';
import { check } from './check.mjs';
import { inlinePathItems, operationsOf } from './operations.mjs';
import { Report } from './report.mjs';
import { withoutUnknown, withoutUnknownOfRoot } from './policies.mjs';
import { Source } from './source.mjs';

const PROBLEM = 'application/problem+json';
// What a service may answer to any request, and to those with a body, credentials, or parameters in the path; 501 is for what is still to be written.
const STANDARD = {
  every: [400, 405, 408, 414, 422, 429, 431, 500, 503, 504], body: [413, 415], signed: [401, 403], lookup: [404], planned: [501] };

/** Changes `root`; `common` has the problem documents. */
export function complete(root, common) {
  inlinePathItems(root);
  const document = new Document(root);
  const base = root['x-service']?.base ?? '';
  // The address of the document ends where the paths begin, also behind a gateway.
  const server = (servers) => ({ url: `.${base}${pathOf(servers)}` });
  withoutUnknownOfRoot(root);
  root.components ??= {};
  const problem = problemIn(root, common);
  const ids = new Set();
  const done = new Set();
  for (const { node, item, name, path } of operationsOf(document)) {
    node['x-operation-name'] = name;
    // Two paths may share an operation by reference.
    if (!node.operationId || ids.has(node.operationId)) node.operationId = name;
    ids.add(node.operationId);
    withoutUnknown(node);
    node.responses = responsesOf(document, node, { path, problem });
    if (node.requestBody) {
      node.requestBody = withoutXml(document, node.requestBody);
      node['x-body-limit'] ??= FOREIGN.bodyLimit;
    }
    if (Object.values(node.responses).some((one) => Object.keys(document.resolve({ node: one, pointer: '' }).node?.content ?? {}).some((media) => classOf(media) === 'events'))) node['x-event-streams'] ??= FOREIGN.eventStreams;
    for (const at of [node, item.node]) if (at.servers && !done.has(at.servers)) {
      at.servers = [server(at.servers)];
      done.add(at.servers);
    }
  }
  for (const { place: { node } } of document.outgoing()) {
    withoutUnknown(node);
    if (node.requestBody) node.requestBody = withoutXml(document, node.requestBody);
  }
  root.servers = [{ ...server(root.servers), description: 'Relative to the address of this document.' }];
  root['x-service'] = { ...root['x-service'], about: aboutOf(root.info) };
  root.info.description = [root.info.description, limitsText()].filter(Boolean).join('\n\n');
  return root;
}

// The first sentence, without notation; or the title.
function aboutOf({ title, description }) {
  const text = line(String(description ?? '').replace(/<[^>]*>|!?\[([^\]]*)\]\([^)]*\)|[`*#_]+/g, '$1'));
  return ([...text.split(/(?<=[.!?])\s/)[0]].slice(0, 200).join('') || line(title)).trim();
}

const limitsText = () => `**Limits.** Where an operation does not say otherwise: a request is answered within ${DEADLINE_MS / 1000} s (504, or 408 when its body is late), a body has up to `
  + `${FOREIGN.bodyLimit} bytes (413), JSON has up to 128 levels, integers without a format have 64 bits, numbers the range of a double. Errors that are not described are problem documents (RFC 9457).`;

// The schema and the description of a problem, under a name that is free.
function problemIn(root, common) {
  root.components.schemas ??= {};
  const copied = {};
  const copy = (name) => {
    if (copied[name]) return copied[name];
    const wanted = root.components.schemas[name] ? `Standard${name}` : name;
    copied[name] = wanted;
    const text = JSON.stringify(common.components.schemas[name]).replace(/#\/components\/schemas\/(\w+)/g, (_, other) => `#/components/schemas/${copy(other)}`);
    root.components.schemas[wanted] = JSON.parse(text);
    // Documents of ours have no parameters in cookies.
    if (name === 'FieldLocation') root.components.schemas[wanted].enum.push('cookie');
    return wanted;
  };
  const reference = `#/components/schemas/${copy('Problem')}`;
  root['x-standard-problem'] = reference;
  return reference;
}

const DESCRIPTIONS = {
  400: 'The request cannot be read.', 401: 'Credentials are missing or invalid.', 403: 'The credentials do not suffice.', 404: 'Not found.', 405: 'The path has other methods.',
  408: 'The request was not received in time.', 413: 'The body is too large.', 414: 'The target is too long.', 415: 'The media type of the body is not supported.', 422: 'The request does not conform to this document.',
  429: 'Too many requests.', 431: 'The headers are too large.', 500: 'Internal error.', 501: 'Not implemented yet.', 503: 'Overloaded, or being restarted.', 504: 'The deadline has passed.' };

function responsesOf(document, node, { path, problem }) {
  const given = Object.entries(node.responses ?? {}).map(([status, one]) => [/^[1-5]xx$/.test(status) ? status.toUpperCase() : status, one]);
  const responses = Object.fromEntries(given.map(([status, one]) => [status, /^(\d{3}|[1-5]XX|default)$/.test(status) ? withoutXml(document, one ?? {}) : one]));
  const security = node.security ?? document.root.security ?? [];
  const wanted = [
    ...STANDARD.every, ...(node.requestBody ? STANDARD.body : []), ...(security.some((one) => Object.keys(one ?? {}).length) ? STANDARD.signed : []),
    ...(path.includes('{') ? STANDARD.lookup : []), ...(node['x-planned'] ? STANDARD.planned : [])];
  for (const status of wanted) {
    const declared = [String(status), `${String(status)[0]}XX`, 'default'].find((one) => one in responses);
    const content = { [PROBLEM]: { schema: { $ref: problem } } };
    if (!declared) responses[status] = { description: DESCRIPTIONS[status], content };
    else responses[declared] = withProblem(document, responses[declared], content);
  }
  return responses;
}

// Beside a shape of the document's own a problem is possible where that shape has no place for what is to be said.
function withProblem(document, response, content) {
  const node = document.resolve({ node: response, pointer: '' }).node ?? {};
  if (node.content?.[PROBLEM]) return node;
  return { description: '', ...node, content: { ...node.content, ...content } };
}

// XML is neither read nor written where there is another notation of the same; of what has a notation of its own (`image/svg+xml`) it is one.
function withoutXml(document, given) {
  const node = document.resolve({ node: given, pointer: '' }).node ?? {};
  const media = Object.keys(isObject(node.content) ? node.content : {});
  const schemaOf = (one) => JSON.stringify(node.content[one]?.schema);
  const others = media.filter((one) => ['json', 'form', 'rows'].includes(classOf(one))).map(schemaOf);
  const kept = media.filter((one) => classOf(one) !== 'xml' || !others.includes(schemaOf(one)));
  if (kept.length === media.length || !kept.length) return node.content === null ? { ...node, content: undefined } : node;
  return { ...node, content: Object.fromEntries(kept.map((one) => [one, node.content[one]])) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [tools, file, common] = process.argv.slice(2);
  const source = new Source(file, createRequire(`${tools}/`)('yaml'));
  // What is mended on reading is published as it is understood.
  const report = new Report(source);
  check(source, report);
  if (report.refusals.length) {
    console.error([`${file} cannot be served:`, ...report.refusalLines()].join('\n'));
    process.exit(1);
  }
  console.log(stringify(complete(source.root, JSON.parse(readFileSync(common, 'utf8'))), 2));
}
