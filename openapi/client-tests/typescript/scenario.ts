// The scenario that every client runs (see ../run), in TypeScript: signing up, in and out, and between them what each service
// has in its own folder, client-tests/scenario.ts. RUN makes names of this run different from those of others.
import assert from 'node:assert/strict';
import { scenarios } from './services.js';
import { connect, refused } from './support.js';

const run = process.env['RUN'];
assert(run, 'RUN is not set');

const client = connect();
assert.equal((await refused(client.users.getMe())).code, 'missing_token');
const email = `${run}@client.test`;
const problem = await refused(client.login.signup({ signup: { email, password: 'short' } }));
assert.deepEqual([problem.status, problem.code], [422, 'validation_failed']);
assert.deepEqual([problem.errors[0]?.pointer, problem.errors[0]?.code], ['#/password', 'too_short']);
const user = await client.login.signup({ signup: { email, password: 'correct horse' } });
await client.signIn(user.email, 'correct horse');
const me = await client.users.getMeRaw();
assert.ok(me.raw.headers.get('X-Request-Id'));
assert.equal((await me.value()).id, user.id);

const admin = connect();
await admin.signIn('admin@example.com', 'admin');
assert.equal((await admin.users.getMe()).isSuperuser, true);
for (const [service, scenario] of Object.entries(scenarios)) {
  await scenario({ client, admin, run });
  console.log(`typescript, ${service}: ok`);
}

await client.login.logout();
assert.equal((await refused(client.users.getMe())).status, 401);
console.log('typescript: ok');
