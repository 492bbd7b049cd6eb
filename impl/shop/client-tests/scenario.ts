// A product, and an order of it, with the TypeScript client.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, OrderStatus } from 'schema-first-client';
import { type Given, refused } from './support.js';

/** The state of an order once it is no longer pending. */
async function outcome(client: Client, orderId: number): Promise<OrderStatus> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const { status } = await client.orders.getOrder({ orderId });
    if (status !== OrderStatus.Pending) return status;
    await pause(100);
  }
  throw new Error('the order is still pending');
}

/** Members that are not there, in a list and in a query, where types do not look. */
async function misspelt(client: Client): Promise<void> {
  const order = { items: [{ productId: 1, quantity: 1, colour: 'red' }] };
  await assert.rejects(client.orders.createOrder({ orderCreate: order }), /OrderItemCreate has no member "colour"/);
  const paging = { limt: 1 };
  await assert.rejects(client.products.listProducts(paging as object), /ListProductsRequest has no member "limt"/);
}

export default async function scenario({ client, admin, run }: Given): Promise<void> {
  await misspelt(client);
  const productCreate = { sku: `${run}-spoon`, name: 'Spoon', priceCents: 250, stock: 10 };
  assert.equal((await refused(client.products.createProduct({ productCreate }))).code, 'insufficient_scope');
  const product = await admin.products.createProduct({ productCreate });

  const order = { orderCreate: { items: [{ productId: product.id, quantity: 2 }] }, idempotencyKey: run };
  const placed = await client.orders.createOrder(order);
  assert.equal((await client.orders.createOrder(order)).id, placed.id, 'a repeated request is the same order');
  assert.equal(await outcome(client, placed.id), OrderStatus.Reserved);
  const events = await client.orders.streamOrderEventsRaw({ orderId: placed.id, seconds: 1 });
  assert.match(await events.raw.text(), /event: reserved/);
}
