// What becomes of the parts of a document that was written elsewhere: `node --test`, with the parser's folder in TOOLS.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { adopt } from '../generator/adopt/adopt.mjs';
import { acceptedPattern, sampleOf } from '../generator/adopt/patterns.mjs';
import { Report } from '../generator/adopt/report.mjs';
import { Source } from '../generator/adopt/source.mjs';

const yaml = createRequire(`${process.env.TOOLS}/`)('yaml');
const folder = mkdtempSync(join(tmpdir(), 'documents-'));
after(() => rmSync(folder, { recursive: true }));

function read(document, { version = '3.0.3', without = [] } = {}) {
  const file = join(folder, 'document.json');
  writeFileSync(file, JSON.stringify({ openapi: version, info: { title: 'T', version: '1.0.0' }, ...document }));
  const source = new Source(file, yaml);
  const report = new Report(source);
  const made = adopt(source, report, { service: 'pets', without, taken: { operations: ['list_users'], schemas: ['User', 'Problem'], tags: ['users', 'login'] } });
  return { ...made, notes: report.noteLines().join('\n'), refusals: report.refusalLines().join('\n') };
}

const answers = { 204: { description: 'Done' } };
const sends = (schema, rest = {}) => ({ paths: { '/a': { post: { requestBody: { content: { 'application/json': { schema } } }, responses: answers } } }, ...rest });
const property = (schema, options) => {
  const made = read(sends({ type: 'object', properties: { p: schema } }), options);
  return made.refusals || made.schemas.PostABody.properties.p;
};
const SAFE = Number.MAX_SAFE_INTEGER;

for (const [name, schema, wanted, version] of [
  ['a text', { type: 'string' }, { type: 'string', maxLength: 10000 }],
  ['an unknown format', { type: 'string', format: 'phone', maxLength: 5 }, { type: 'string', maxLength: 5 }],
  ['a format that is parsed', { type: 'string', format: 'date-time', maxLength: 99 }, { type: 'string', format: 'date-time' }],
  ['an integer', { type: 'integer' }, { type: 'integer', format: 'int64', minimum: -SAFE, maximum: SAFE }],
  ['a small integer', { type: 'integer', format: 'uint8' }, { type: 'integer', format: 'int32', minimum: 0, maximum: 255 }],
  ['numbers in steps', { enum: [10, 20, 30] }, { type: 'integer', format: 'int64', minimum: 10, maximum: 30, multipleOf: 10 }],
  ['an exclusive limit as a number', { type: 'number', exclusiveMinimum: 0, maximum: 1 }, { type: 'number', format: 'double', minimum: 0, maximum: 1, exclusiveMinimum: true }, '3.1.0'],
  ['null among types', { type: ['string', 'null'], maxLength: 5 }, { type: 'string', nullable: true, maxLength: 5 }, '3.1.0'],
  ['null among choices', { anyOf: [{ type: 'boolean' }, { type: 'null' }] }, { type: 'boolean', nullable: true }, '3.1.0'],
  ['a default that does not fit', { type: 'boolean', default: 'yes' }, { type: 'boolean' }],
  ['anything', {}, {}],
  ['an enum', { enum: ['a', 'b'] }, { $ref: '#/components/schemas/PostABodyP' }],
  ['an enum that may be null', { type: 'string', enum: ['a', null] }, { type: 'string', nullable: true, allOf: [{ $ref: '#/components/schemas/PostABodyP' }] }],
  ['a map', { type: 'object', additionalProperties: { type: 'boolean' } }, { type: 'object', additionalProperties: { type: 'boolean' }, maxProperties: 100 }],
  ['a list', { type: 'array', items: { type: 'boolean' }, uniqueItems: true }, { type: 'array', items: { type: 'boolean' }, maxItems: 1000, uniqueItems: true }],
  ['scalars that are merged', { allOf: [{ type: 'string', minLength: 2 }, { minLength: 3, maxLength: 4 }] }, { type: 'string', minLength: 3, maxLength: 4 }],
]) test(`${name} is written as ours`, () => assert.deepEqual(property(schema, { version }), wanted));

for (const [name, schema] of [
  ['several types', { oneOf: [{ type: 'string' }, { type: 'integer' }] }], ['odd numbers', { enum: [1, 2, 4] }], ['looking ahead', { type: 'string', pattern: '^(?=a).$' }],
  ['`not`', { not: { type: 'string' } }], ['a reference that leads nowhere', { $ref: '#/components/schemas/None' }], ['another file', { $ref: 'other.yaml#/A' }],
  ['members beside properties', { type: 'object', properties: { a: {} }, additionalProperties: { type: 'string' } }],
  ['two names for one field', { type: 'object', properties: { a_b: {}, aB: {} } }], ['text that is rewritten', { enum: ['*/*'] }],
]) test(`${name} cannot be said of a request`, () => assert.match(String(property(schema)), /^ {2}#\/paths\/~1a\/post/));

test('what only answers say may get lost, with a note', () => {
  const { operations, notes, refusals } = read({ paths: { '/a': { get: { responses: { 200: { description: 'x', content: { 'application/json': { schema: { oneOf: [{ type: 'string' }, { type: 'integer' }] } } } } } } } } });
  assert.equal(refusals, '');
  assert.deepEqual(operations[0].made.successes[200].content, { 'application/json': { schema: {} } });
  assert.match(notes, /any JSON/);
});

test('an object that holds itself is refused, and one in a list is not', () => {
  const node = (next) => ({ components: { schemas: { Node: { type: 'object', properties: { next } } } } });
  const reference = { $ref: '#/components/schemas/Node' };
  assert.match(read(sends(reference, node(reference))).refusals, /holds itself/);
  assert.equal(read(sends(reference, node({ type: 'array', items: reference }))).refusals, '');
});

test('lists and maps that hold themselves are refused, and those with objects between are not', () => {
  const reference = { $ref: '#/components/schemas/Pets' };
  const pets = (Pets) => read(sends(reference, { components: { schemas: { Pets, Pet: { type: 'object', properties: { friends: reference } } } } })).refusals;
  assert.match(pets({ type: 'array', items: { type: 'array', items: reference } }), /holds itself/);
  assert.match(pets({ type: 'object', additionalProperties: reference }), /holds itself/);
  assert.equal(pets({ type: 'array', items: { $ref: '#/components/schemas/Pet' } }), '');
});

test('names are ours, and each there once', () => {
  const schemas = { User: { type: 'object', properties: { a: {} } }, CreateItemRequest: { type: 'object', properties: { a: {} } } };
  const body = (name) => ({ content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } });
  const made = read({ components: { schemas }, paths: {
    '/users': { get: { operationId: 'listUsers', tags: ['Users'], responses: answers }, post: { operationId: 'type', tags: ['Users'], requestBody: body('User'), responses: answers } },
    '/items/{itemId}': { put: { operationId: 'createItem', requestBody: body('CreateItemRequest'), responses: answers } } } });
  assert.deepEqual(made.operations.map(({ id }) => id), ['pets_list_users', 'type_post', 'create_item']);
  assert.deepEqual(made.tags.map(({ name }) => name), ['pets_users', 'pets']);
  assert.deepEqual(Object.keys(made.schemas), ['PetsUser', 'PetsCreateItemRequest']);
  assert.equal(made.operations[2].path, '/items/{item_id}');
});

test('paths have that of the server, and keep away from what each service answers', () => {
  const paths = (path, more) => read({ paths: { [path]: { get: { responses: answers } } }, ...more }).operations.map((one) => one.path);
  assert.deepEqual(paths('/a/', { servers: [{ url: 'https://{host}/v1/', variables: { host: { default: 'x' } } }] }), ['/v1/a']);
  assert.deepEqual(paths('/'), ['/pets']);
  assert.deepEqual(paths('/{short}'), ['/pets/{short}']);
  assert.match(read({ paths: { '/a/{id}.json': { get: { responses: answers } } } }).refusals, /whole segment/);
});

test('who may call is told by what protects an operation', () => {
  const of = (security, root) => read({ paths: { '/a': { get: { security, responses: answers } } }, security: root }).operations[0].made;
  assert.deepEqual(of(undefined, undefined).security, []);
  assert.deepEqual(of([], [{ key: [] }]).security, []);
  assert.equal(of(undefined, [{ key: [] }]).security, undefined);
  assert.equal(of([{ key: [] }, {}]).security.length, 2);
  assert.ok(of([{ key: [] }]).lists.includes('signed'));
});

test('a pattern that engines take forever with takes nobody long', () => {
  const started = Date.now();
  const pattern = '^(([a-z ]|[^\\\\x00])+.(json|yaml))$';
  const made = property({ type: 'string', pattern, example: 'a'.repeat(60) });
  assert.match(made.example, /json$/);
  assert.ok(Date.now() - started < 3000);
});

test('an example with a reference within is left out', () => {
  const schema = { type: 'object', properties: { a: {} } };
  const { operations } = read({ paths: { '/a': { post: { requestBody: { content: { 'application/json': { schema, example: { $ref: '#/components/examples/a' } } } }, responses: answers } } } });
  assert.equal(operations[0].made.requestBody.content['application/json'].example, undefined);
});

test('a path that has a parameter twice is refused', () => {
  assert.match(read({ paths: { '/a/{id}/b/{id}': { get: { responses: answers } } } }).refusals, /a parameter twice/);
});

for (const [name, schema] of [
  ['a text without characters', { type: 'string', maxLength: 0 }], ['a list without items', { type: 'array', items: {}, maxItems: 0 }], ['null alone', { enum: [null] }],
  ['a range that is empty', { type: 'integer', minimum: 5, maximum: 1 }], ['lengths that nothing has', { type: 'string', minLength: 5, maxLength: 1 }],
  ['numbers of items that no list has', { type: 'array', items: {}, minItems: 3, maxItems: 2 }],
]) test(`${name} is refused rather than widened`, () => assert.match(String(property(schema)), /^ {2}#\/paths\/~1a\/post/));

test('what is left out of parameters, paths and answers is told', () => {
  const parameters = (path, parameter, responses = answers) => read({ paths: { [path]: { get: { parameters: [parameter], responses } } } });
  assert.match(parameters('/a/{x}', { name: 'x', in: 'path', required: true, style: 'matrix', schema: { type: 'string' } }).refusals, /style: matrix/);
  assert.match(parameters('/a', { name: 'x', in: 'query', type: 'integer' }).refusals, /`type`: it is to be within `schema`/);
  assert.match(parameters('a', { name: 'x', in: 'query' }).refusals, /begins with/);
  assert.match(parameters('/a/', { name: 'x', in: 'path', schema: {} }, { ...answers, '3XX': { description: 'x' } }).notes, /without a slash at the end[^]*path does not have[^]*no single status/);
  assert.match(read(sends({ type: 'object', properties: { p: { $ref: '#/components/schemas/A', nullable: true } } }, { components: { schemas: { A: { type: 'string' } } } })).notes, /beside a `\$ref`/);
});

test('what lists and maps hold is merged', () => {
  const components = { schemas: { Station: { type: 'object', properties: { a: {} } }, Page: { type: 'object', properties: { data: { type: 'array', items: { type: 'object' } } } } } };
  const made = read(sends({ allOf: [{ $ref: '#/components/schemas/Page' }, { properties: { data: { type: 'array', items: { $ref: '#/components/schemas/Station' } } } }] }, { components }));
  assert.equal(made.refusals, '');
  assert.deepEqual(made.schemas.PostABody.properties.data.items, { $ref: '#/components/schemas/Station' });
  const map = (most) => ({ type: 'object', additionalProperties: { type: 'string', maxLength: most } });
  assert.equal(property({ allOf: [map(5), map(3)] }).additionalProperties.maxLength, 3);
});

const get = (operation, rest) => ({ paths: { '/a': { get: { responses: answers, ...operation } } }, ...rest });
for (const [name, document] of [
  ['parameters', get({ parameters: { name: 'x' } })], ['a parameter', get({ parameters: [null] })], ['a parameter without a name', get({ parameters: [{ in: 'query' }] })],
  ['tags', get({ tags: 'pets' })], ['tags of the document', get({}, { tags: 'x' })], ['an operation', { paths: { '/a': { get: null } } }], ['servers', get({}, { servers: 'https://x' })],
  ['a server', get({}, { servers: [null] })], ['security', get({}, { security: 'x' })], ['an enum', sends({ type: 'string', enum: 'x' })], ['allOf', sends({ allOf: {} })],
  ['properties', sends({ properties: [] })], ['a limit', sends({ type: 'integer', minimum: '3' })], ['a length', sends({ type: 'string', maxLength: -1 })], ['paths', { paths: 'x' }],
]) test(`${name} of another shape than the standard's ${name.includes(' ') ? 'is' : 'are'} refused`, () => assert.match(read(document).refusals, /is to be .*\n.*Mend the document/));

test('what says nothing is read as nothing', () => {
  const made = read({ paths: { '/a': { get: { operationId: 5, description: {}, parameters: null, tags: null, responses: { 200: null } }, put: { responses: { 201: { description: 'x', content: { 'application/json': null } } } } } } });
  assert.equal(made.refusals, '');
  assert.deepEqual(made.operations.map((one) => Object.keys(one.made.successes)), [['200'], ['201']]);
  assert.match(read(sends({ type: 'object', properties: { a: { type: 'string', required: true } } })).notes, /`required` of a schema lists properties/);
  assert.match(read(sends({ type: 'object', properties: { a: { type: 'array', items: { type: 'string' }, default: [] } } })).notes, /Defaults of lists/);
});

test('a reference that is no part of a URL leads nowhere', () => assert.match(read(sends({ $ref: '#/components/schemas/%zz' })).refusals, /leads nowhere/));

test('in a form nothing is null, and in JSON it still is', () => {
  const content = (type) => ({ requestBody: { content: { [type]: { schema: { $ref: '#/components/schemas/Login' } } } }, responses: answers });
  const Login = { type: 'object', properties: { grant: { type: 'string', nullable: true, maxLength: 5 } } };
  const made = read({ components: { schemas: { Login } }, paths: { '/a': { post: content('application/x-www-form-urlencoded'), put: content('application/json') } } });
  assert.equal(made.refusals, '');
  assert.deepEqual(Object.values(made.schemas).map(({ properties }) => Boolean(properties.grant.nullable)).sort(), [false, true]);
});

test('an operation can be left out', () => {
  const document = { paths: { '/a': { get: { operationId: 'x', responses: answers }, trace: { responses: answers } }, '/b': { put: { responses: answers } } } };
  assert.equal(read(document, { without: ['TRACE /a', 'PUT /b'] }).operations.length, 1);
  assert.match(read(document, { without: ['TRACE /a', 'y'] }).refusals, /no such operation/);
});

const TEXTS = ['', 'a', 'A', '1', 'abc', 'a1', 'a b', ' a', 'a\n', 'x-1', '2026-01-31', '12345', 'a.b', 'a/b', 'ä', '-', '_', 'AB12', 'a]b', '{1}', '\u00a0', 'aa', 'ab'];
for (const pattern of ['abc', '^abc', 'c$', '^a|b$', '^(a|b)+?$', '^\\d{2,5}$', '\\w', '^\\S+$', '^[\\w.-]+$', '^.$', '^[a-z]*/[a-z]*$', '^[^\\d]$', '^\\D*$', '^(?<x>a)$', 'a{2}', '^ä$', '^[\\]a]$', '^\\{1\\}$', '^$']) {
  test(`the pattern ${pattern} matches what it did`, () => {
    const { pattern: accepted, fault } = acceptedPattern(pattern);
    assert.equal(fault, undefined);
    for (const text of TEXTS) assert.equal(new RegExp(accepted, 'u').test(text), new RegExp(pattern).test(text), JSON.stringify(text));
  });
}

test('a pattern has an example', () => {
  for (const pattern of ['^[A-Z]{3}-[0-9]{4}$', '^(?:a|b)[^\\x00]{5,9}$', '^\\+[1-9][0-9]{6,14}$', '^#[0-9a-f]{6}$', '^[0-9]+(?:\\.[0-9]{1,2})?$']) {
    assert.match(sampleOf(pattern) ?? '', new RegExp(pattern, 'u'), pattern);
  }
});
