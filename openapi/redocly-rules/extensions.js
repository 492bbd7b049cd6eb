// Vendor extensions are policies that generated code enforces; a misspelt one would silently have no effect.
const codes = require('../codes.json');

const integer = (low, high) => (value) =>
  Number.isInteger(value) && value >= low && value <= high ? undefined : `is an integer from ${low} to ${high}`;
const oneOf = (...words) => (value) => (words.includes(value) ? undefined : `is ${words.join(' or ')}`);
const only = (wanted) => (value) => (value === wanted ? undefined : `is ${wanted} or absent`);

// One limit, or a list of them with different classes, which responses name.
function rateLimits(value, operation) {
  const limits = Array.isArray(value) ? value : [value];
  if (limits.length < 1 || limits.length > 3) return 'is a limit, or a list of up to 3';
  const fault = limits.map((limit) => rateLimit(limit, operation)).find(Boolean);
  if (fault) return fault;
  return new Set(limits.map((limit) => limit.class)).size < limits.length ? 'names each `class` once' : undefined;
}

function rateLimit(value, operation) {
  const keys = ['amount', 'by', 'class', 'window-seconds'];
  // Without it attackers could lock an account's owner out.
  if (value?.by === 'account') keys.splice(3, 0, 'max-delay-seconds');
  if (typeof value !== 'object' || value === null || String(Object.keys(value).sort()) !== String(keys)) {
    return `has exactly ${keys.join(', ')}`;
  }
  if (!/^[a-z][a-z0-9-]*$/.test(value.class)) return 'has a `class` in kebab-case';
  if (integer(1, 1000000)(value.amount)) return 'has an `amount` from 1 to 1000000';
  if (integer(1, 86400)(value['window-seconds'])) return 'has `window-seconds` from 1 to 86400';
  if (!['user', 'address', 'account-address', 'account'].includes(value.by)) return 'is counted `by` user, address, account-address or account';
  if (value.by === 'account' && integer(1, 3600)(value['max-delay-seconds'])) return 'has `max-delay-seconds` from 1 to 3600';
  if (value.by.startsWith('account') && !operation.requestBody) return 'counts failures of an account that the body names or proves to be its own';
  if (value.by === 'user' && Array.isArray(operation.security) && operation.security.length === 0) return 'is counted `by` address where nobody logs in';
  return undefined;
}

// Storage quotas: each has the code of its error response, an amount, and a description of what is counted.
function quotas(value, operation) {
  if (!Array.isArray(value) || value.length < 1) return 'is a list of quotas';
  const fault = value.map(quota).find(Boolean);
  if (fault) return fault;
  if (new Set(value.map((one) => one.code)).size < value.length) return 'names each `code` once';
  return '409' in (operation.responses ?? {}) ? undefined : 'belongs to an operation that answers 409';
}

function quota(value) {
  if (typeof value !== 'object' || value === null || String(Object.keys(value).sort()) !== 'amount,code,of') return 'has exactly amount, code, of';
  if (!/^[a-z][a-z0-9_]*$/.test(value.code)) return 'has a `code` in snake_case';
  if (integer(1, 1e12)(value.amount)) return 'has an `amount` from 1 to 1000000000000';
  return typeof value.of === 'string' && /^[a-z][^"\\]*[^.\s"\\]$/.test(value.of) ? undefined : 'says `of` what, as words that follow a number';
}

// How many streams of one client may be open at once, in a process.
function eventStreams(value, operation, ctx) {
  return isEventStream(operation, ctx) ? integer(1, 1000)(value) : 'belongs to an operation that answers text/event-stream';
}

function isEventStream(operation, ctx) {
  return Object.values(operation.responses ?? {}).some((response) => {
    const answer = response.$ref ? ctx.resolve(response).node : response;
    return Boolean(answer?.content?.['text/event-stream']);
  });
}

// Bytes, and levels of JSON, that a body may have.
const ofBody = (most) => (value, operation) => (operation.requestBody ? integer(1, most)(value) : 'belongs to an operation with a body');

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

// The token endpoint of OAuth 2.0 (RFC 6749, 3.2): a form, for everybody.
// Grants of OAuth 2.0 that a token endpoint may have.
const GRANTS = ['password', 'refresh_token'];

function tokenEndpoint(value, operation, ctx) {
  const body = operation.requestBody && ctx.resolve(operation.requestBody).node;
  if (!body?.content?.['application/x-www-form-urlencoded'] || operation.security?.length !== 0) return 'belongs to a form that everybody may send';
  const grants = value?.['grant-types'];
  const { properties = {} } = ctx.resolve(body.content['application/x-www-form-urlencoded'].schema ?? {}).node ?? {};
  const fits = ([grant, required]) => GRANTS.includes(grant) && Array.isArray(required) && required.every((name) => name in properties);
  const known = typeof grants === 'object' && grants !== null && !Array.isArray(grants) && Object.entries(grants).every(fits);
  return known ? undefined : `has \`grant-types\`: of ${GRANTS.join(' and ')} the parameters that each requires, none at a revocation endpoint`;
}

// A response that the gateway may cache, until the response of another operation invalidates it.
function gatewayCache(value, operation, ctx, root) {
  const [, path, method] = ctx.location.pointer.match(/^#\/paths\/([^/]+)\/(\w+)$/) ?? [];
  const all = Object.values(root.paths).flatMap((item) => METHODS.flatMap((one) => item[one]?.operationId ?? []));
  if (method !== 'get' || path.includes('{')) return 'belongs to GET of a path without parameters';
  if (operation.security?.length !== 0 || operation['x-rate-limit']) return 'belongs to an operation for everybody, and without a limit';
  if (String(Object.keys(value).sort()) !== 'milliseconds,until') return 'has exactly milliseconds, until';
  if (integer(1, 1000)(value.milliseconds)) return 'has `milliseconds` from 1 to 1000';
  const others = all.filter((name) => name !== operation.operationId);
  const fits = Array.isArray(value.until) && value.until.length && value.until.every((name) => others.includes(name));
  return fits ? undefined : 'holds `until` other operations of this document';
}

function rowErrors(value, operation, ctx) {
  const body = operation.requestBody && ctx.resolve(operation.requestBody).node;
  const types = Object.values(body?.content ?? {}).map((media) => media.schema?.type);
  if (!types.length || types.some((type) => type !== 'array')) return 'belongs to an operation whose body is an array';
  return oneOf('collect')(value);
}

function assumeUtc(value, schema) {
  return schema.format === 'date-time' ? only(true)(value) : 'belongs to `format: date-time`';
}

// One line of text for people, which has its pattern from names.js.
function text(value, schema) {
  if (schema.type !== 'string' || schema.format || schema.enum) return 'belongs to a string without `format` and `enum`';
  if (!schema.maxLength || schema.pattern) return 'stands beside `maxLength`, without a `pattern`';
  return oneOf('name')(value);
}

function variantNames(value, schema) {
  if (!schema.enum) return 'belongs to an enum';
  const fits =
    Array.isArray(value) &&
    value.length === schema.enum.length &&
    new Set(value).size === value.length &&
    value.every((name) => /^[A-Z][A-Za-z0-9]*$/.test(name));
  return fits ? undefined : 'has a distinct CamelCase name for each value of the enum';
}

function optionalAuth(value, operation) {
  return operation.security?.length === 2 ? only(true)(value) : 'belongs to `security: [{}, {oauth2: [user]}]`';
}

// An operation without a handler yet: it returns 501 until then.
function planned(value, operation) {
  return '501' in (operation.responses ?? {}) ? only(true)(value) : 'belongs to an operation that answers 501';
}

// OpenAPI 3.0 cannot describe the events of a stream.
function eventData(value, media, ctx) {
  if (!/text~1event-stream$/.test(ctx.location.pointer)) return 'belongs to text/event-stream';
  return typeof value?.$ref === 'string' ? undefined : 'is a reference to the schema of each `data`';
}

// The codes of problems that only this document has, each with its status and a sentence.
function problems(value, root) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is a table of codes';
  const named = new Set(Object.values(root.paths ?? {}).flatMap((item) => METHODS.flatMap((one) => item[one]?.['x-codes'] ?? [])));
  for (const [code, known] of Object.entries(value)) {
    if (!/^[a-z][a-z0-9_]*$/.test(code)) return `has \`${code}\`, and codes are in snake_case`;
    if (code in codes.problems) return `has \`${code}\`, which openapi/codes.json has for all documents`;
    if (!exactly(known, ['status', 'means'])) return `says of \`${code}\` its \`status\` and what it \`means\``;
    if (integer(400, 599)(known.status)) return `has \`${code}\` with a \`status\` that ${integer(400, 599)(known.status)}`;
    if (typeof known.means !== 'string' || !known.means.endsWith('.')) return `says what \`${code}\` \`means\` in a sentence`;
    if (!named.has(code)) return `has \`${code}\`, which no operation of this document names in \`x-codes\``;
  }
  return undefined;
}

// The error codes of an operation in addition to those of any operation.
function ownCodes(value, operation, ctx, root) {
  if (!Array.isArray(value) || !value.length || new Set(value).size < value.length) return 'is a list of distinct codes';
  for (const code of value) {
    const known = codes.problems[code] ?? root['x-problems']?.[code];
    if (!known) return `names \`${code}\`, which neither \`x-problems\` of the document nor openapi/codes.json has`;
    if (known.any) return `names \`${code}\`, which any operation may answer`;
    if (!(known.status in operation.responses)) return `names \`${code}\`, but the operation does not answer ${known.status}`;
  }
  return undefined;
}

// Where it reads: what may be a moment old comes from replicas of Postgres, if there are any.
function readFrom(value, operation, ctx) {
  if (!/\/get$/.test(ctx.location.pointer)) return 'belongs to GET';
  return oneOf('primary', 'replica', 'after-write')(value);
}

const unknownParameters = oneOf('refuse', 'ignore');

const isWord = (value) => typeof value === 'string' && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(value);
const port = integer(1024, 65535);
const exactly = (value, keys) => typeof value === 'object' && value !== null && Object.keys(value).every((key) => keys.includes(key));

const variables = (value) => Array.isArray(value) && new Set(value).size === value.length && value.every((name) => /^[A-Z][A-Z0-9_]*$/.test(name));

// Metrics, each with the average of a process at which another one is started.
const scales = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
  && Object.entries(value).every(([metric, most]) => /^[a-z][a-z0-9_]*$/.test(metric) && Number.isInteger(most) && most > 0);

// Where a document is served, and the settings that only its processes have: its name is that of its file.
function service(value) {
  if (!exactly(value, ['port', 'prefix', 'released', 'background', 'environment', 'scale'])) {
    return 'has `port` and `prefix`, and perhaps `released`, `background`, `environment` and `scale`';
  }
  if (port(value.port)) return `has a \`port\` that ${port(value.port)}`;
  if (!isWord(value.prefix)) return 'has a `prefix` in kebab-case';
  if (![undefined, true, false].includes(value.released)) return 'has `released` true or false';
  if (!variables(value.environment ?? [])) return 'has `environment` as a list of distinct NAMES_LIKE_THIS';
  if (!scales(value.scale ?? {})) return 'has `scale` as a table of metrics, each with a positive integer';
  if (value.background === undefined) return undefined;
  if (!Array.isArray(value.background) || !value.background.length) return 'has `background` roles as a list';
  return value.background.map(backgroundRole).find(Boolean);
}

// A process of a service that serves no operations.
function backgroundRole(value) {
  if (!exactly(value, ['name', 'port', 'about', 'scale'])) return 'has `background` roles with name, port and about, and perhaps `scale`';
  if (!isWord(value.name)) return 'has `background` roles with a `name` in kebab-case';
  if (port(value.port)) return `has \`background\` roles with a \`port\` that ${port(value.port)}`;
  if (!scales(value.scale ?? {})) return 'has `background` roles with `scale` as a table of metrics, each with a positive integer';
  return typeof value.about === 'string' && value.about ? undefined : 'has `background` roles with `about`, a sentence';
}

const KNOWN = {
  Root: {
    'x-problems': problems,
    // Checked by permissions.js.
    'x-relations': () => undefined,
    'x-refusals': (value) => (typeof value === 'object' ? undefined : 'is a table'),
    'x-service': service,
    // The default of every operation.
    'x-unknown-parameters': unknownParameters,
  },
  Operation: {
    'x-body-depth': ofBody(256),
    'x-body-limit': ofBody(16777216),
    'x-codes': ownCodes,
    // The maximum deadline.
    'x-deadline-ms': integer(1, 30000),
    'x-event-streams': eventStreams,
    'x-gateway-cache': gatewayCache,
    'x-idempotency': oneOf('required', 'optional'),
    'x-optional-auth': optionalAuth,
    // Checked by permissions.js, also where it is absent.
    'x-permission': () => undefined,
    'x-planned': planned,
    'x-quotas': quotas,
    'x-rate-limit': rateLimits,
    'x-read': readFrom,
    'x-row-errors': rowErrors,
    'x-unknown-parameters': unknownParameters,
    'x-token-endpoint': tokenEndpoint,
  },
  MediaType: { 'x-event-data': eventData },
  Schema: { 'x-assume-utc': assumeUtc, 'x-text': text, 'x-enum-varnames': variantNames },
};
// Keys of these are names, not keywords.
const NAMES = ['SchemaProperties', 'NamedSchemas'];

function checkExtensions(node, ctx, root) {
  if (typeof node !== 'object' || node === null || Array.isArray(node) || NAMES.includes(ctx.type.name)) return;
  for (const key of Object.keys(node).filter((name) => name.startsWith('x-'))) {
    const check = KNOWN[ctx.type.name]?.[key];
    const fault = check ? check(node[key], node, ctx, root) : `is not an extension that anything enforces on a ${ctx.type.name}`;
    if (fault) ctx.report({ message: `\`${key}\` ${fault}.`, location: ctx.location.child([key]).key() });
  }
}

function knownExtensions() {
  let root;
  const enter = (node, ctx) => {
    if (ctx.type.name === 'Root') root = node;
    checkExtensions(node, ctx, root);
    if (ctx.type.name === 'Operation' && !('x-event-streams' in node) && isEventStream(node, ctx)) {
      ctx.report({ message: 'A stream of events says with `x-event-streams` how many one client may have open.', location: ctx.location.key() });
    }
  };
  return { any: { enter } };
}

module.exports = { 'known-extensions': knownExtensions };
