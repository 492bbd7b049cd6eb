// Responses of operations: their successes, and our problem documents in place of their errors.
import { answerContent, answerHeaders } from './bodies.mjs';
import { camel, fold } from './names.mjs';
import { line, prose } from './prose.mjs';
import { below } from './source.mjs';

// A success is named after its status.
const VARIANTS = {
  200: 'Ok', 201: 'Created', 202: 'Accepted', 203: 'NonAuthoritativeInformation', 204: 'NoContent', 205: 'ResetContent', 206: 'PartialContent', 207: 'MultiStatus',
  208: 'AlreadyReported', 226: 'ImUsed', 300: 'MultipleChoices', 301: 'MovedPermanently', 302: 'Found', 303: 'SeeOther', 307: 'TemporaryRedirect', 308: 'PermanentRedirect' };
// Errors that an operation may declare, by the list that declares them here.
const LISTS = { 404: 'lookup', 409: 'unique' };
// Errors that every operation declares, or that the service handles.
const KNOWN = ['400', '401', '403', '404', '405', '408', '409', '412', '413', '415', '422', '429', '500', '501', '503', '504'];

/** `{lists, successes, told}`: names of lists of problems, successes by status, and descriptions of the responses. */
export function responsesOf(one, { parameters, body, access }, context) {
  const { report } = context;
  const given = Object.entries(one.operation.responses ?? {}).filter(([status]) => !status.startsWith('x-'));
  const errors = given.filter(([status]) => /^[45]/.test(status)).map(([status]) => status.toUpperCase());
  const successes = {};
  const told = [];
  const pointer = below(one.pointer, 'responses');
  for (const [status, node] of wantedOf(given, pointer, report)) {
    const found = context.source.resolve(node, below(pointer, status), report);
    if (!found) continue;
    const code = /^\d{3}$/.test(status) ? status : '200';
    const variant = VARIANTS[code] ?? `Status${code}`;
    const content = answerContent(one, code, found, context);
    const headers = answerHeaders(one, found, context);
    const links = linksOf(found, one, context);
    successes[code] = { description: variant, ...(headers && { headers }), ...(content && { content }), ...(links && { links }) };
    const meaning = line(found.node.description, 200);
    if (meaning && fold(meaning) !== fold(variant)) told.push(`${code}: ${meaning}`);
  }
  if (!Object.keys(successes).some((status) => status.startsWith('2'))) {
    const status = Object.keys(successes).length ? '200' : '204';
    report.note(pointer, `Operations without a success have one, ${status}`);
    successes[status] = { description: VARIANTS[status] };
  }
  const odd = errors.filter((status) => !KNOWN.includes(status) && !/^[45]XX$/.test(status));
  if (odd.length) report.note(pointer, `Errors that no operation answers here are left out (${odd.join(', ')})`);
  return { lists: listsOf(one, errors, { parameters, body, access }), successes, told };
}

// `default` covers all other cases: an error, where there is a success beside it.
function wantedOf(given, pointer, report) {
  const isNotModified = ([status]) => status === '304';
  if (given.some(isNotModified)) report.note(below(pointer, '304'), 'A 304 is left out: it belongs to `If-None-Match` and an `ETag`');
  const explicit = given.filter(([status]) => /^[23]\d\d$/.test(status) && status !== '304');
  const isRange = ([status]) => /^2XX$/i.test(status) && !explicit.some(([code]) => code === '200');
  const ranges = given.filter(isRange);
  if (ranges.length) report.note(below(pointer, ranges[0][0]), '`2XX` is 200');
  const others = given.filter(([status]) => !/^(?:[245]\d\d|3\d\d|[245]XX|default)$/i.test(status));
  if (others.length) report.note(pointer, `Answers of no single status are left out (${others.map(([status]) => status).join(', ')})`);
  const both = [...explicit, ...ranges];
  if (both.length) return both;
  const fallback = given.filter(([status]) => status === 'default');
  if (fallback.length) report.note(below(pointer, 'default'), 'A `default` that stands alone is 200');
  return fallback;
}

function listsOf(one, errors, { parameters, body, access }) {
  const has = (name) => parameters.some((parameter) => parameter.name === name);
  const looksUp = has('cursor') || parameters.some((parameter) => parameter.in === 'path');
  const lists = ['every'];
  if (access !== 'open') lists.push('signed');
  if (parameters.length || body) lists.push('checked');
  if (body) lists.push('body');
  for (const [status, list] of Object.entries(LISTS)) if (errors.includes(status) || (list === 'lookup' && looksUp)) lists.push(list);
  if (has('If-Match')) lists.push('versioned');
  return [...lists, 'planned'];
}

// Links to operations and parameters that exist in the new document.
function linksOf({ node, pointer }, one, { source, report, byId, byPointer }) {
  const made = {};
  for (const [name, given] of Object.entries(node.links ?? {})) {
    const at = below(pointer, 'links', name);
    const link = source.resolve(given, at, report)?.node;
    const target = link && (byId.get(link.operationId) ?? byPointer.get(source.find(link.operationRef)?.pointer));
    if (!target || link.requestBody !== undefined) {
      report.note(at, 'A link is left out: it leads to no operation here, or makes up a body');
      continue;
    }
    const parameters = Object.fromEntries(Object.entries(link.parameters ?? {}).map(([parameter, value]) => {
      const plain = parameter.replace(/^(?:path|query|header)\./, '');
      return [target.renamed[plain] ?? plain, value];
    }));
    const isKnown = Object.values(parameters).every((value) => typeof value === 'string');
    if (!isKnown) continue;
    made[camel(name) || camel(target.id)] = { operationId: target.id, description: prose(link.description) || 'What follows.', ...(Object.keys(parameters).length && { parameters }) };
  }
  return Object.keys(made).length ? made : undefined;
}
