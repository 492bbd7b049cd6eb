// A small document that breaks no rule. Each case of cases.js spoils one thing in a copy of it.
const refusals = {
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
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};
const ref = (kind, name) => ({ $ref: `#/components/${kind}/${name}` });
const refuse = (...codes) =>
  Object.fromEntries([400, 405, 408, 429, 500, 503, 504, ...codes].map((code) => [code, ref('responses', refusals[code])]));
const id = { type: 'integer', format: 'int64', minimum: 1, maximum: 9 };
const thing = { 'application/json': { schema: ref('schemas', 'Thing') } };

module.exports = () => structuredClone({
  openapi: '3.0.3',
  info: { title: 'Good', version: '1.0.0' },
  security: [{ oauth2: ['user'] }],
  'x-problems': {
    thing_locked: { status: 403, means: 'Somebody else is changing it.' },
    box_not_found: { status: 404, means: 'There is no such box.' },
  },
  'x-relations': { thing: { relations: { owner: 'its owner', reader: 'its reader' } }, box: { missing: 'box_not_found', relations: { owner: 'its owner' } } },
  'x-unknown-parameters': 'refuse',
  paths: {
    '/things': {
      get: {
        operationId: 'list_things',
        'x-permission': { each: 'thing', allow: ['anyone'], fields: { box_id: { filter: 'box' } } },
        tags: ['things'],
        security: [],
        'x-gateway-cache': { milliseconds: 1000, until: ['create_thing', 'add_rows'] },
        parameters: [
          { name: 'colors', in: 'query', explode: true, schema: { type: 'array', maxItems: 2, items: ref('schemas', 'Color') } },
          { name: 'X-Flag', in: 'header', schema: { type: 'boolean' } },
          { name: 'box_id', in: 'query', schema: id },
        ],
        responses: {
          ...refuse(422),
          200: { description: 'Ok', content: { 'application/json': { schema: { type: 'array', items: ref('schemas', 'Thing') } } } },
        },
      },
      post: {
        operationId: 'create_thing',
        'x-permission': 'user',
        tags: ['things'],
        'x-rate-limit': [
          { class: 'things', amount: 9, 'window-seconds': 60, by: 'user' },
          { class: 'guesses', amount: 3, 'window-seconds': 60, by: 'account', 'max-delay-seconds': 9 },
        ],
        'x-quotas': [{ code: 'too_many_things', amount: 7, of: 'things of one user' }],
        requestBody: { required: true, content: thing },
        responses: { ...refuse(401, 403, 409, 413, 415, 422), 201: { description: 'Created', content: thing } },
      },
    },
    '/things/{thing_id}': {
      parameters: [
        { name: 'thing_id', in: 'path', required: true, schema: id },
      ],
      put: {
        operationId: 'put_thing',
        'x-permission': { on: 'thing', allow: ['anyone'], production: ['superuser'] },
        tags: ['things'],
        security: [{}, { oauth2: ['user'] }],
        'x-optional-auth': true,
        'x-codes': ['wrong_password'],
        parameters: [{ name: 'If-Match', in: 'header', schema: { type: 'string', maxLength: 9 } }],
        requestBody: {
          required: true,
          content: { 'application/merge-patch+json': { schema: ref('schemas', 'Thing') }, ...thing },
        },
        responses: { ...refuse(401, 403, 404, 412, 413, 415, 422), 204: { description: 'NoContent' } },
      },
      patch: {
        operationId: 'move_thing',
        'x-permission': {
          on: 'thing',
          allow: ['owner', 'reader', 'superuser'],
          forbid: { reader: 'thing_locked' },
          fields: { box_id: { by: ['owner', 'superuser'], on: 'box', allow: ['owner', 'superuser'], clear: ['owner', 'reader'] } },
        },
        tags: ['things'],
        'x-codes': ['thing_locked', 'box_not_found'],
        requestBody: { required: true, content: { 'application/json': { schema: ref('schemas', 'Move') } } },
        responses: { ...refuse(401, 403, 404, 413, 415, 422), 204: { description: 'NoContent' } },
      },
    },
    '/events': {
      get: {
        operationId: 'follow_things',
        'x-permission': 'anyone',
        tags: ['things'],
        security: [],
        'x-event-streams': 9,
        responses: { ...refuse(422), 200: { description: 'Ok', content: { 'text/event-stream': { schema: { type: 'string' } } } } },
      },
    },
    '/rows': {
      post: {
        operationId: 'add_rows',
        'x-permission': 'anyone',
        tags: ['things'],
        security: [],
        'x-body-depth': 8,
        'x-body-limit': 1024,
        'x-deadline-ms': 1000,
        'x-rate-limit': { class: 'rows', amount: 1, 'window-seconds': 1, by: 'address' },
        'x-row-errors': 'collect',
        requestBody: {
          required: true,
          content: { 'application/x-ndjson': { schema: { type: 'array', maxItems: 2, items: ref('schemas', 'Thing') } } },
        },
        responses: { ...refuse(413, 415, 422), 200: { description: 'Ok', content: { 'text/csv': { schema: { type: 'string' } } } } },
      },
    },
  },
  components: {
    responses: Object.fromEntries(Object.values(refusals).map((name) => [name, { description: 'Refused.' }])),
    schemas: {
      Color: { type: 'string', enum: ['red', 'green'] },
      Counts: { type: 'object', maxProperties: 2, additionalProperties: { type: 'integer', format: 'int32', minimum: 0, maximum: 9 } },
      Move: { type: 'object', additionalProperties: false, properties: { box_id: { ...id, nullable: true } } },
      Thing: {
        type: 'object',
        additionalProperties: false,
        required: ['name'],
        properties: {
          name: { type: 'string', maxLength: 9, pattern: '^[a-z]+$' },
          size: { type: 'integer', format: 'int32', minimum: 0, maximum: 9 },
          when: { type: 'string', format: 'date-time', nullable: true, 'x-assume-utc': true },
          color: { type: 'string', nullable: true, allOf: [ref('schemas', 'Color')] },
          counts: ref('schemas', 'Counts'),
        },
      },
    },
  },
});
