// Scenarios on the documentation pages of running services; `run` beside this file starts it.
import assert from 'node:assert/strict';
import { withPage } from './browser.mjs';
import { authorize, open, tryOut } from './docs-page.mjs';
import { startProxy } from './prefix-proxy.mjs';

const { TASKS_URL, SHOP_URL, ANALYTICS_URL } = process.env;
const scenarios = [];
const scenario = (name, run) => scenarios.push({ name, run });

// Refused without a token, then signed in through the page, then created: with what the page suggests.
async function createProject(url) {
  const refused = [/401 \(Unauthorized\)/]; // which Chromium logs
  await withPage(new URL(url).origin, async (page) => {
    await open(page, url);
    const before = await tryOut(page, 'projects', 'create_project');
    assert.equal(before.status, '401', before.body);
    await authorize(page, 'admin@example.com', 'admin');
    const after = await tryOut(page, 'projects', 'create_project');
    assert.equal(after.status, '201', after.body);
    assert.equal(JSON.parse(after.body).title, 'Annual report');
    assert.equal(after.url, `${url}/api/v1/projects`);
  }, { expected: refused });
}

async function behindPrefix(tell) {
  const proxy = await startProxy('/p1', TASKS_URL, tell);
  try {
    await createProject(`${proxy.origin}/p1`);
  } finally {
    proxy.close();
  }
}

scenario('tasks: sign in, create a project', () => createProject(TASKS_URL));
scenario('tasks behind a gateway that says which prefix it strips', () => behindPrefix(true));
scenario('tasks behind a gateway that strips a prefix silently', () => behindPrefix(false));
for (const [name, url] of [['shop', SHOP_URL], ['analytics', ANALYTICS_URL]]) {
  scenario(`${name}: every operation is shown`, () => withPage(url, (page) => open(page, url)));
}

let failed = 0;
for (const { name, run } of scenarios) {
  try {
    await run();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
console.log(`browser: ${scenarios.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
