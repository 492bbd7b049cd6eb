// Writes the document in the layout of ours.

const RESPONSES = {
  every: { 400: 'BadRequest', 405: 'MethodNotAllowed', 408: 'RequestTimeout', 429: 'TooManyRequests', 500: 'InternalError', 503: 'ServiceUnavailable', 504: 'GatewayTimeout' },
  signed: { 401: 'Unauthorized', 403: 'Forbidden' },
  checked: { 422: 'ValidationFailed' },
  body: { 413: 'PayloadTooLarge', 415: 'UnsupportedMediaType' },
  lookup: { 404: 'NotFound' },
  unique: { 409: 'Conflict' },
  versioned: { 412: 'PreconditionFailed' },
  planned: { 501: 'NotImplemented' },
};
// Keys with mostly short values.
const FLAT = ['schema', 'items', 'additionalProperties', 'x-service', 'license', 'contact', 'parameters'];
const LINE = 110;
const shared = (place) => ({ $ref: `./common.yaml#/${place}` });
const LOGIN = { 'auth/login/access-token': '~1auth~1login~1access-token', 'auth/signup': '~1auth~1signup', 'auth/logout': '~1auth~1logout', 'users/me': '~1users~1me' };

/** Text of openapi/NAME.yaml. */
export function textOf(yaml, { info, tags, operations, schemas }, { service, port, from }) {
  const paths = Object.fromEntries(Object.entries(LOGIN).map(([path, place]) => [`/api/${service}/${path}`, shared(`paths/${place}`)]));
  for (const { path, method, made } of operations) {
    const { lists, successes, ...operation } = made;
    paths[path] ??= {};
    paths[path][method] = { ...operation, responses: new Map([['<<', `LISTS ${lists.join(' ')}`], ...Object.entries(successes)]) };
  }
  const document = new yaml.Document({
    openapi: '3.0.3',
    info,
    servers: [{ url: '/', description: 'Relative to the address of this document.' }],
    'x-service': { port: Number(port), prefix: service, released: false },
    'x-adopted': true,
    security: [{ oauth2: ['user'] }],
    'x-unknown-parameters': 'refuse',
    tags: [
      { name: 'login', description: 'Sign-up, login and logout.' },
      { name: 'users', description: 'The users of the services; one user base for all of them.' },
      ...tags,
    ],
    'x-refusals': Object.fromEntries(Object.entries(RESPONSES).map(([list, codes]) => [
      list, Object.fromEntries(Object.entries(codes).map(([code, name]) => [code, shared(`components/responses/${name}`)]))])),
    paths,
    components: {
      securitySchemes: {
        oauth2: {
          type: 'oauth2',
          description: 'E-mail and password are exchanged for a bearer token that every service accepts.',
          flows: { password: { tokenUrl: `/api/${service}/auth/login/access-token`, scopes: { user: "Ordinary use of the caller's own data.", superuser: 'Administration.' } } },
        },
      },
      ...(Object.keys(schemas).length && { schemas }),
    },
  }, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
  for (const pair of document.get('x-refusals').items) pair.value.anchor = pair.key.value;
  yaml.visit(document, {
    Map: (_, node, path) => void (node.flow = isShort(yaml, node) && (node.has('$ref') || FLAT.includes(path.at(-1)?.key?.value) || path.at(-3)?.key?.value === 'properties')),
    Seq: (_, node) => void (node.flow = isShort(yaml, node)),
  });
  comment(document, 'x-service', ' Where it is served; the generator lists all services by this.');
  comment(document, 'x-adopted', ' Names and shapes are those of the document it was made from, also where ours would have others.');
  comment(document, 'x-refusals', ' Refusals shared by many operations, merged into their `responses` (see common.yaml).');
  document.commentBefore = ` Made from ${from} by ./new-service, and this service's document from now on. What is still to be written is \`x-planned\`.`;
  return document.toString({ lineWidth: 140, singleQuote: true, flowCollectionPadding: false })
    .replace(/^(\s*)["']?<<["']?: LISTS (.*)$/gm, (_, indent, lists) => `${indent}<<: [${lists.split(' ').map((list) => `*${list}`).join(', ')}]`);
}

// Content that fits into a line.
function isShort(yaml, node) {
  const isFlat = (one) => (yaml.isScalar(one) && !/\n/.test(one.value)) || (yaml.isCollection(one) && one.items.every((item) => isFlat(yaml.isPair(item) ? item.value : item)));
  return isFlat(node) && JSON.stringify(node).length < LINE;
}

function comment(document, key, text) {
  const pair = document.contents.items.find((item) => item.key.value === key);
  pair.key.commentBefore = text;
}
