// Scenarios on the documentation pages of running services; `run` beside this file starts it.
import assert from 'node:assert/strict';
import { withPage } from './browser.mjs';
import { authorize, open, tryOut } from './docs-page.mjs';
import { startProxy } from './prefix-proxy.mjs';

const { TASKS_URL, SHOP_URL, ANALYTICS_URL, GATEWAY_URL } = process.env;
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

// What is typed to sign in, and the token it brings, are kept by nothing that outlives the page; what earlier pages kept is gone.
async function forgets(url) {
  await withPage(new URL(url).origin, async (page) => {
    await open(page, url);
    await page.evaluate(() => localStorage.setItem('authorized', '{"oauth2": "as earlier versions kept it"}'));
    await open(page, url);
    await authorize(page, 'admin@example.com', 'admin');
    assert.equal((await tryOut(page, 'users', 'get_me')).status, '200');
    const kept = () => page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, cookies: document.cookie }));
    assert.equal(await kept(), '{"cookies":""}');
    await open(page, url);
    assert.equal((await tryOut(page, 'users', 'get_me')).status, '401', 'somebody is signed in who did not sign in');
    assert.equal(await kept(), '{"cookies":""}');
  }, { expected: [/401 \(Unauthorized\)/] });
}

// Signed in through the page of a service, then tried with what the page suggests.
async function through(prefix, tag, operation, status) {
  const url = `${GATEWAY_URL}/${prefix}`;
  await withPage(GATEWAY_URL, async (page) => {
    await open(page, url);
    await authorize(page, 'admin@example.com', 'admin');
    const answer = await tryOut(page, tag, operation);
    assert.equal(answer.status, status, answer.body);
    assert.ok(answer.url.startsWith(`${url}/api/`), answer.url);
  });
}

scenario('tasks: sign in, create a project', () => createProject(TASKS_URL));
scenario('tasks: who signed in is forgotten with the page', () => forgets(TASKS_URL));
scenario('tasks behind a gateway that says which prefix it strips', () => behindPrefix(true));
scenario('tasks behind a gateway that strips a prefix silently', () => behindPrefix(false));
scenario('tasks through the gateway: sign in, create a project', () => createProject(`${GATEWAY_URL}/p1`));
scenario('shop through the gateway: sign in, create a product', () => through('p2', 'products', 'create_product', '201'));
scenario('analytics through the gateway: sign in, read the ranking', () => through('p3', 'analytics', 'get_top_paths', '200'));
scenario("the gateway's index leads to the three pages", () => withPage(GATEWAY_URL, async (page) => {
  for (const [prefix, url] of [['p1', TASKS_URL], ['p2', SHOP_URL], ['p3', ANALYTICS_URL]]) {
    await page.goto(`${GATEWAY_URL}/`);
    await page.locator(`a[href="/${prefix}/docs"]`).click();
    await page.locator('.opblock').first().waitFor();
    const document = await (await page.request.get(`${url}/openapi.json`)).json();
    assert.ok((await page.locator('.info .title').innerText()).startsWith(document.info.title));
  }
  await page.goto(`${GATEWAY_URL}/`);
  const grafana = await page.getByText('Grafana', { exact: true }).getAttribute('href');
  assert.equal(grafana, `http://${new URL(GATEWAY_URL).hostname}:3000/`);
}));
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
