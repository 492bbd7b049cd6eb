// Responses of an operation as Rust: a variant for each that a handler can give, and how it is written.
import { child, isObject } from './document.mjs';
import { classOf, isRange, variantOf } from './media.mjs';
import { isSentAsJson, schemaOf } from './parameters.mjs';
import { Names, camel, docLine, identifier, literal, snake } from './rust.mjs';

// Entity tags, links to the next page and the replay marker of ours need no handler; the standard ignores a content type here.
const MADE_BY_RUNTIME = ['etag', 'link', 'idempotent-replayed'];
const REASONS = {
  200: 'Ok', 201: 'Created', 202: 'Accepted', 203: 'NonAuthoritativeInformation', 204: 'NoContent', 205: 'ResetContent', 206: 'PartialContent', 207: 'MultiStatus', 208: 'AlreadyReported',
  226: 'ImUsed', 300: 'MultipleChoices', 301: 'MovedPermanently', 302: 'Found', 303: 'SeeOther', 304: 'NotModified', 305: 'UseProxy', 307: 'TemporaryRedirect', 308: 'PermanentRedirect',
  400: 'BadRequest', 401: 'Unauthorized', 402: 'PaymentRequired', 403: 'Forbidden', 404: 'NotFound', 405: 'MethodNotAllowed', 406: 'NotAcceptable', 407: 'ProxyAuthenticationRequired',
  408: 'RequestTimeout', 409: 'Conflict', 410: 'Gone', 411: 'LengthRequired', 412: 'PreconditionFailed', 413: 'ContentTooLarge', 414: 'UriTooLong', 415: 'UnsupportedMediaType',
  416: 'RangeNotSatisfiable', 417: 'ExpectationFailed', 418: 'ImATeapot', 421: 'MisdirectedRequest', 422: 'UnprocessableContent', 423: 'Locked', 424: 'FailedDependency', 425: 'TooEarly',
  426: 'UpgradeRequired', 428: 'PreconditionRequired', 429: 'TooManyRequests', 431: 'RequestHeaderFieldsTooLarge', 451: 'UnavailableForLegalReasons', 500: 'InternalServerError',
  501: 'NotImplemented', 502: 'BadGateway', 503: 'ServiceUnavailable', 504: 'GatewayTimeout', 505: 'HttpVersionNotSupported', 507: 'InsufficientStorage', 511: 'NetworkAuthenticationRequired' };
const RANGES = ['', 'Informational', 'Success', 'Redirection', 'ClientError', 'ServerError'];

/** `of(&[200, 404]).ranges(&[4]).with_default()`: the statuses that an operation declares. */
export function statusesText(statuses) {
  const codes = statuses.filter((status) => /^\d{3}$/.test(status));
  const ranges = statuses.filter((status) => /^[1-5]XX$/i.test(status)).map(([digit]) => digit);
  return `contract::Statuses::of(&[${codes.join(', ')}])${ranges.length ? `.ranges(&[${ranges.join(', ')}])` : ''}${statuses.includes('default') ? '.with_default()' : ''}`;
}

// The problem document, which the runtime writes.
const isStandard = (document, content) => content?.schema?.$ref !== undefined && content.schema.$ref === document.root['x-standard-problem'];
const isProblem = (document, response) => Object.values(response.node.content ?? {}).every((content) => isStandard(document, content));

/** `{variants, statuses, refusals, etag, isNegotiated, shapes}`; the handler chooses between media types of a success where it is negotiated. */
export function responsesOf(place, { document, shapes, render, hint }) {
  const statuses = Object.keys(place.node ?? {}).filter((status) => /^(\d{3}|[1-5]XX|default)$/i.test(status));
  const names = new Names(['Self']);
  const variants = [];
  const used = [];
  const refusals = [];
  let etag = false;
  let isNegotiated = false;
  for (const status of statuses) {
    const response = document.resolve(child(place, status));
    const headers = Object.keys(response.node?.headers ?? {});
    if (status === '200') etag = headers.some((name) => name.toLowerCase() === 'etag') && document.isOurs;
    const isError = !/^[23]/.test(status);
    // Errors without a body of their own are problem documents, which the runtime writes.
    if (isError && (document.isOurs || !isObject(response.node) || isProblem(document, response))) continue;
    if (status === '304' && document.isOurs) continue;
    const named = document.isOurs ? response.node.description : REASONS[status] ?? (status === 'default' ? 'Default' : /XX$/i.test(status) ? RANGES[status[0]] : `Status${status}`);
    const given = headersOf(response, { document, shapes, hint });
    used.push(...given.map(({ shape }) => shape));
    const contents = contentsOf(response, { document, shapes, hint: `${hint}${named}` });
    isNegotiated ||= contents.length > 1 && status.startsWith('2');
    for (const one of contents) {
      variants.push({ one, status, response, headers: given, name: names.take(`${named}${one.suffix}`) });
      used.push(one.shape, ...one.media.filter((media) => response.node.content[media]['x-event-data']).map((media) => shapes.of(child(response, 'content', media, 'x-event-data'), `${hint}Event`)));
    }
    if (isError || status === 'default') {
      const json = Object.keys(response.node.content ?? {}).find((media) => classOf(media) === 'json' && !isStandard(document, response.node.content[media]));
      if (json && response.node.content[json].schema) refusals.push({ status, media: literal(json), schema: render.schema(child(response, 'content', json, 'schema')) });
    }
  }
  return { shapes: used.filter(Boolean), variants: () => variants.map((one) => variant(one, { document, render })), statuses, etag, isNegotiated, refusals: refusals.sort((one, other) => breadth(one.status) - breadth(other.status)) };
}
// The closest goes first: what is declared for the status itself, then for its range, then the default.
const breadth = (status) => (/^\d{3}$/.test(status) ? 0 : /^default$/i.test(status) ? 2 : 1);

// What a handler chooses between: media types with one schema are one, and the client chooses.
function contentsOf(response, { document, shapes, hint }) {
  const found = [];
  for (const media of Object.keys(response.node.content ?? {}).filter((one) => !isStandard(document, response.node.content[one]))) {
    const at = child(response, 'content', media);
    const kind = classOf(media);
    const schema = child(at, 'schema');
    const node = isObject(schema.node) ? document.resolve(schema).node ?? {} : {};
    const isText = kind === 'text' && !document.isOurs && node.format !== 'binary';
    if (kind === 'json' || (isText && schema.node === undefined) || (isText && shapes.of(schema, hint).kind === 'string')) {
      const shape = kind === 'text' ? { kind: 'string', native: true, isNullable: false } : shapes.of(schema.node === undefined ? { node: {}, pointer: '', isMerged: true } : schema, hint);
      const key = kind === 'text' ? 'text' : `json ${shape.model ?? JSON.stringify(schema.node ?? null)}`;
      const same = found.find((one) => one.key === key);
      if (same) same.media.push(media);
      else found.push({ key, kind, shape, media: [media] });
    } else found.push({ key: media, kind, media: [media] });
  }
  if (!found.length) return [{ kind: 'none', media: [], suffix: '' }];
  return found.map((one, index) => ({ ...one, suffix: index === 0 ? '' : variantOf(one.media[0]) }));
}

function headersOf(response, { document, shapes, hint }) {
  const made = document.isOurs ? MADE_BY_RUNTIME : [];
  const names = Object.keys(response.node.headers ?? {}).filter((header) => ![...made, 'content-type'].includes(header.toLowerCase()));
  return names.map((header) => {
    const place = document.resolve(child(response, 'headers', header));
    return { header, place, shape: shapes.of(schemaOf(place), `${hint}${camel(header, 'Header')}`) };
  });
}

function variant({ one: { kind, shape, media }, status, response, headers, name }, { document, render }) {
  const names = new Names(['body', 'status', 'content_type']);
  const fields = headers.map((header) => headerOf(header, { names, render }));
  const isOpen = !/^\d{3}$/.test(status);
  const isTyped = media.length === 1 && isRange(media[0]);
  const type = kind === 'json' || kind === 'text' && shape ? render.type(shape) : kind === 'events' ? 'contract::EventStream' : kind === 'none' ? '' : 'contract::ByteStream';
  const reply = isOpen ? `Reply::within(&${statusesText([status])}, status)?` : `Reply::new(${status})`;
  const list = `&[${media.map(literal).join(', ')}]`;
  const [first] = media;
  const body = {
    json: media.length === 1 && first === 'application/json' ? '.json(&body)?' : `.body(${list}, &body)?`,
    text: shape ? `.text(${list}, body)` : `.stream(${literal(first ?? '')}, body)`, events: '.events(body)', none: '',
  }[kind] ?? (isTyped ? `.stream(${literal(first)}, body).typed(${list}, &content_type)?` : `.stream(${literal(first)}, body)`);
  const isPlain = !fields.length && !isOpen && !isTyped;
  const members = [
    ...(isOpen ? [{ doc: 'The status, which must be one that this response stands for.', name: 'status', type: 'u16' }] : []),
    ...(type ? [{ doc: 'The body.', name: 'body', type }] : []),
    ...(isTyped ? [{ doc: 'The media type of the body.', name: 'content_type', type: 'String' }] : []), ...fields];
  return {
    name, status: docLine([status, document.isOurs ? '' : docLine(response.node.description)].filter(Boolean).join(': ')), 'is-plain': isPlain, type, members: isPlain ? [] : members,
    encode: withoutLast(`${reply}${fields.map(({ encode }) => encode).join('')}${body}`) };
}

// The last `?` of an expression is its result.
const withoutLast = (text) => (text.endsWith('?') ? text.slice(0, -1) : `Ok(${text})`);

function headerOf({ header, place, shape }, { names, render }) {
  const plain = names.take(snake(header, 'header'), '_');
  const name = identifier(plain);
  const isRequired = place.node.required === true;
  const type = render.type(shape);
  const text = literal(header.toLowerCase());
  const isSimple = ['integer', 'number', 'boolean'].includes(shape.kind) || (shape.kind === 'string' && !shape.typed);
  const optional = isRequired ? '' : 'optional_';
  const encode = isSentAsJson(place) ? `.${optional}json_header(${text}, ${isRequired ? '&' : ''}${name}${isRequired ? '' : '.as_ref()'})?` : isSimple && !shape.isNullable ? `.${optional}header(${text}, ${name})?` : `.${optional}simple_header(${text}, ${isRequired ? '&' : ''}${name}${isRequired ? '' : '.as_ref()'}, ${place.node.explode === true})?`;
  return { name, doc: docLine(place.node.description) || `\`${header}\``, type: isRequired ? type : `Option<${type}>`, encode };
}
