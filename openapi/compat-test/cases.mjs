// Edits of a document, and what is to be said of each.
const schemas = (document) => document.components.schemas;
const get = (document) => document.paths['/things'].get;
const post = (document) => document.paths['/things'].post;
const answer = (document) => get(document).responses[200];
const demand = (schema, ...names) => (schema.required = names);

export const breaking = [
  ['`GET /things` is gone', (d) => delete d.paths['/things'].get],
  ['`GET /things` is gone', (d) => delete d.paths['/things']],
  ['`GET /things` is called `things`, no longer `list_things`', (d) => (get(d).operationId = 'things')],
  ['`GET /things` belongs to `others`, no longer to `things`', (d) => (get(d).tags = ['others'])],
  ['`GET /things` is for user, was for nobody in particular', (d) => delete get(d).security],
  ['`POST /things` is for user and admin, was for user', (d) => (post(d).security = [{ oauth2: ['user', 'admin'] }])],
  ['`POST /things` `x-body-limit` 1000 became 999', (d) => (post(d)['x-body-limit'] = 999)],
  ['`POST /things` `x-idempotency` optional became none', (d) => delete post(d)['x-idempotency']],
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
];

export const additive = [
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
];
