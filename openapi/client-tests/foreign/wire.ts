// The requests of exchanges.mjs, with the TypeScript client.
import assert from 'node:assert/strict';
import { Client, everything, ProblemError, second } from 'schema-first-client';

const gateway = process.env['GATEWAY'];
assert(gateway);
const client = new Client({ gateway }, { token: 'of-the-client' });
const api = client.everything;

await api.pathStyles({ simple: 'a/b ü', list: ['x', 'y,z'], object: { G: 200, R: 100 }, label: 5, labels: ['a', 'b'], matrix: 'm', matrices: [1, 2], objectOfMatrix: { R: 1 } });
await api.queryStyles({
  q: 'a&b=c +', exploded: ['1', '2,3'], joined: ['a', 'b,c'], spaced: [1, 2], piped: ['x', 'y'], deep: { R: 1, name: 'n m' }, color: { G: 7 }, filter: { R: 1 }, reserved: 'a/b?c',
  since: '2026-11-30', sort: '-name', pageSize: 2, class: true });
await api.headersAndCookies({ xList: ['a', 'ü'], xObject: { G: 2, R: 1 }, session: 's 1;x', flags: ['a', 'b'] });

const dog: everything.models.Animal = { kind: 'woof', friend: { kind: 'meow', claws: 3 } };
const body: everything.models.Everything = {
  required: 'yes', nullable: null, both: null, at: '2026-11-30T05:00:00Z', day: '2026-11-30', id: '6f1c8a52-8f3b-4a51-9d3e-0c4b9b9d6a10', animal: dog,
  tree: { left: { right: null }, leaves: [{}] }, lists: [[], [[]]], maps: { a: { b: {} } }, json: [null, 'a', 1.5, [true]], class: everything.models.Class.StarSlash, merged: { R: 1, extra: 'e' },
  scores: { a: 1.5 }, user_id: 'one', userId: 2, '"quoted"': 'q', 'back\\slash': 'b', self: 's', copy: 'c' };
// @ts-expect-error a member that the document does not name
const wrong: everything.models.Color = { X: 1 };
assert.ok(wrong);
const answer = await api.sendJson({ body });
assert.deepEqual(answer, { ...body, later: 'a member of a later version' });
await api.sendForm({ body: { name: 'a b&c', tags: ['x', 'y'], joined: ['1', '2'], color: { R: 1 }, deep: { G: 2 } } });
const png = (text: string) => new Blob([text], { type: 'image/png' });
await api.sendFiles({ body: { title: 'T', file: new Blob(['a,b'], { type: 'text/csv' }), photos: [png('1'), png('2')], meta: { R: 1 }, tags: ['x', 'y'] } });
assert.equal(await api.sendText({ body: 'grün' }), 'rot');
const image = await api.sendImage({ body: 'PNG', contentType: 'image/png' });
assert.deepEqual([image.type, await image.text()], ['image/gif', 'GIF']);
assert.equal(await api.sendRows({ body: [{ R: 1 }, { R: 2 }] }), '{"a":1}\n{"a":2}\n');
assert.deepEqual(await api.sendSeveral({ body: { R: 1 } }), { R: 2 });
assert.deepEqual(await api.sendSeveral({ body: { R: 1, G: 2 }, contentType: 'application/x-www-form-urlencoded' }), { left: {} });
assert.equal(await api.sendSeveral({ body: 'a,b', contentType: 'text/csv', accept: 'text/csv' }), 'c,d');
assert.equal(await api.sendSeveral(), undefined);

async function refused(request: Promise<unknown>): Promise<ProblemError> {
  const error = await request.then(() => undefined, (reason: unknown) => reason);
  assert(error instanceof ProblemError, String(error));
  return error;
}
const own = await refused(api.sendSeveral());
assert.deepEqual([own.status, own.code, await own.response.json()], [409, 'unexpected_response', { message: 'no' }]);
const theirs = await refused(api.sendSeveral());
assert.deepEqual([theirs.status, theirs.title, await theirs.response.json()], [409, 'Theirs', { title: 'Theirs', extra: 1 }]);
assert.equal((await refused(api.sendSeveral())).code, 'validation_failed');

await api.asBearer();
api.credentials = { bearer: 'own', basic: { username: 'üser', password: 'p:w' }, inHeader: 'h', inQuery: 'q&', inCookie: 'c;', digest: 'd=1' };
await api.asBearer();
await api.asBasic();
await api.asBoth();
await api.asCookie();
await api.asDigest();
const animal = await api.getUOItSQuotedIdGo({ id: 7 });
assert.deepEqual(animal, dog);
assert.equal((await api.classRaw({ id: 7 })).raw.status, 200);
const colors: second.models.Color[] = await client.second.sendJson({ body: 'red' });
assert.deepEqual(colors, [second.models.Color.Red, 'green']);
console.log('typescript, foreign documents: ok');
