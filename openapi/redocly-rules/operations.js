// Rules for operations: parameters, bodies and responses, authentication, and every status they can return.
const codes = require('../codes.json');

const REFUSALS = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'RequestTimeout',
  409: 'Conflict',
  412: 'PreconditionFailed',
  413: 'PayloadTooLarge',
  415: 'UnsupportedMediaType',
  422: 'ValidationFailed',
  429: 'TooManyRequests',
  500: 'InternalError',
  501: 'NotImplemented',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};
const ALWAYS = [400, 405, 408, 429, 500, 503, 504];
const JSON_TYPES = ['application/json', 'application/merge-patch+json', 'application/x-ndjson'];
const FORM = 'application/x-www-form-urlencoded';
const TEXTS = ['text/csv', 'text/event-stream', 'text/plain', 'application/octet-stream'];
const ANSWERS = ['application/json', 'application/x-ndjson', ...TEXTS];
const PARAMETER_KEYS = ['name', 'in', 'required', 'description', 'schema', 'example', 'examples', 'style', 'explode'];
const SCALARS = ['string', 'integer', 'number', 'boolean'];
const STYLES = { path: 'simple', query: 'form', header: 'simple' };
const snake = (name) => /^[a-z][a-z0-9_]*$/.test(name);
const field = (name) => name.toLowerCase().replace(/-/g, '_');

/** Resolves a reference, relative to its file. */
function follow(ctx, node, from) {
  if (!node?.$ref) return { node, from };
  const found = ctx.resolve(node, from);
  return { node: found.node, from: found.location?.source.absoluteRef };
}

function checkParameter(parameter, ctx) {
  const refuse = (key, message) => ctx.report({ message, location: key in parameter ? ctx.location.child([key]) : ctx.location.key() });
  const { name, in: place, schema } = parameter;
  if (!(place in STYLES)) return refuse('in', `Parameters in \`${place}\` are not read: use path, query or header.`);
  for (const key of Object.keys(parameter)) {
    if (!PARAMETER_KEYS.includes(key) && !key.startsWith('x-')) refuse(key, `\`${key}\` is not enforced on a parameter.`);
  }
  if (parameter.style && parameter.style !== STYLES[place]) {
    refuse('style', `\`style: ${parameter.style}\` is not read; in ${place} it is \`${STYLES[place]}\`.`);
  }
  if (place !== 'query' && 'explode' in parameter) refuse('explode', '`explode` is for arrays in the query.');
  if (place === 'header' ? !/^[A-Z][A-Za-z0-9]*(-[A-Z][A-Za-z0-9]*)*$/.test(name) : !snake(name)) {
    refuse('name', `\`${name}\` is not written as names in ${place} are.`);
  }
  if (/^(accept|content-type|authorization|cookie|host)$/i.test(name)) refuse('name', `\`${name}\` is not a parameter; the server reads it itself.`);
  const { node: type, from } = follow(ctx, schema);
  if (!type) return undefined;
  if (type.nullable) refuse('schema', 'A parameter cannot be null.');
  if (parameter.required && 'default' in type) refuse('schema', 'A required parameter has no use for a `default`.');
  if (type.type === 'array' && place === 'query') {
    if (!('explode' in parameter)) refuse('schema', 'An array says its `explode`.');
    if (!SCALARS.includes(follow(ctx, type.items, from).node?.type)) refuse('schema', 'Arrays in the query hold scalars.');
  } else if (!SCALARS.includes(type.type)) {
    refuse('schema', `A parameter in ${place} is a scalar${place === 'query' ? ' or an array of scalars' : ''}.`);
  }
  return undefined;
}

function checkBody(body, ctx) {
  const refuse = (message) => ctx.report({ message, location: ctx.location.key() });
  const types = Object.keys(body.content ?? {});
  if (typeof body.required !== 'boolean') refuse('A body says whether it is `required`.');
  const unknown = types.filter((type) => type !== FORM && !JSON_TYPES.includes(type));
  if (unknown.length || !types.length) return refuse(`A body of type ${unknown.join(', ') || '(none)'} is not read.`);
  if (types.includes(FORM) && types.length > 1) refuse('A form is not offered beside other types of body.');
  const shapes = new Set(types.map((type) => JSON.stringify(body.content[type].schema)));
  if (shapes.size > 1) refuse('Several types of body share one schema.');
  for (const type of types) {
    if (body.content[type].encoding) refuse('`encoding` is not enforced.');
    checkBodySchema(type, body.content[type].schema, ctx, refuse);
  }
  return undefined;
}

function checkBodySchema(type, schema, ctx, refuse) {
  const { node, from } = follow(ctx, schema);
  if (!node) return;
  if (type === 'application/x-ndjson' && node.type !== 'array') refuse('The schema of NDJSON is the array of its rows.');
  if (type === 'application/merge-patch+json' && node.type !== 'object') refuse('A merge patch is an object.');
  if (node.type !== 'array' && !node.properties) refuse('A body is an object with properties, or an array.');
  if (type !== FORM) return;
  for (const [name, property] of Object.entries(node.properties ?? {})) {
    const value = follow(ctx, property, from);
    const inner = value.node?.type === 'array' ? follow(ctx, value.node.items, value.from).node : value.node;
    if (!SCALARS.includes(inner?.type) || inner.nullable) refuse(`Field \`${name}\` of a form is a scalar or an array of scalars, and not null.`);
  }
}

function checkAnswers(responses, ctx) {
  const names = new Set();
  for (const [code, raw] of Object.entries(responses)) {
    const refuse = (message) => ctx.report({ message, location: ctx.location.child([code]).key() });
    if (code.startsWith('x-')) continue;
    if (!/^[2-5]\d\d$/.test(code)) {
      refuse(`\`${code}\`: answers have explicit status codes.`);
    } else if (Number(code) >= 400) {
      const wanted = REFUSALS[code];
      if (!wanted || !raw.$ref?.endsWith(`#/components/responses/${wanted}`)) {
        refuse(wanted ? `A ${code} is the shared response \`${wanted}\`.` : `Nothing answers ${code}.`);
      }
    } else {
      const answer = follow(ctx, raw);
      if (!answer.node) continue;
      const name = answer.node.description;
      if (!/^[A-Z][A-Za-z0-9]*$/.test(name)) refuse('The description of a success is one CamelCase word: it names a variant.');
      if (names.has(name)) refuse(`Two successes are called \`${name}\`.`);
      names.add(name);
      checkSuccess(code, answer, ctx, refuse);
    }
  }
  if (!names.size) ctx.report({ message: 'No success is declared.', location: ctx.location.key() });
}

function checkSuccess(code, { node, from }, ctx, refuse) {
  const types = Object.keys(node.content ?? {});
  if (types.length > 1) refuse('A success has at most one media type.');
  if (types.length && (code === '204' || code === '205' || code.startsWith('3'))) refuse(`A ${code} has no body.`);
  for (const type of types) {
    if (!ANSWERS.includes(type)) refuse(`A response of type ${type} is not written.`);
    const { node: schema } = follow(ctx, node.content[type].schema, from);
    const wanted = TEXTS.includes(type) ? ['string'] : type === 'application/x-ndjson' ? ['array'] : ['object', 'array'];
    if (!schema || !wanted.includes(schema.type)) refuse(`The schema of ${type} is of type ${wanted.join(' or ')}.`);
  }
  for (const [name, header] of Object.entries(node.headers ?? {})) {
    const found = follow(ctx, header, from);
    const { node: schema } = follow(ctx, found.node?.schema, found.from);
    const fits = SCALARS.includes(schema?.type) && !schema.nullable && found.node.description;
    if (!fits) refuse(`Header \`${name}\` has a description and a scalar schema that is not null.`);
  }
}

/** `public`, `signed` or `optional`, or why it is none of them. */
function accessOf(operation, rootSecurity) {
  const security = operation.security ?? rootSecurity;
  if (!Array.isArray(security)) return { fault: 'Neither the operation nor the document says `security`.' };
  if (security.length === 0) return { kind: 'public' };
  const isOurs = ([scheme, scopes]) => scheme === 'oauth2' && ['user', 'superuser'].includes(String(scopes));
  if (!security.every((entry) => Object.entries(entry).every(isOurs))) return { fault: '`security` names the scheme `oauth2` and one scope, `user` or `superuser`.' };
  const text = JSON.stringify(security);
  if (security.length === 1 && security[0].oauth2) return { kind: 'signed' };
  if (text !== '[{},{"oauth2":["user"]}]') return { fault: 'An optional token is written `security: [{}, {oauth2: [user]}]`.' };
  if (operation['x-optional-auth'] !== true) return { fault: 'An optional token is confirmed by `x-optional-auth: true`.' };
  return { kind: 'optional' };
}

/** An idempotent response is complete, and marked when it is replayed. */
function checkReplays(operation, keyed, ctx, refuse) {
  for (const [code, raw] of Object.entries(operation.responses ?? {})) {
    if (!/^[23]/.test(code)) continue;
    const { node } = follow(ctx, raw);
    const marked = 'Idempotent-Replayed' in (node?.headers ?? {});
    if (marked !== keyed) refuse('`x-idempotency` and the header `Idempotent-Replayed` of every success go together.');
    if (keyed && Object.keys(node?.content ?? {}).some((type) => type !== 'application/json')) {
      refuse('With `x-idempotency` a success is JSON or empty.');
    }
  }
}

function operationRule() {
  let rootSecurity;
  let rootUnknown;
  let problems;
  return {
    Root(root) {
      problems = { ...codes.problems, ...root['x-problems'] };
      rootSecurity = root.security;
      rootUnknown = root['x-unknown-parameters'];
    },
    PathItem: {
      Operation(operation, ctx, { PathItem: pathItem }) {
        const refuse = (message) => ctx.report({ message, location: ctx.location.key() });
        if (!snake(operation.operationId ?? '')) refuse('`operationId` is in snake_case.');
        if (operation.tags?.length !== 1) refuse('An operation has exactly one tag: it names the trait it belongs to.');
        const access = accessOf(operation, rootSecurity);
        if (access.fault) refuse(access.fault);
        const method = ctx.key;
        if (operation.requestBody && !['post', 'put', 'patch'].includes(method)) refuse(`A ${method} has no body.`);

        const parameters = [...(pathItem.parameters ?? []), ...(operation.parameters ?? [])].map((one) => follow(ctx, one).node).filter(Boolean);
        const fields = parameters.map((one) => field(one.name));
        fields.filter((name, at) => fields.indexOf(name) !== at).forEach((name) => refuse(`Two parameters become the field \`${name}\`.`));
        const closed = (operation['x-unknown-parameters'] ?? rootUnknown) === 'refuse';
        const forbids = (operation['x-codes'] ?? []).some((code) => problems[code]?.status === 403);
        checkStatuses(operation, { parameters, closed, forbids }, access, ctx, refuse);
      },
    },
  };
}

function checkStatuses(operation, { parameters, closed, forbids }, access, ctx, refuse) {
  const has = (name) => parameters.some((one) => one.name === name);
  const listed = Object.keys(operation.responses ?? {});
  const body = Boolean(operation.requestBody);
  const keyed = Boolean(operation['x-idempotency']);
  // Wanted: must be declared. Possible: may be. Neither: the operation cannot return it.
  const rules = {
    401: access.kind !== 'public',
    // Without a token only by a code of its own.
    403: access.kind !== 'public' || forbids,
    412: has('If-Match'),
    413: body,
    415: body,
    422: body || closed || parameters.length > 0,
    304: has('If-None-Match'),
  };
  for (const code of ALWAYS) if (!listed.includes(String(code))) refuse(`Every operation can answer ${code} (${REFUSALS[code]}).`);
  for (const [code, wanted] of Object.entries(rules)) {
    if (wanted && !listed.includes(code)) refuse(`It can answer ${code}, but does not say so.`);
    if (!wanted && listed.includes(code)) refuse(`It cannot answer ${code}, but says so.`);
  }
  const lookedUp = has('cursor') || parameters.some((one) => one.in === 'path' && one.name.endsWith('_id'));
  if (lookedUp && !listed.includes('404')) refuse('It looks something up: it can answer 404.');
  if (keyed !== has('Idempotency-Key')) refuse('`x-idempotency` and the header parameter `Idempotency-Key` go together.');
  const key = parameters.find((one) => one.name === 'Idempotency-Key');
  if (keyed && key && Boolean(key.required) !== (operation['x-idempotency'] === 'required')) {
    refuse('`x-idempotency` and the `required` of `Idempotency-Key` say different things.');
  }
  if (keyed && !listed.includes('409')) refuse('With `x-idempotency` it can answer 409.');
  if (keyed && access.kind !== 'signed') refuse('With `x-idempotency` it demands a token: keys belong to users.');
  checkReplays(operation, keyed, ctx, refuse);
  if (has('If-None-Match')) {
    const ok = follow(ctx, operation.responses?.['200']).node;
    if (!ok?.headers?.ETag) refuse('With `If-None-Match` its 200 has an `ETag`.');
  }
}

module.exports = {
  'parameter-shapes': () => ({ Parameter: checkParameter }),
  'request-bodies': () => ({ RequestBody: checkBody }),
  'response-shapes': () => ({ Responses: checkAnswers }),
  'operation-policies': operationRule,
};
