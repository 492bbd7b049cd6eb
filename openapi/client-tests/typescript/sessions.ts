// Sessions of the TypeScript client: refreshed when they expire, once for all requests, stored and continued, ended. RUN makes names of this run
// different from those of others.
import assert from 'node:assert/strict';
import { Client, type SessionTokens } from 'schema-first-client';
import { addresses } from './services.js';
import { refused } from './support.js';

const run = process.env['RUN'];
assert(run, 'RUN is not set');
const [email, password] = [`${run}-sessions@client.test`, 'correct horse'];
await new Client(addresses).login.signup({ signup: { email, password } });

/** A client that has just signed in, what it reported, and what it asked the token endpoint. */
async function signedIn(fetch: typeof globalThis.fetch = globalThis.fetch) {
  const reported: (SessionTokens | undefined)[] = [];
  const refreshes: string[] = [];
  const client = new Client(addresses, {
    onSession: (session) => void reported.push(session),
    fetch: (url, init) => {
      if (init?.body instanceof URLSearchParams && init.body.get('grant_type') === 'refresh_token') refreshes.push(String(url));
      return fetch(url, init);
    },
  });
  await client.signIn(email, password);
  const session = client.session;
  assert(session);
  assert.deepEqual(reported.splice(0), [session]);
  return { client, session, reported, refreshes };
}

const expired = (session: SessionTokens) => ({ ...session, expiresAt: Date.now() + 1_000 });
const invalid = (session: SessionTokens) => ({ ...session, accessToken: 'no-token-of-any-service' });

{ // Expired: a new token before the request.
  const { client, session, reported, refreshes } = await signedIn();
  assert(session.expiresAt > Date.now() && session.expiresAt < Date.now() + 86_400_000);
  client.session = expired(session);
  assert.equal((await client.users.getMe()).email, email);
  assert.equal(refreshes.length, 1);
  assert.deepEqual(reported, [client.session]);
  assert.notEqual(client.session?.refreshToken, session.refreshToken);
  await client.users.getMe();
  assert.equal(refreshes.length, 1, 'the new one is not expired');
}

{ // Rejected: a new token after the response.
  const { client, session, refreshes } = await signedIn();
  client.session = invalid(session);
  assert.equal((await client.users.getMe()).email, email);
  assert.equal(refreshes.length, 1);
}

{ // Twenty at once: one refresh, whether it is expired or rejected.
  for (const spoilt of [expired, invalid]) {
    const { client, session, reported, refreshes } = await signedIn();
    client.session = spoilt(session);
    const users = await Promise.all(Array.from({ length: 20 }, () => client.users.getMe()));
    assert.deepEqual(new Set(users.map((user) => user.email)), new Set([email]));
    assert.deepEqual([refreshes.length, reported.length], [1, 1]);
    assert.equal((await client.users.getMe()).email, email, 'the session goes on');
  }
}

{ // Stored and continued, by another client.
  const { client, session } = await signedIn();
  client.token = undefined;
  assert.equal(client.session, undefined);
  const stored = JSON.stringify(expired(session));
  const next = new Client(addresses, { session: JSON.parse(stored) });
  assert.equal((await next.users.getMe()).email, email);
  assert.notEqual(next.session?.refreshToken, session.refreshToken);
}

{ // Ended elsewhere: the response says so, and the session is forgotten.
  for (const spoilt of [expired, (session: SessionTokens) => session]) {
    const { client, session, reported, refreshes } = await signedIn();
    await new Client(addresses).login.revokeToken({ token: session.refreshToken });
    client.session = spoilt(session);
    const problems = await Promise.all(Array.from({ length: 5 }, () => refused(client.users.getMe())));
    assert.deepEqual(new Set(problems.map(({ code }) => code)), new Set(['invalid_token']));
    assert.deepEqual([refreshes.length, reported], [1, [undefined]]);
    assert.deepEqual([client.session, client.token], [undefined, undefined]);
    assert.equal((await refused(client.users.getMe())).code, 'missing_token');
  }
}

{ // Signed out.
  const { client, session, reported, refreshes } = await signedIn();
  await client.signOut();
  assert.deepEqual([client.session, reported], [undefined, [undefined]]);
  client.session = session;
  assert.equal((await refused(client.users.getMe())).code, 'invalid_token');
  assert.equal(refreshes.length, 1);
}

{ // Tokens that are set by hand, and requests about tokens, are sent as they are.
  const { client, session, refreshes } = await signedIn();
  client.token = 'no-token-of-any-service';
  assert.equal((await refused(client.users.getMe())).code, 'invalid_token');
  client.session = invalid(session);
  assert.equal((await refused(client.login.logout())).code, 'invalid_token');
  assert.equal(refreshes.length, 0);
}

{ // What cannot be refreshed for now is an error, and the session is kept; the request was not sent.
  const failing: typeof fetch = async (url, init) => {
    if (init?.body instanceof URLSearchParams && init.body.get('grant_type') === 'refresh_token' && isDown) return Response.json({}, { status: 503 });
    return fetch(url, init);
  };
  let isDown = true;
  const { client, session, reported, refreshes } = await signedIn(failing);
  client.session = expired(session);
  const problems = await Promise.all(Array.from({ length: 5 }, () => refused(client.users.getMe())));
  assert.deepEqual(problems.map(({ status }) => status), [503, 503, 503, 503, 503]);
  assert.deepEqual([refreshes.length, reported, client.session?.refreshToken], [1, [], session.refreshToken]);
  isDown = false;
  assert.equal((await client.users.getMe()).email, email);
}
console.log('typescript, sessions: ok');
