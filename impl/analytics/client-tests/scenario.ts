// A page view, and the ranking that it is in, with the TypeScript client.
import assert from 'node:assert/strict';
import type { Given } from './support.js';

export default async function scenario({ client, run }: Given): Promise<void> {
  const path = `/${run}`;
  await client.ingest.recordPageView({ pageViewCreate: { path } });
  const top = await client.analytics.getTopPaths({ limit: 100 });
  assert.equal(top.find((one) => one.path === path)?.count, 1);
}
