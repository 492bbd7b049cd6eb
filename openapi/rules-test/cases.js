// [rule, what its message says, how to spoil the good document]. Each must be refused by that rule with those words.
const name = (doc) => doc.components.schemas.Thing.properties.name;
const size = (doc) => doc.components.schemas.Thing.properties.size;
const thing = (doc) => doc.components.schemas.Thing;
const color = (doc) => doc.components.schemas.Color;
const list = (doc) => doc.paths['/things'].get;
const create = (doc) => doc.paths['/things'].post;
const put = (doc) => doc.paths['/things/{thing_id}'].put;
const rows = (doc) => doc.paths['/rows'].post;
const events = (doc) => doc.paths['/events'].get;
const csv = (doc) => rows(doc).responses[200].content['text/csv'];
const property = (value) => (doc) => { thing(doc).properties.extra = value; };
const pattern = (value) => (doc) => { name(doc).pattern = value; };
const parameter = (value) => (doc) => { list(doc).parameters.push(value); };
const scalar = { type: 'string', maxLength: 9 };
const integer = { type: 'integer', format: 'int64', minimum: 0, maximum: 9 };

const KEYWORDS = 'enforceable-keywords';
const keywords = [
  ['`oneOf`', property({ oneOf: [scalar, integer] })],
  ['`anyOf`', property({ anyOf: [scalar, integer] })],
  ['`not`', property({ ...scalar, not: { type: 'string' } })],
  ['`discriminator`', (doc) => { thing(doc).discriminator = { propertyName: 'name' }; }],
  ['`allOf`', property({ allOf: [{ $ref: '#/components/schemas/Color' }] })],
  ['`allOf`', (doc) => { thing(doc).allOf = [{ $ref: '#/components/schemas/Counts' }]; }],
  ['`readOnly`', (doc) => { name(doc).readOnly = true; }],
  ['`writeOnly`', (doc) => { name(doc).writeOnly = true; }],
  ['`xml`', (doc) => { name(doc).xml = { name: 'n' }; }],
  ['`const`', (doc) => { name(doc).const = 'a'; }],
  ['`patternProperties`', (doc) => { thing(doc).patternProperties = {}; }],
  ['`prefixItems`', property({ type: 'array', maxItems: 2, prefixItems: [scalar], items: scalar })],
  ['`contentEncoding`', (doc) => { name(doc).contentEncoding = 'base64'; }],
  ['`if`', (doc) => { thing(doc).if = {}; }],
  ['`title`', (doc) => { name(doc).title = 'Name'; }],
  ['`minimum` is not enforced on type `string`', (doc) => { name(doc).minimum = 1; }],
  ['`maxLength` is not enforced on type `integer`', (doc) => { size(doc).maxLength = 1; }],
  ['one `type`', property({ description: 'Anything.' })],
  ['one `type`', property({ type: ['string', 'integer'] })],
  ['`format: iri`', (doc) => { name(doc).format = 'iri'; }],
  ['`format: int64` is not enforced on type `string`', (doc) => { name(doc).format = 'int64'; }],
  ['`format: date` is not enforced on type `integer`', (doc) => { size(doc).format = 'date'; }],
  ['`format: binary`', property({ type: 'string', format: 'binary', maxLength: 9 })],
  ['says its `format`', (doc) => { delete size(doc).format; }],
  ['beside `format: uuid`', property({ type: 'string', format: 'uuid', maxLength: 36 })],
  ['beside `format: date-time`', property({ type: 'string', format: 'date-time', pattern: '^[0-9]+$' })],
  ['beside `enum`', (doc) => { color(doc).maxLength = 5; }],
  ['Enums are enforced on strings only', (doc) => { color(doc).enum = ['red', 1]; }],
  ['`enum` is not enforced on type `integer`', (doc) => { size(doc).enum = [1, 2]; }],
  ['distinct Rust names', (doc) => { color(doc).enum = ['red', 'RED']; }],
  ['distinct Rust names', (doc) => { color(doc).enum = ['red', '-green']; }],
  ['Nullable items', property({ type: 'array', maxItems: 2, items: { ...scalar, nullable: true } })],
  ['Nullable map values', (doc) => { doc.components.schemas.Counts.additionalProperties.nullable = true; }],
  ['made nullable where it is used', (doc) => { color(doc).nullable = true; }],
  ['that JavaScript tools can hold', property({ ...integer, maximum: 9223372036854775807 })],
  ['`maximum` is no int32', (doc) => { size(doc).maximum = 3000000000; }],
  ['`minimum` is greater', (doc) => { size(doc).minimum = 10; }],
  ['`multipleOf` is positive', (doc) => { size(doc).multipleOf = 0; }],
  ['`maxLength` is positive', property({ type: 'string', maxLength: 0 })],
  ['needs `minimum`', property({ type: 'number', format: 'double', maximum: 1, exclusiveMinimum: true })],
  ['`default` is not a string', property({ ...scalar, default: 1 })],
  ['none of the enum', (doc) => { color(doc).default = 'blue'; }],
  ['anchored', pattern('[a-z]+')],
  ['look-around', pattern('^(?=a)[a-z]+$')],
  ['look-around', pattern('^(?!a)[a-z]+$')],
  ['look-around', pattern('^(?<!a)[a-z]+$')],
  ['back reference', pattern('^(a)\\1$')],
  ['\\d', pattern('^\\d+$')],
  ['\\w', pattern('^[\\w-]+$')],
  ['\\u', pattern('^\\u{2028}$')],
  ['\\uXXXX', pattern('^[^\u2028]+$')],
  ['dot', pattern('^a.b$')],
  ['outside parentheses', pattern('^a|b$')],
  ['lazy', pattern('^a+?$')],
  ['set operation', pattern('^[a-z&&b]$')],
  ['not a regular expression', pattern('^(a$')],
].map((one) => [KEYWORDS, ...one]);

const shapes = [
  ['named-schemas', 'Objects are named', property({ type: 'object', additionalProperties: false, properties: { a: scalar } })],
  ['named-schemas', 'Objects are named', (doc) => { rows(doc).requestBody.content['application/x-ndjson'].schema.items = structuredClone(thing(doc)); }],
  ['named-schemas', 'Enums are named', property({ type: 'string', enum: ['a', 'b'] })],
  ['named-schemas', 'Enums are named', parameter({ name: 'pick', in: 'query', schema: { type: 'string', enum: ['a', 'b'] } })],
  ['named-schemas', 'Arrays are written where', (doc) => { doc.components.schemas.Names = { type: 'array', maxItems: 2, items: scalar }; }],
  ['named-schemas', 'as a property only', property({ type: 'array', maxItems: 2, items: { type: 'string', nullable: true, allOf: [{ $ref: '#/components/schemas/Color' }] } })],
  ['named-schemas', 'Rust type', (doc) => { doc.components.schemas.Option = scalar; }],
  ['named-schemas', 'Rust type', (doc) => { doc.components.schemas.small_name = scalar; }],
  ['named-schemas', 'snake_case', (doc) => { thing(doc).properties.camelCase = scalar; }],
  ['closed-objects', 'says whether it is closed', (doc) => { delete thing(doc).additionalProperties; }],
  ['closed-objects', 'Either properties or a map', (doc) => { thing(doc).additionalProperties = scalar; }],
  ['closed-objects', 'can hold nothing', (doc) => { doc.components.schemas.Empty = { type: 'object', additionalProperties: false }; }],
  ['bounded-requests', '`maxLength` is missing', (doc) => { delete name(doc).maxLength; }],
  ['bounded-requests', '`maxLength` is missing', parameter({ name: 'text', in: 'query', schema: { type: 'string' } })],
  ['bounded-requests', '`maximum` is missing', (doc) => { delete size(doc).maximum; }],
  ['bounded-requests', '`maxItems` is missing', property({ type: 'array', items: scalar })],
  ['bounded-requests', '`maxProperties` is missing', (doc) => { delete doc.components.schemas.Counts.maxProperties; }],
  ['bounded-requests', '`maxProperties` is missing', (doc) => { thing(doc).additionalProperties = true; }],
];

const extensions = [
  ['not an extension', (doc) => { create(doc)['x-body-limits'] = 1; }],
  ['not an extension', (doc) => { name(doc)['x-body-limit'] = 1; }],
  ['not an extension', (doc) => { doc['x-anything'] = 1; }],
  ['not an extension', (doc) => { doc.info['x-logo'] = 'a'; }],
  ['`x-body-limit` is an integer', (doc) => { create(doc)['x-body-limit'] = '64K'; }],
  ['with a body', (doc) => { list(doc)['x-body-limit'] = 1024; }],
  ['`x-deadline-ms` is an integer', (doc) => { list(doc)['x-deadline-ms'] = 30001; }],
  ['has exactly milliseconds, until', (doc) => { delete list(doc)['x-gateway-cache'].until; }],
  ['`milliseconds` from', (doc) => { list(doc)['x-gateway-cache'].milliseconds = 1001; }],
  ['`until` other operations', (doc) => { list(doc)['x-gateway-cache'].until = []; }],
  ['`until` other operations', (doc) => { list(doc)['x-gateway-cache'].until.push('list_things'); }],
  ['belongs to GET of a path without', (doc) => { create(doc)['x-gateway-cache'] = list(doc)['x-gateway-cache']; }],
  ['an operation for everybody', (doc) => { delete list(doc).security; }],
  ['and without a limit', (doc) => { list(doc)['x-rate-limit'] = rows(doc)['x-rate-limit']; }],
  ['`x-idempotency` is', (doc) => { create(doc)['x-idempotency'] = true; }],
  ['`x-rate-limit` has exactly', (doc) => { list(doc)['x-rate-limit'] = { class: 'a', amount: 1 }; }],
  ['counted `by`', (doc) => { rows(doc)['x-rate-limit'].by = 'planet'; }],
  ['where nobody logs in', (doc) => { rows(doc)['x-rate-limit'].by = 'user'; }],
  ['of an account', (doc) => { list(doc)['x-rate-limit'] = { ...rows(doc)['x-rate-limit'], by: 'account-address' }; }],
  ['a form that everybody may send', (doc) => { create(doc)['x-token-endpoint'] = { 'grant-types': ['password'] }; }],
  ['`max-delay-seconds` from', (doc) => { create(doc)['x-rate-limit'][1]['max-delay-seconds'] = 0; }],
  ['exactly amount, by, class, max-delay-seconds', (doc) => { delete create(doc)['x-rate-limit'][1]['max-delay-seconds']; }],
  ['an `amount`', (doc) => { create(doc)['x-rate-limit'][1].amount = 0; }],
  ['`window-seconds`', (doc) => { create(doc)['x-rate-limit'][1]['window-seconds'] = 1.5; }],
  ['kebab-case', (doc) => { create(doc)['x-rate-limit'][0].class = 'Things'; }],
  ['each `class` once', (doc) => { create(doc)['x-rate-limit'][1].class = 'things'; }],
  ['a list of up to 3', (doc) => { create(doc)['x-rate-limit'] = []; }],
  ['a list of quotas', (doc) => { create(doc)['x-quotas'] = { code: 'too_many', amount: 1, of: 'things' }; }],
  ['exactly amount, code, of', (doc) => { delete create(doc)['x-quotas'][0].of; }],
  ['`code` in snake_case', (doc) => { create(doc)['x-quotas'][0].code = 'too-many'; }],
  ['an `amount` from', (doc) => { create(doc)['x-quotas'][0].amount = 0; }],
  ['says `of` what', (doc) => { create(doc)['x-quotas'][0].of = 'Things.'; }],
  ['each `code` once', (doc) => { create(doc)['x-quotas'].push(create(doc)['x-quotas'][0]); }],
  ['that answers 409', (doc) => { delete create(doc).responses[409]; }],
  ['answers text/event-stream', (doc) => { list(doc)['x-event-streams'] = 9; }],
  ['`x-event-streams` is an integer', (doc) => { events(doc)['x-event-streams'] = 0; }],
  ['how many one client may have open', (doc) => { delete events(doc)['x-event-streams']; }],
  ['`x-unknown-parameters` is refuse or ignore', (doc) => { doc['x-unknown-parameters'] = true; }],
  ['`x-unknown-parameters` is refuse or ignore', (doc) => { list(doc)['x-unknown-parameters'] = 'warn'; }],
  ['is a list of distinct codes', (doc) => { put(doc)['x-codes'] = ['user_not_found', 'user_not_found']; }],
  ['which openapi/codes.json does not have', (doc) => { put(doc)['x-codes'] = ['nobody_sends_this']; }],
  ['which any operation may answer', (doc) => { put(doc)['x-codes'] = ['cursor_not_found']; }],
  ['but the operation does not answer 409', (doc) => { put(doc)['x-codes'] = ['email_taken']; }],
  ['body is an array', (doc) => { create(doc)['x-row-errors'] = 'collect'; }],
  ['`x-row-errors` is', (doc) => { rows(doc)['x-row-errors'] = 'ignore'; }],
  ['belongs to text/event-stream', (doc) => { csv(doc)['x-event-data'] = { $ref: '#/components/schemas/Thing' }; }],
  ['belongs to `format: date-time`', (doc) => { name(doc)['x-assume-utc'] = true; }],
  ['belongs to a string without `format`', (doc) => { size(doc)['x-text'] = 'name'; }],
  ['without a `pattern`', (doc) => { name(doc)['x-text'] = 'name'; }],
  ['stands beside `maxLength`', (doc) => { delete name(doc).pattern; delete name(doc).maxLength; name(doc)['x-text'] = 'name'; }],
  ['is name', (doc) => { delete name(doc).pattern; name(doc)['x-text'] = 'title'; }],
  ['each value of the enum', (doc) => { color(doc)['x-enum-varnames'] = ['Red']; }],
  ['belongs to an enum', (doc) => { name(doc)['x-enum-varnames'] = ['Red']; }],
  ['belongs to `security', (doc) => { create(doc)['x-optional-auth'] = true; }],
].map((one) => ['known-extensions', ...one]);

const problem = (value) => (doc) => {
  doc.components.responses.NotFound.content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Thing' }, example: value } };
};
const missing = { type: 'urn:problem:not_found', title: 'Not Found', status: 404, code: 'not_found' };
const broken = (error) => ({ type: 'urn:problem:validation_failed', title: 'Unprocessable Entity', status: 422, code: 'validation_failed', errors: [error] });
const examples = [
  ['`gone_missing` is no code', problem({ ...missing, code: 'gone_missing' })],
  ['the type of `not_found`', problem({ ...missing, type: 'urn:problem:missing' })],
  ['`not_found` is a 404', problem({ ...missing, status: 400 })],
  ['the title of a 404', problem({ ...missing, title: 'Gone' })],
  ['`max_length` is no rule', problem(broken({ in: 'body', pointer: '#/name', code: 'max_length' }))],
  ['a `pointer` is into the body', problem(broken({ in: 'query', pointer: '#/limit', code: 'too_small' }))],
  ['`parameter` is the name of one', problem(broken({ in: 'body', pointer: '#/name', parameter: 'name', code: 'too_long' }))],
].map((one) => ['problem-examples', ...one]);

const parameters = [
  ['`cookie` are not read', parameter({ name: 'session', in: 'cookie', schema: scalar })],
  ['deepObject', parameter({ name: 'filter', in: 'query', style: 'deepObject', schema: { $ref: '#/components/schemas/Thing' } })],
  ['pipeDelimited', parameter({ name: 'list', in: 'query', style: 'pipeDelimited', explode: false, schema: { type: 'array', maxItems: 2, items: scalar } })],
  ['`allowReserved`', parameter({ name: 'text', in: 'query', allowReserved: true, schema: scalar })],
  ['`content`', parameter({ name: 'text', in: 'query', content: { 'application/json': { schema: scalar } } })],
  ['is a scalar or an array', parameter({ name: 'filter', in: 'query', schema: { $ref: '#/components/schemas/Thing' } })],
  ['in header is a scalar', parameter({ name: 'X-List', in: 'header', schema: { type: 'array', maxItems: 2, items: scalar } })],
  ['says its `explode`', (doc) => { delete list(doc).parameters[0].explode; }],
  ['hold scalars', parameter({ name: 'list', in: 'query', explode: true, schema: { type: 'array', maxItems: 2, items: { $ref: '#/components/schemas/Thing' } } })],
  ['cannot be null', parameter({ name: 'text', in: 'query', schema: { ...scalar, nullable: true } })],
  ['no use for a `default`', parameter({ name: 'text', in: 'query', required: true, schema: { ...scalar, default: 'a' } })],
  ['not written as', parameter({ name: 'camelCase', in: 'query', schema: scalar })],
  ['not written as', parameter({ name: 'x-flag', in: 'header', schema: scalar })],
  ['reads it itself', parameter({ name: 'Authorization', in: 'header', schema: scalar })],
].map((one) => ['parameter-shapes', ...one]);

const bodies = [
  ['`required`', (doc) => { delete create(doc).requestBody.required; }],
  ['text/xml is not read', (doc) => { create(doc).requestBody.content['text/xml'] = { schema: scalar }; }],
  ['multipart/form-data is not read', (doc) => { create(doc).requestBody.content = { 'multipart/form-data': { schema: { $ref: '#/components/schemas/Thing' } } }; }],
  ['share one schema', (doc) => { put(doc).requestBody.content['application/json'].schema = { type: 'array', maxItems: 2, items: scalar }; }],
  ['not offered beside', (doc) => { create(doc).requestBody.content['application/x-www-form-urlencoded'] = { schema: { $ref: '#/components/schemas/Thing' } }; }],
  ['array of its rows', (doc) => { rows(doc).requestBody.content['application/x-ndjson'].schema = { $ref: '#/components/schemas/Thing' }; }],
  ['A merge patch is an object', (doc) => { put(doc).requestBody.content = { 'application/merge-patch+json': { schema: { type: 'array', maxItems: 2, items: scalar } } }; }],
  ['with properties, or an array', (doc) => { create(doc).requestBody.content['application/json'].schema = { $ref: '#/components/schemas/Counts' }; }],
  ['`counts` of a form', (doc) => { create(doc).requestBody.content = { 'application/x-www-form-urlencoded': { schema: { $ref: '#/components/schemas/Thing' } } }; }],
].map((one) => ['request-bodies', ...one]);

const answers = [
  ['explicit status codes', (doc) => { list(doc).responses.default = { description: 'Ok' }; }],
  ['explicit status codes', (doc) => { list(doc).responses['4XX'] = { description: 'Bad' }; }],
  ['one CamelCase word', (doc) => { list(doc).responses[200].description = 'All is well'; }],
  ['Two successes are called', (doc) => { list(doc).responses[202] = { description: 'Ok' }; }],
  ['at most one media type', (doc) => { list(doc).responses[200].content['text/csv'] = { schema: { type: 'string' } }; }],
  ['application/xml is not written', (doc) => { list(doc).responses[200].content = { 'application/xml': { schema: { type: 'string' } } }; }],
  ['has no body', (doc) => { put(doc).responses[204].content = { 'text/plain': { schema: { type: 'string' } } }; }],
  ['of type string', (doc) => { rows(doc).responses[200].content['text/csv'].schema = { $ref: '#/components/schemas/Thing' }; }],
  ['Header `X-Many`', (doc) => { list(doc).responses[200].headers = { 'X-Many': { description: 'Many.', schema: { type: 'array', items: scalar } } }; }],
  ['the shared response `NotFound`', (doc) => { put(doc).responses[404] = { description: 'Gone.' }; }],
  ['Nothing answers 418', (doc) => { put(doc).responses[418] = { description: 'Teapot.' }; }],
  ['No success', (doc) => { delete list(doc).responses[200]; }],
].map((one) => ['response-shapes', ...one]);

const policies = [
  ['snake_case', (doc) => { list(doc).operationId = 'listThings'; }],
  ['exactly one tag', (doc) => { list(doc).tags = ['things', 'more']; }],
  ['exactly one tag', (doc) => { delete list(doc).tags; }],
  ['says `security`', (doc) => { delete doc.security; }],
  ['one scope', (doc) => { create(doc).security = [{ oauth2: ['admin'] }]; }],
  ['one scope', (doc) => { create(doc).security = [{ oauth2: [] }]; }],
  ['one scope', (doc) => { create(doc).security = [{ apiKey: [] }]; }],
  ['An optional token is written', (doc) => { put(doc).security = [{ oauth2: ['user'] }, {}]; }],
  ['confirmed by', (doc) => { delete put(doc)['x-optional-auth']; }],
  ['has no body', (doc) => { list(doc).requestBody = create(doc).requestBody; }],
  ['become the field `x_flag`', parameter({ name: 'x_flag', in: 'query', schema: scalar })],
  ['Every operation can answer 503', (doc) => { delete list(doc).responses[503]; }],
  ['Every operation can answer 429', (doc) => { delete create(doc).responses[429]; }],
  ['can answer 401', (doc) => { delete create(doc).responses[401]; }],
  ['cannot answer 401', (doc) => { list(doc).responses[401] = { $ref: '#/components/responses/Unauthorized' }; }],
  ['can answer 413', (doc) => { delete create(doc).responses[413]; }],
  ['can answer 422', (doc) => { delete list(doc).responses[422]; }],
  ['can answer 412', (doc) => { delete put(doc).responses[412]; }],
  ['can answer 304', (doc) => { list(doc).parameters.push({ name: 'If-None-Match', in: 'header', schema: scalar }); }],
  ['can answer 404', (doc) => { delete put(doc).responses[404]; }],
  ['can answer 404', parameter({ name: 'cursor', in: 'query', schema: scalar })],
  ['header parameter `Idempotency-Key` go together', (doc) => { create(doc)['x-idempotency'] = 'optional'; }],
  ['header `Idempotent-Replayed` of every success go together', (doc) => { create(doc)['x-idempotency'] = 'optional'; }],
  ['of every success go together', (doc) => { list(doc).responses[200].headers = { 'Idempotent-Replayed': { schema: scalar } }; }],
  ['a success is JSON or empty', (doc) => { rows(doc)['x-idempotency'] = 'optional'; }],
  ['keys belong to users', (doc) => { rows(doc)['x-idempotency'] = 'optional'; }],
].map((one) => ['operation-policies', ...one]);

module.exports = [...keywords, ...shapes, ...extensions, ...examples, ...parameters, ...bodies, ...answers, ...policies];
