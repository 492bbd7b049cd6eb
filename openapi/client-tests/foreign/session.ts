// The requests of `sessions` in exchanges.mjs, with the TypeScript client.
import assert from 'node:assert/strict';
import { Client, ProblemError } from 'schema-first-client';

const gateway = process.env['GATEWAY'];
assert(gateway);
const session = { accessToken: 'stale', expiresAt: Date.now() + 60_000, refreshToken: 'once' };
const client = new Client({ gateway }, { session });
await client.everything.asBearer();
assert.deepEqual([client.token, client.session?.refreshToken], ['fresh', 'next']);
client.everything.credentials = { bearer: 'own' };
await assert.rejects(client.everything.asBearer(), ProblemError);
console.log('typescript, sessions and foreign documents: ok');
