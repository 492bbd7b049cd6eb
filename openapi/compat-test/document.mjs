// A document with one of everything that ../compat looks at.
export const document = () => ({
  openapi: '3.0.3',
  info: { title: 'Test', version: '1.2.3' },
  servers: [{ url: '/' }, { url: '/mirror' }],
  security: [{ oauth2: ['user'] }],
  paths: {
    '/things/{id}': {
      get: {
        operationId: 'get_thing',
        tags: ['things'],
        security: [{ oauth2: ['admin'] }],
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'integer' } },
          { name: 'at', in: 'query', schema: { $ref: '#/components/schemas/TimeInput' } },
          { name: 'sort', in: 'query', schema: { $ref: '#/components/schemas/Sort' } },
        ],
        responses: {
          200: {
            description: 'Ok',
            content: { 'text/event-stream': { schema: { type: 'string' }, 'x-event-data': { $ref: '#/components/schemas/Event' } } },
          },
        },
      },
      put: {
        operationId: 'put_thing',
        tags: ['things'],
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
        requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/ThingCreate' } } } },
        responses: { 204: { description: 'Done' } },
      },
    },
    '/things': {
      get: {
        operationId: 'list_things',
        tags: ['things'],
        security: [],
        parameters: [
          { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100, default: 10 } },
          { name: 'color', in: 'query', explode: true, schema: { type: 'array', items: { $ref: '#/components/schemas/Color' } } },
        ],
        responses: {
          200: {
            description: 'Ok',
            headers: { 'X-Total-Count': { required: true, schema: { type: 'integer' } } },
            content: { 'application/json': { schema: { type: 'array', items: { $ref: '#/components/schemas/Thing' } } } },
          },
          422: { description: 'Problem' },
        },
      },
      post: {
        operationId: 'create_thing',
        tags: ['things'],
        'x-body-limit': 1000,
        'x-idempotency': 'optional',
        'x-rate-limit': { class: 'write', amount: 10, 'window-seconds': 60, by: 'user' },
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { $ref: '#/components/schemas/ThingCreate' } },
            'application/merge-patch+json': { schema: { $ref: '#/components/schemas/ThingCreate' } },
          },
        },
        responses: {
          201: { description: 'Created', content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
          409: { description: 'Problem' },
        },
      },
    },
  },
  components: {
    securitySchemes: {
      oauth2: { type: 'oauth2', flows: { password: { tokenUrl: '/token', scopes: { user: 'Use.', admin: 'More.' } } } },
    },
    schemas: {
      Unused: { type: 'object', additionalProperties: false, properties: { id: { type: 'integer' } } },
      Event: { type: 'object', additionalProperties: false, required: ['count'], properties: { count: { type: 'integer' } } },
      TimeInput: { type: 'string', format: 'date-time', 'x-assume-utc': true },
      Sort: { type: 'string', enum: ['id', '-id', 'made_at'], 'x-enum-varnames': ['Id', 'IdDesc', 'MadeAt'] },
      Color: { type: 'string', enum: ['red', 'green'] },
      State: { type: 'string', enum: ['new', 'old'] },
      Part: { type: 'object', additionalProperties: false, required: ['id'], properties: { id: { type: 'integer' } } },
      Thing: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'state', 'part'],
        properties: {
          id: { type: 'integer', format: 'int64' },
          state: { $ref: '#/components/schemas/State' },
          note: { type: 'string', maxLength: 10 },
          made: { type: 'string', format: 'date-time' },
          part: { type: 'object', nullable: true, allOf: [{ $ref: '#/components/schemas/Part' }] },
        },
      },
      LineCreate: { type: 'object', additionalProperties: false, properties: { amount: { type: 'integer', minimum: 1, maximum: 9 } } },
      ThingCreate: {
        type: 'object',
        additionalProperties: false,
        required: ['name'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 10, pattern: '^a' },
          note: { type: 'string', nullable: true },
          since: { type: 'string', format: 'date-time' },
          color: { $ref: '#/components/schemas/Color' },
          lines: { type: 'array', maxItems: 5, items: { $ref: '#/components/schemas/LineCreate' } },
        },
      },
    },
  },
});
