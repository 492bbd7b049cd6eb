// The scenario that every client runs (see ../run), in TypeScript. TASKS_BASE, SHOP_BASE and ANALYTICS_BASE are base
// URLs, RUN makes names of this run different from those of others.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, OrderStatus, ProblemError } from 'schema-first-client';

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

const run = setting('RUN');
const connect = () =>
  new Client({ tasks: setting('TASKS_BASE'), shop: setting('SHOP_BASE'), analytics: setting('ANALYTICS_BASE') });

async function refused(request: Promise<unknown>): Promise<ProblemError> {
  const error = await request.then(() => undefined, (reason: unknown) => reason);
  assert(error instanceof ProblemError, `refused by ${error}`);
  return error;
}

/** The state of an order once it is no longer pending. */
async function outcome(client: Client, orderId: number): Promise<OrderStatus> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const { status } = await client.orders.getOrder({ orderId });
    if (status !== OrderStatus.Pending) return status;
    await pause(100);
  }
  throw new Error('the order is still pending');
}

const client = connect();
assert.equal((await refused(client.users.getMe())).code, 'missing_token');
const user = await client.login.signup({ signup: { email: `${run}@client.test`, password: 'correct horse' } });
await client.signIn(user.email, 'correct horse');
assert.equal((await client.users.getMe()).id, user.id);

const project = await client.projects.createProject({ projectCreate: { title: 'Client test' } });
const task = await client.tasks.createTask({
  taskCreate: { title: 'Write a client', projectId: project.id, description: 'In TypeScript.' },
});
assert.equal(task.description, 'In TypeScript.');
// Null takes the description away; what is absent stays.
const changed = await client.tasks.patchTask({ taskId: task.id, taskUpdate: { description: null } });
assert.deepEqual([changed.description, changed.title], [null, 'Write a client']);
const page = await client.tasks.listTasksRaw({ projectId: project.id, count: true });
assert.equal(page.raw.headers.get('X-Total-Count'), '1');
assert.equal((await page.value()).length, 1);

const problem = await refused(client.projects.createProject({ projectCreate: { title: 'x' } }));
assert.deepEqual([problem.status, problem.code], [422, 'validation_failed']);
assert.deepEqual([problem.errors[0]?.pointer, problem.errors[0]?.code], ['#/title', 'too_short']);

const productCreate = { sku: `${run}-spoon`, name: 'Spoon', priceCents: 250, stock: 10 };
assert.equal((await refused(client.products.createProduct({ productCreate }))).code, 'insufficient_scope');
const shopkeeper = connect();
await shopkeeper.signIn('admin@example.com', 'admin');
const product = await shopkeeper.products.createProduct({ productCreate });

const order = { orderCreate: { items: [{ productId: product.id, quantity: 2 }] }, idempotencyKey: run };
const placed = await client.orders.createOrder(order);
assert.equal((await client.orders.createOrder(order)).id, placed.id, 'a repeated request is the same order');
assert.equal(await outcome(client, placed.id), OrderStatus.Reserved);
const events = await client.orders.streamOrderEventsRaw({ orderId: placed.id, seconds: 1 });
assert.match(await events.raw.text(), /event: reserved/);

const path = `/${run}`;
await client.ingest.recordPageView({ pageViewCreate: { path } });
const top = await client.analytics.getTopPaths({ limit: 100 });
assert.equal(top.find((one) => one.path === path)?.count, 1);

await client.login.logout();
assert.equal((await refused(client.users.getMe())).status, 401);
console.log('typescript: ok');
