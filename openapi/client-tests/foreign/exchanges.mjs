// What each client sends for everything.yaml and second.yaml, in the order in which wire.ts, wire.py and main.rs do, and what it is answered.
const BASE = '/everything/v1/beta';
const json = (value, status = 200) => ({ status, media: 'application/json', text: JSON.stringify(value) });

/** As a program gives it, and as it is answered. */
const WHOLE = {
  required: 'yes', nullable: null, both: null, at: '2026-11-30T05:00:00Z', day: '2026-11-30', id: '6f1c8a52-8f3b-4a51-9d3e-0c4b9b9d6a10',
  animal: { kind: 'woof', friend: { kind: 'meow', claws: 3 } }, tree: { left: { right: null }, leaves: [{}] }, lists: [[], [[]]], maps: { a: { b: {} } }, json: [null, 'a', 1.5, [true]],
  class: '*/', merged: { R: 1, extra: 'e' }, scores: { a: 1.5 }, user_id: 'one', userId: 2, '"quoted"': 'q', 'back\\slash': 'b', self: 's', copy: 'c' };

const queries = [
  'q=a%26b%3Dc%20%2B', 'exploded=1&exploded=2%2C3', 'joined=a,b%2Cc', 'spaced=1%202', 'piped=x%7Cy', 'deep%5BR%5D=1&deep%5Bname%5D=n%20m', 'G=7',
  'filter=%7B%22R%22%3A1%7D', 'reserved=a/b?c', 'since=2026-11-30', 'sort=-name', 'page%5Bsize%5D=2', 'class=true'];
const problem = { type: 'urn:problem:x', title: 'Unprocessable Content', status: 422, code: 'validation_failed' };

export const exchanges = [
  { method: 'GET', target: `${BASE}/path/a%2Fb%20%C3%BC/x,y%2Cz/G=200,R=100/.5/.a.b/;matrix=m/;matrices=1;matrices=2/;object_of_matrix=R,1.json` },
  { method: 'GET', target: `${BASE}/query?${queries.join('&')}` },
  { method: 'GET', target: `${BASE}/headers`, headers: { 'x-list': Buffer.from('a,ü').toString('latin1'), 'x-object': 'G=2,R=1', cookie: 'session=s%201%3Bx; flags=a,b' } },
  { method: 'POST', target: `${BASE}/json`, headers: { 'content-type': 'application/json', accept: 'application/json' }, body: WHOLE, answer: json({ ...WHOLE, later: 'a member of a later version' }) },
  { method: 'POST', target: `${BASE}/form`, headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: ['color=%7B%22R%22%3A1%7D', 'deep%5BG%5D=2', 'joined=1,2', 'name=a%20b%26c', 'tags=x', 'tags=y'] },
  { method: 'POST', target: `${BASE}/multipart`, body: [['title', 'T'], ['file', 'text/csv', 'a,b'], ['photos', 'image/png', '1'], ['photos', 'image/png', '2'], ['meta', { R: 1 }], ['tags', 'x'], ['tags', 'y']] },
  { method: 'POST', target: `${BASE}/text`, headers: { 'content-type': 'text/plain' }, body: 'grün', answer: { status: 200, media: 'text/plain; charset=utf-8', text: 'rot' } },
  { method: 'PUT', target: `${BASE}/image`, headers: { 'content-type': 'image/png', accept: 'image/*' }, body: 'PNG', answer: { status: 200, media: 'image/gif', text: 'GIF' } },
  { method: 'POST', target: `${BASE}/rows`, headers: { 'content-type': 'application/x-ndjson' }, body: [{ R: 1 }, { R: 2 }], answer: { status: 200, media: 'application/x-ndjson', text: '{"a":1}\n{"a":2}\n' } },
  { method: 'POST', target: `${BASE}/several`, headers: { 'content-type': 'application/json', accept: 'application/json, text/csv' }, body: { R: 1 }, answer: json({ R: 2 }) },
  { method: 'POST', target: `${BASE}/several`, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: ['G=2', 'R=1'], answer: json({ left: {} }, 201) },
  { method: 'POST', target: `${BASE}/several`, headers: { 'content-type': 'text/csv', accept: 'text/csv' }, body: 'a,b', answer: { status: 200, media: 'text/csv', text: 'c,d' } },
  { method: 'POST', target: `${BASE}/several`, headers: { 'content-type': undefined } },
  { method: 'POST', target: `${BASE}/several`, answer: json({ message: 'no' }, 409) },
  { method: 'POST', target: `${BASE}/several`, answer: { status: 409, media: 'application/problem+json', text: '{"title":"Theirs","extra":1}' } },
  { method: 'POST', target: `${BASE}/several`, answer: { status: 422, media: 'application/problem+json', text: JSON.stringify(problem) } },
  { method: 'GET', target: `${BASE}/secrets/bearer`, headers: { authorization: 'Bearer of-the-client' } },
  { method: 'GET', target: `${BASE}/secrets/bearer`, headers: { authorization: 'Bearer own' } },
  { method: 'GET', target: `${BASE}/secrets/basic`, headers: { authorization: 'Basic w7xzZXI6cDp3' } },
  { method: 'GET', target: `${BASE}/secrets/both?api%20key=q%26`, headers: { 'x-api-key': 'h' } },
  { method: 'GET', target: `${BASE}/secrets/cookie`, headers: { cookie: 'sid=c%3B' } },
  { method: 'GET', target: `${BASE}/secrets/digest`, headers: { authorization: 'Digest d=1' } },
  { method: 'GET', target: `${BASE}/%C3%BC%20%C3%B6/it%27s%20%22quoted%22/7:go`, answer: json({ kind: 'woof', friend: { kind: 'meow', claws: 3 } }) },
  { method: 'HEAD', target: `${BASE}/%C3%BC%20%C3%B6/it%27s%20%22quoted%22/7:go`, answer: { status: 200 } },
  { method: 'POST', target: '/second/api/second/json', body: 'red', answer: json(['red', 'green']) },
];

// Of a client that goes on with a session of ours, whose token the service rejects: one refresh, and the same request with the new one.
const token = { access_token: 'fresh', token_type: 'bearer', expires_in: 1800, scope: 'user', refresh_token: 'next', refresh_expires_in: 3600 };
const invalid = JSON.stringify({ type: 'urn:problem:invalid_token', title: 'Unauthorized', status: 401, code: 'invalid_token' });
export const sessions = [
  { method: 'GET', target: `${BASE}/secrets/bearer`, headers: { authorization: 'Bearer stale' }, answer: { status: 401, media: 'application/problem+json', text: invalid } },
  { method: 'POST', target: `/${process.env.PREFIX}/api/v1/auth/login/access-token`, headers: { authorization: undefined }, body: ['grant_type=refresh_token', 'refresh_token=once'], answer: json(token) },
  { method: 'GET', target: `${BASE}/secrets/bearer`, headers: { authorization: 'Bearer fresh' } },
  { method: 'GET', target: `${BASE}/secrets/bearer`, headers: { authorization: 'Bearer own' }, answer: { status: 401, media: 'application/problem+json', text: invalid } },
];
