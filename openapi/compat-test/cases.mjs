// Edits of a document, and what is to be said of each.
const schemas = (document) => document.components.schemas;
const get = (document) => document.paths['/things'].get;
const post = (document) => document.paths['/things'].post;
const answer = (document) => get(document).responses[200];
const one = (document) => document.paths['/things/{id}'].get;
const put = (document) => document.paths['/things/{id}'].put;
const events = (document) => one(document).responses[200].content['text/event-stream'];
const demand = (schema, ...names) => (schema.required = names);
const scheme = (document) => document.components.securitySchemes.oauth2;
const flow = (document) => scheme(document).flows.password;

/** Renames what an object holds, in its place, and every reference to it where it is a schema. */
function rename(holder, was, is, document) {
  const entries = Object.entries(holder).map(([name, value]) => [name === was ? is : name, value]);
  Object.keys(holder).forEach((name) => delete holder[name]);
  Object.assign(holder, Object.fromEntries(entries));
  const visit = (node) => {
    if (node === null || typeof node !== 'object') return;
    if (node.$ref === `#/components/schemas/${was}`) node.$ref = `#/components/schemas/${is}`;
    Object.values(node).forEach(visit);
  };
  if (document) visit(document);
}

function renameParameter(document, name) {
  rename(document.paths, '/things/{id}', `/things/{${name}}`);
  for (const method of ['get', 'put']) document.paths[`/things/{${name}}`][method].parameters[0].name = name;
}

export const breaking = [
  ['`GET /things` is gone', (d) => delete d.paths['/things'].get],
  ['`GET /things` is gone', (d) => delete d.paths['/things']],
  ['`GET /things` is called `things`, no longer `list_things`', (d) => (get(d).operationId = 'things')],
  ['`GET /things` belongs to `others`, no longer to `things`', (d) => (get(d).tags = ['others'])],
  ['`GET /things` is for user, was for nobody in particular', (d) => delete get(d).security],
  ['`POST /things` is for user and admin, was for user', (d) => (post(d).security = [{ oauth2: ['user', 'admin'] }])],
  ['`POST /things` `x-body-limit` 1000 became 999', (d) => (post(d)['x-body-limit'] = 999)],
  ['`POST /things` `x-idempotency` optional became none', (d) => delete post(d)['x-idempotency']],
  ['the document has query parameters it does not know refused (422)', (d) => (d['x-unknown-parameters'] = 'refuse')],
  ['`GET /things` `x-unknown-parameters` none became refuse', (d) => (get(d)['x-unknown-parameters'] = 'refuse')],
  ['`GET /things`: parameter `limit` is gone', (d) => get(d).parameters.shift()],
  ['`GET /things`: parameter `limit` is required', (d) => (get(d).parameters[0].required = true)],
  ['`GET /things`: parameter `limit` maximum 100 became 50 (in requests)', (d) => (get(d).parameters[0].schema.maximum = 50)],
  ['`GET /things`: parameter `limit` default 10 became 20 (in requests)', (d) => (get(d).parameters[0].schema.default = 20)],
  ['`GET /things`: parameter `color` is written in another way', (d) => (get(d).parameters[1].explode = false)],
  [
    '`GET /things`: parameter `new` is new and required',
    (d) => get(d).parameters.push({ name: 'new', in: 'query', required: true, schema: { type: 'string' } }),
  ],
  ['`POST /things` takes no body any more', (d) => delete post(d).requestBody],
  ['`GET /things` takes a body', (d) => (get(d).requestBody = post(d).requestBody)],
  ['`POST /things`: the body is no longer application/json', (d) => delete post(d).requestBody.content['application/json']],
  ['`GET /things` no longer answers 200', (d) => delete get(d).responses[200]],
  ['`POST /things` no longer answers 409', (d) => delete post(d).responses[409]],
  ['`POST /things` may answer 202', (d) => (post(d).responses[202] = { description: 'Accepted' })],
  ['`GET /things`: 200 is no longer application/json', (d) => (answer(d).content = { 'text/csv': { schema: { type: 'string' } } })],
  ['`GET /things`: 200 may be text/csv', (d) => (answer(d).content['text/csv'] = { schema: { type: 'string' } })],
  ['`GET /things`: 200 header `X-Total-Count` is gone', (d) => delete answer(d).headers],
  ['`GET /things`: 200 header `X-Total-Count` may be absent', (d) => delete answer(d).headers['X-Total-Count'].required],
  ['`Thing`: `note` is no longer answered', (d) => delete schemas(d).Thing.properties.note],
  ['`Thing`: `state` may be absent (in answers)', (d) => demand(schemas(d).Thing, 'id', 'part')],
  ['`Thing`: `id` type integer became string (in answers)', (d) => (schemas(d).Thing.properties.id = { type: 'string' })],
  ['`Thing`: `id` may be null (in answers)', (d) => (schemas(d).Thing.properties.id.nullable = true)],
  ['`Thing`: `made` format date-time became date (in answers)', (d) => (schemas(d).Thing.properties.made.format = 'date')],
  ['`State` also `lost` (in answers)', (d) => schemas(d).State.enum.push('lost')],
  ['`Part`: `id` type integer became string (in answers)', (d) => (schemas(d).Part.properties.id.type = 'string')],
  ['`ThingCreate`: `name` type string became integer (in requests)', (d) => (schemas(d).ThingCreate.properties.name = { type: 'integer' })],
  ['`ThingCreate`: `name` maxLength 10 became 9 (in requests)', (d) => (schemas(d).ThingCreate.properties.name.maxLength = 9)],
  ['`ThingCreate`: `name` minLength 1 became 2 (in requests)', (d) => (schemas(d).ThingCreate.properties.name.minLength = 2)],
  ['`ThingCreate`: `name` pattern ^a became ^b (in requests)', (d) => (schemas(d).ThingCreate.properties.name.pattern = '^b')],
  ['`ThingCreate`: `note` maxLength none became 9 (in requests)', (d) => (schemas(d).ThingCreate.properties.note.maxLength = 9)],
  ['`ThingCreate`: `note` may no longer be null (in requests)', (d) => delete schemas(d).ThingCreate.properties.note.nullable],
  ['`ThingCreate`: `note` is required (in requests)', (d) => demand(schemas(d).ThingCreate, 'name', 'note')],
  ['`ThingCreate`: `note` is refused', (d) => delete schemas(d).ThingCreate.properties.note],
  [
    '`ThingCreate`: `more` is new and required',
    (d) => {
      schemas(d).ThingCreate.properties.more = { type: 'string' };
      schemas(d).ThingCreate.required.push('more');
    },
  ],
  ['`ThingCreate`: `lines` maxItems 5 became 4 (in requests)', (d) => (schemas(d).ThingCreate.properties.lines.maxItems = 4)],
  ['`LineCreate`: `amount` minimum 1 became 2 (in requests)', (d) => (schemas(d).LineCreate.properties.amount.minimum = 2)],
  ['`LineCreate`: `amount` type integer became string (in requests)', (d) => (schemas(d).LineCreate.properties.amount = { type: 'string' })],
  ['`Color` without `green` (in requests)', (d) => schemas(d).Color.enum.pop()],
  ['`Event`: `count` is no longer answered', (d) => rename(schemas(d).Event.properties, 'count', 'total')],
  ['`Event`: `count` may be absent (in answers)', (d) => demand(schemas(d).Event)],
  ['`GET /things/{id}`: 200 event may hold anything', (d) => delete events(d)['x-event-data']],
  ['`GET /things/{id}`: 200 event is of type `Thing`, was `Event`', (d) => (events(d)['x-event-data'] = { $ref: '#/components/schemas/Thing' })],
  ['`PUT /things/{id}` `x-body-limit` 65536 became 100', (d) => (put(d)['x-body-limit'] = 100)],
  ['`TimeInput` times without a zone are refused (in requests)', (d) => delete schemas(d).TimeInput['x-assume-utc']],
  ['`Part` is gone, a type of clients', (d) => rename(schemas(d), 'Part', 'Piece', d)],
  ['`Color` is gone, a type of clients', (d) => rename(schemas(d), 'Color', 'Colour', d)],
  ['`Event` is gone, a type of clients', (d) => (delete events(d)['x-event-data'], delete schemas(d).Event)],
  [
    '`GET /things`: 200 items is of type `Copy`, was `Thing`',
    (d) => {
      schemas(d).Copy = structuredClone(schemas(d).Thing);
      answer(d).content['application/json'].schema.items.$ref = '#/components/schemas/Copy';
    },
  ],
  ['security scheme `oauth2` type oauth2 became http', (d) => (scheme(d).type = 'http')],
  ['security scheme `oauth2`: flow `password` is gone', (d) => rename(scheme(d).flows, 'password', 'clientCredentials')],
  ['security scheme `oauth2`: flow `password` tokenUrl /token became /login', (d) => (flow(d).tokenUrl = '/login')],
  ['security scheme `oauth2`: flow `password` tokenUrl /token became none', (d) => delete flow(d).tokenUrl],
  ['security scheme `oauth2`: flow `password`: scope `admin` is gone', (d) => delete flow(d).scopes.admin],
  ['security scheme `oauth2` is gone', (d) => rename(d.components.securitySchemes, 'oauth2', 'bearer')],
  ['`PUT /things/{id}` asks for bearer, asked for oauth2', (d) => (d.security = [{ bearer: ['user'] }])],
  ['`PUT /things/{id}` is for admin, was for user', (d) => (put(d).security = [{ oauth2: ['admin'] }])],
  ['the document is no longer served at `/`', (d) => (d.servers[0].url = '/v2')],
  ['the document is no longer served at `/mirror`', (d) => d.servers.pop()],
  ['the document is served at `/mirror` first, was at `/`', (d) => d.servers.reverse()],
  ['`GET /things` is no longer served at `/`', (d) => (get(d).servers = [{ url: '/elsewhere' }])],
  ['`GET /things` is no longer served at `/`', (d) => (d.paths['/things'].servers = [{ url: '/elsewhere' }])],
  ['`Sort` `-id` is called `IdDown`, was called `IdDesc`', (d) => (schemas(d).Sort['x-enum-varnames'][1] = 'IdDown')],
  ['`Sort` `-id` is named after itself, was called `IdDesc`', (d) => delete schemas(d).Sort['x-enum-varnames']],
  ['`State` `new` is called `Fresh`, was called `New`', (d) => (schemas(d).State['x-enum-varnames'] = ['Fresh', 'Old'])],
  ['`GET /things/{thing_id}`: parameter `id` is called `thing_id`', (d) => renameParameter(d, 'thing_id')],
];

export const additive = [
  ['`POST /things` `x-quotas` none became 9 things of one user', (d) => (post(d)['x-quotas'] = [{ code: 'too_many_things', amount: 9, of: 'things of one user' }])],
  ['`GET /things` `x-event-streams` none became 9', (d) => (get(d)['x-event-streams'] = 9)],
  ['`GET /things` `x-unknown-parameters` none became ignore', (d) => (get(d)['x-unknown-parameters'] = 'ignore')],
  ['`DELETE /things` is new: no summary', (d) => (d.paths['/things'].delete = { operationId: 'drop', responses: {} })],
  ['`GET /things` is deprecated', (d) => (get(d).deprecated = true)],
  ['`POST /things` is for nobody in particular, was for user', (d) => (post(d).security = [])],
  ['`POST /things` is for user or nobody in particular, was for user', (d) => (post(d).security = [{ oauth2: ['user'] }, {}])],
  ['`POST /things` `x-body-limit` 1000 became 1001', (d) => (post(d)['x-body-limit'] = 1001)],
  ['`POST /things` `x-rate-limit` 10 in 60 s by user became 5 in 60 s by user', (d) => (post(d)['x-rate-limit'].amount = 5)],
  ['`GET /things`: parameter `limit` maximum 100 became 200 (in requests)', (d) => (get(d).parameters[0].schema.maximum = 200)],
  ['`GET /things`: parameter `new` is new', (d) => get(d).parameters.push({ name: 'new', in: 'query', schema: { type: 'string' } })],
  ['`POST /things`: the body may be text/csv', (d) => (post(d).requestBody.content['text/csv'] = { schema: { type: 'string' } })],
  ['`POST /things` may answer 410', (d) => (post(d).responses[410] = { description: 'Problem' })],
  ['`GET /things`: 200 header `Link` is new', (d) => (answer(d).headers.Link = { schema: { type: 'string' } })],
  ['`Thing`: `more` is new in answers', (d) => (schemas(d).Thing.properties.more = { type: 'string' })],
  ['`Thing`: `note` is required (in answers)', (d) => demand(schemas(d).Thing, 'id', 'state', 'part', 'note')],
  ['`Thing`: `note` maxLength 10 became 20 (in answers)', (d) => (schemas(d).Thing.properties.note.maxLength = 20)],
  ['`Thing`: `part` may no longer be null (in answers)', (d) => (schemas(d).Thing.properties.part = { $ref: '#/components/schemas/Part' })],
  ['`State` without `old` (in answers)', (d) => schemas(d).State.enum.pop()],
  ['`ThingCreate`: `name` maxLength 10 became 20 (in requests)', (d) => (schemas(d).ThingCreate.properties.name.maxLength = 20)],
  ['`ThingCreate`: `name` pattern ^a became none (in requests)', (d) => delete schemas(d).ThingCreate.properties.name.pattern],
  ['`ThingCreate`: `name` may be absent (in requests)', (d) => demand(schemas(d).ThingCreate)],
  ['`ThingCreate`: `more` is new', (d) => (schemas(d).ThingCreate.properties.more = { type: 'string' })],
  ['`Color` also `blue` (in requests)', (d) => schemas(d).Color.enum.push('blue')],
  ['`Event`: `more` is new in answers', (d) => (schemas(d).Event.properties.more = { type: 'string' })],
  [
    '`GET /things`: 200 event says what it holds',
    (d) => (answer(d).content['application/json']['x-event-data'] = { $ref: '#/components/schemas/Event' }),
  ],
  ['`PUT /things/{id}` `x-body-limit` 65536 became 65537', (d) => (put(d)['x-body-limit'] = 65_537)],
  ['`POST /things` `x-body-limit` 1000 became 65536', (d) => delete post(d)['x-body-limit']],
  ['`ThingCreate`: `since` times without a zone are UTC (in requests)', (d) => (schemas(d).ThingCreate.properties.since['x-assume-utc'] = true)],
  ['`TimeInput` format date-time became none (in requests)', (d) => (schemas(d).TimeInput = { type: 'string' })],
  ['`GET /things/{id}` is for user, was for admin', (d) => (one(d).security = [{ oauth2: ['user'] }])],
  ['security scheme `oauth2`: flow `password`: scope `reader` is new', (d) => (flow(d).scopes.reader = 'Less.')],
  ['security scheme `oauth2`: flow `password` refreshUrl none became /refresh', (d) => (flow(d).refreshUrl = '/refresh')],
  ['security scheme `key` is new', (d) => (d.components.securitySchemes.key = { type: 'apiKey', in: 'header', name: 'X-Key' })],
  ['the document is served at `/third`', (d) => d.servers.push({ url: '/third' })],
  [
    '`Sort` also `-made_at` (in requests)',
    (d) => (schemas(d).Sort.enum.push('-made_at'), schemas(d).Sort['x-enum-varnames'].push('MadeAtDesc')),
  ],
  [
    // The name is the one it had before it had to be said.
    '`Color` also `-red` (in requests)',
    (d) => (schemas(d).Color.enum.push('-red'), (schemas(d).Color['x-enum-varnames'] = ['Red', 'Green', 'RedDesc'])),
  ],
];

/** Edits that say the same in other words: nothing is to be said of them. */
export const same = [
  ['a default of OpenAPI said', (d) => (get(d).parameters[1].style = 'form')],
  ['another default of OpenAPI said', (d) => Object.assign(one(d).parameters[0], { style: 'simple', explode: false })],
  ['the default limit of bodies said', (d) => (put(d)['x-body-limit'] = 65_536)],
  ['a schema renamed that nobody reaches', (d) => rename(schemas(d), 'Unused', 'Idle')],
  ['a schema gone that nobody reaches', (d) => delete schemas(d).Unused],
  ['a scalar renamed', (d) => rename(schemas(d), 'TimeInput', 'Instant', d)],
  ['member names said as they are', (d) => (schemas(d).State['x-enum-varnames'] = ['New', 'Old'])],
  ['values in another order, with their names', (d) => (schemas(d).Sort.enum.reverse(), schemas(d).Sort['x-enum-varnames'].reverse())],
  ['demands of the document said by an operation', (d) => (put(d).security = structuredClone(d.security))],
  ['servers of the document said by an operation', (d) => (put(d).servers = structuredClone(d.servers))],
  ['a description', (d) => ((d.servers[0].description = 'Here'), (scheme(d).description = 'So'), (flow(d).scopes.user = 'Other words.'))],
];
