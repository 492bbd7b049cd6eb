// Operations as data for the templates.
import { BODY_LIMIT, DEADLINE_MS, nameOf } from '../defaults.mjs';
import { bodyOf } from './bodies.mjs';
import { child } from './document.mjs';
import { parameterData, parametersOf } from './parameters.mjs';
import { responsesOf, statusesText } from './responses.mjs';
import { Names, camel, docLine, identifier, literal } from './rust.mjs';
import { requirementsOf, securityText } from './security.mjs';

/** Every operation of the document: its place, path, method, names, and the shapes it sends and answers. */
export const operationsOf = (document, parts) => document.operations().map((one) => operationOf(document, one, parts));

/** One operation, by the name `id`. */
export function operationOf(document, { method, served: path, item, place, id = nameOf(place.node) }, { shapes, render, schemes }) {
  const { node } = place;
  const hint = camel(id);
  const parameters = parametersOf(parameterPlaces(document, place, item), { shapes, render, names: new Names(), hint });
  const limit = node['x-body-limit'] ?? BODY_LIMIT;
  const body = bodyOf(document.resolve(child(place, 'requestBody')), { document, shapes, render, hint, limit, depth: node['x-body-depth'], rows: node['x-row-errors'] === 'collect' });
  const responses = responsesOf(child(place, 'responses'), { document, shapes, render, hint });
  return { document, node, place, path, method: method.toUpperCase(), id, hint, parameters, body, limit, responses, requirements: requirementsOf(document, node, schemes) };
}

// Those of an operation win over those of its path.
function parameterPlaces(document, place, item) {
  const of = (at) => (Array.isArray(at.node) ? at.node.map((_, index) => document.resolve(child(at, index))) : []);
  const own = of(child(place, 'parameters'));
  const isOwn = ({ node }) => own.some(({ node: one }) => one?.name === node?.name && one?.in === node?.in);
  return [...of(child(item, 'parameters')).filter((one) => !isOwn(one)), ...own];
}

/** The shapes that are sent, by a client or the service; of a form with files its fields, as it has a type of its own. */
export const sentBy = ({ parameters, body }, models) => [
  ...parameters.map(({ shape }) => shape),
  ...(body?.all ?? []).flatMap(({ shape, isForm }) => (!shape ? [] : isForm && models.get(shape.model)?.fields ? withinForm(models.get(shape.model)) : [shape]))];

const withinForm = ({ fields, values }) => [...fields.map(({ shape }) => shape), ...(values?.kind ? [values] : [])];

/** Data for the templates of an operation; `types` are the names of its module. */
export function operationData(one, { render, types }) {
  const { document, node, hint, parameters, body, responses, requirements } = one;
  const fields = [...inOrder(parameters).map((parameter) => parameterData(parameter, render)), ...acceptOf(one)];
  const params = fields.length ? { name: types.take(`${hint}Params`), fields } : false;
  const given = body?.render(types);
  const response = types.take(`${hint}Response`);
  const once = node['x-idempotency'] ? `contract::Once<${response}>` : response;
  const summary = docLine(node.summary);
  return {
    'x-method-name': identifier(one.id), 'x-handler': `handle_${one.id}`, 'x-static': one.id.toUpperCase(),
    'x-doc': `\`${one.method} ${docLine(one.path)}\`${summary ? `: ${summary}` : ''}`, 'x-doc-short': `\`${one.method} ${docLine(one.path)}\``,
    'x-fields': fieldsOf(one, given),
    'x-params': params,
    'x-given-body': given ? { type: given.type, decode: given.decode } : false,
    'x-body-structs': given?.structs ?? [],
    'x-body-variants': given?.variants || false,
    'x-nothing-given': !params && !given,
    'x-caller': requirements.isPublic ? false : { type: requirements.isOptional ? 'Option<Self::Caller>' : 'Self::Caller' },
    'x-runtime': requirements.isPublic ? 'public' : document.isOurs ? (requirements.isOptional ? 'optional' : 'authenticated') : (requirements.isOptional ? 'optionally_verified' : 'verified'),
    'x-verifier': !requirements.isPublic && !document.isOurs,
    'x-response': response,
    'x-result': once,
    'x-variants': responses.variants(),
  };
}

// What the client accepts, where the handler chooses between media types with different schemas.
function acceptOf({ parameters, responses }) {
  if (!responses.isNegotiated) return [];
  const taken = parameters.map(({ plain }) => plain);
  const name = new Names(taken).take(taken.includes('accept') ? 'accepted_media' : 'accept', '_');
  return [{ name, local: name, doc: 'The media types of the response that the client accepts.', type: 'contract::Accept', decode: 'accept()' }];
}

// A parameter that takes every remaining name of the query comes last.
const inOrder = (parameters) => [...parameters.filter((one) => !one.isOpen()), ...parameters.filter((one) => one.isOpen())];

const READS = { replica: 'contract::ReadFrom::Replica', 'after-write': 'contract::ReadFrom::AfterWrite' };

// What differs from `Operation::NEW`.
function fieldsOf({ document, node, place, limit, responses, requirements, path, id, method }, given) {
  const text = (value) => literal(value);
  const list = (items) => `&[${items.join(', ')}]`;
  const limits = [node['x-rate-limit'] ?? []].flat().map(({ class: name, amount, by, 'window-seconds': seconds, 'max-delay-seconds': delay = 0 }) => (
    `contract::RateLimit { class: ${text(name)}, amount: ${amount}, window_seconds: ${seconds}, by: contract::CountedBy::${camel(by)}, max_delay_seconds: ${delay} }`));
  const quotas = (node['x-quotas'] ?? []).map(({ code, amount, of }) => `contract::StorageQuota { code: ${text(code)}, amount: ${amount}, of: ${text(of)} }`);
  const isClosed = (node['x-unknown-parameters'] ?? document.root['x-unknown-parameters']) === 'refuse';
  const keys = requirements.alternatives.flatMap((all) => all.map(({ scheme }) => scheme.query).filter(Boolean));
  const fields = {
    id: text(id), method: text(method), path: text(path),
    security: securityText(document, requirements),
    body: given && `Some(contract::BodyRule { media: ${list(given.media)}, required: ${given.isRequired}, limit: ${limit} })`,
    deadline: node['x-deadline-ms'] && node['x-deadline-ms'] !== DEADLINE_MS ? `std::time::Duration::from_millis(${node['x-deadline-ms']})` : undefined,
    read: READS[node['x-read']],
    quotas: quotas.length ? list(quotas) : undefined,
    event_streams: node['x-event-streams'] ? `Some(${node['x-event-streams']})` : undefined,
    query: isClosed ? `Some(${list(keys.map(text))})` : undefined,
    codes: document.isOurs ? (node['x-codes']?.length ? list(node['x-codes'].map(text)) : undefined) : '&["*"]',
    rate_limits: limits.length ? list(limits) : undefined,
    token_endpoint: tokenEndpoint(document, node),
    statuses: statusesText(responses.statuses),
    responses: `contract::responses!(crate::SCHEMAS, ${text(place.pointer)})`,
    refusals: responses.refusals.length ? list(responses.refusals.map(({ status, media, schema }) => `(${statusesText([status])}, |problem| contract::shaped(problem, ${media}, ${schema}))`)) : undefined,
    produces: responses.statuses.includes('406') && !document.isOurs ? list([...new Set(producedBy(document, node))].map(text)) : undefined,
    etag: responses.etag ? 'true' : undefined,
  };
  return Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => ({ name, value }));
}

const producedBy = (document, node) => Object.entries(node.responses).filter(([status]) => /^2/.test(status))
  .flatMap(([, response]) => Object.keys(document.resolve({ node: response, pointer: '' }).node?.content ?? {}));

// A request may use the values in the document.
function tokenEndpoint(document, node) {
  if (!node['x-token-endpoint']) return undefined;
  const { flows } = Object.values(document.root.components.securitySchemes)[0];
  const list = (words) => `&[${words.map(literal).join(', ')}]`;
  const grants = Object.entries(node['x-token-endpoint']['grant-types']).map(([name, required]) => `(${literal(name)}, ${list(required)})`);
  return `Some(contract::TokenEndpoint { grant_types: &[${grants.join(', ')}], scopes: ${list(Object.keys(flows.password.scopes))} })`;
}

