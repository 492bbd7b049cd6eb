// What the TypeScript client does when things go wrong: with members that are not there, with secrets, with networks that fail.
// Needs no services but one of its own, and of operations only what every service has.
import assert from 'node:assert/strict';
import net from 'node:net';
import { inspect } from 'node:util';
import { Client, ClientError, DecodeError, ProblemError, type Signup, TransportError } from 'schema-first-client';

const SECRET = 'eyJ-not-to-be-seen';
const TOKEN = JSON.stringify({ access_token: SECRET, token_type: 'bearer', expires_in: 1800, scope: 'user', refresh_token: SECRET, refresh_expires_in: 3600 });
const PROBLEM = JSON.stringify({ type: 'urn:problem:x', title: 'Unprocessable Content', status: 422, code: 'validation_failed' });

function answer(status: string, body: string, media = 'application/json'): string {
  return [`HTTP/1.1 ${status}`, `Content-Type: ${media}`, `Content-Length: ${body.length}`, 'Connection: close', '', body].join('\r\n');
}

/** Calls `use` with the address of a service that answers every request so, and a list of what it was asked. */
async function served(given: string, use: (gateway: string, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      asked.push(String(data));
      socket.end(given);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await use(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`, asked);
  server.close();
}

async function failing<T extends ClientError>(kind: new (...args: never[]) => T, request: Promise<unknown>): Promise<T> {
  const error = await request.then(() => assert.fail('not refused'), (error: unknown) => error);
  assert.ok(error instanceof kind && error instanceof ClientError, inspect(error));
  assert.equal(error.constructor, kind);
  return error;
}

// Members that are not there, where types do not look.
const account = { email: 'a@b.test', password: SECRET, fulName: 'Ada' };
const alike: Signup = account;
// @ts-expect-error types look at what is written out
const written: Signup = { email: 'a@b.test', password: SECRET, fulName: 'Ada' };
await served(answer('201 Created', '{}'), async (gateway, asked) => {
  const client = new Client({ gateway });
  await assert.rejects(client.login.signup({ signup: alike }), /Signup has no member "fulName"/);
  await assert.rejects(client.login.signup({ signup: written }), TypeError);
  const form = { username: 'a@b.test', password: SECRET, scop: 'user' };
  await assert.rejects(client.login.loginAccessToken(form), /LoginAccessTokenRequest has no member "scop"/);
  assert.deepEqual(asked, [], 'nothing was sent');
});

// Secrets are not shown.
await served(answer('200 OK', TOKEN), async (gateway) => {
  const client = new Client({ gateway });
  const token = await client.signIn('a@b.test', SECRET);
  assert.equal(token.accessToken, SECRET);
  assert.equal(client.token, SECRET);
  assert.equal(JSON.parse(JSON.stringify(token)).accessToken, SECRET, 'it can be kept all the same');
  const raw = await client.login.loginAccessTokenRaw({ username: 'a@b.test', password: SECRET });
  for (const shown of [client, client.session, token, [token], { token }, new Client({ gateway }, { token: SECRET }), raw]) {
    assert.ok(!inspect(shown, { depth: 10, showHidden: false }).includes(SECRET), inspect(shown, { depth: 10 }));
  }
  assert.ok(!JSON.stringify(client).includes(SECRET));
});

// Networks that fail, and answers that cannot be read.
const get = (gateway: string) => new Client({ gateway }).users.getMe();
assert.ok((await failing(TransportError, get('http://127.0.0.1:9'))).cause);
await failing(TransportError, get('http://no-such-host.invalid'));
await served('', async (gateway) => void (await failing(TransportError, get(gateway))));
await served('no HTTP at all\r\n\r\n', async (gateway) => void (await failing(TransportError, get(gateway))));
await served(answer('200 OK', '{"id":1,"sku":').replace('Length: 14', 'Length: 99'), async (gateway) => {
  await failing(TransportError, get(gateway));
});
await served(answer('200 OK', '<html>'), async (gateway) => void (await failing(DecodeError, get(gateway))));
await served(answer('500 Oh', '{', 'application/problem+json'), async (gateway) => {
  await failing(DecodeError, get(gateway));
});
await served(answer('422 Unprocessable Content', PROBLEM, 'application/problem+json'), async (gateway, asked) => {
  assert.equal((await failing(ProblemError, get(gateway))).code, 'validation_failed');
  await failing(ProblemError, new Client({ gateway }).users.getMeRaw());
  assert.equal(asked.length, 2, 'nothing is tried again');
});

// A stream is read when it is sent: there is no second time, and no new token for it.
await served(answer('401 Unauthorized', PROBLEM.replace('validation_failed', 'invalid_token'), 'application/problem+json'), async (gateway, asked) => {
  const session = { accessToken: SECRET, expiresAt: Date.now() + 60_000, refreshToken: SECRET };
  const client = new Client({ gateway }, { session });
  const body = new ReadableStream({ pull: (controller) => controller.close() });
  await failing(ProblemError, client.users.getMe({ method: 'POST', body, duplex: 'half' } as RequestInit));
  assert.deepEqual([asked.length, client.session], [1, session]);
});
console.log('typescript, when things go wrong: ok');
