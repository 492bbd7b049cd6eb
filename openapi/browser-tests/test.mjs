// Scenarios on the documentation pages of running services; `run` beside this file starts it: node test.mjs ROOT
//
// Every service has signing in and `get_me`; what else is tried is in its folder, browser-tests/tries.mjs, and what takes more than one operation in
// browser-tests/scenarios.mjs.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { withPage } from './browser.mjs';
import { authorize, open, tryOut } from './docs-page.mjs';
import { startProxy } from './prefix-proxy.mjs';

const [ROOT] = process.argv.slice(2);
const { GATEWAY_URL } = process.env;
const ACCOUNT = ['admin@example.com', 'admin'];
const WHO = { operation: 'get_me', status: '200', check: (user) => assert.equal(user.email, ACCOUNT[0]) };
const REFUSED = [/401 \(Unauthorized\)/]; // which Chromium logs
const scenarios = [];
const scenario = (name, run) => scenarios.push({ name, run });

async function listIn(name, list) {
  const file = path.join(ROOT, 'impl', name, 'browser-tests', list);
  return existsSync(file) ? (await import(pathToFileURL(file))).default : [];
}

function operationOf(document, id) {
  return Object.values(document.paths).flatMap(Object.values).find((one) => one.operationId === id);
}

// Refused without a token where the document demands one, then signed in through the page, then done: with what the page suggests.
async function attempt(url, { operation, status, check = () => {} }) {
  await withPage(new URL(url).origin, async (page) => {
    const document = await open(page, url);
    const { tags: [tag], security = document.security } = operationOf(document, operation);
    if (security.length && security.every((choice) => Object.keys(choice).length)) {
      const before = await tryOut(page, tag, operation);
      assert.equal(before.status, '401', before.body);
    }
    await authorize(page, ...ACCOUNT);
    const after = await tryOut(page, tag, operation);
    assert.equal(after.status, status, after.body);
    check(JSON.parse(after.body));
    assert.ok(after.url.startsWith(`${url}/api/`), after.url);
  }, { expected: REFUSED });
}

async function behindPrefix({ url }, tell) {
  const proxy = await startProxy('/p1', url, tell);
  try {
    await attempt(`${proxy.origin}/p1`, WHO);
  } finally {
    proxy.close();
  }
}

// What is typed to sign in, and the token it brings, are kept by nothing that outlives the page; what earlier pages kept is gone.
async function forgets({ url }) {
  await withPage(new URL(url).origin, async (page) => {
    const me = async () => (await tryOut(page, 'users', WHO.operation)).status;
    await open(page, url);
    await page.evaluate(() => localStorage.setItem('authorized', '{"oauth2": "as earlier versions kept it"}'));
    await open(page, url);
    await authorize(page, ...ACCOUNT);
    assert.equal(await me(), '200');
    const kept = () => page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, cookies: document.cookie }));
    assert.equal(await kept(), '{"cookies":""}');
    await open(page, url);
    assert.equal(await me(), '401', 'somebody is signed in who did not sign in');
    assert.equal(await kept(), '{"cookies":""}');
  }, { expected: REFUSED });
}

const services = JSON.parse(readFileSync(path.join(ROOT, 'generated/services.json'), 'utf8'));
for (const service of services) {
  service.url = process.env[`${service.name.toUpperCase().replaceAll('-', '_')}_URL`];
  service.tries = await listIn(service.name, 'tries.mjs');
  const { name, url, prefix, tries } = service;
  scenario(`${name}: sign in, ask who one is`, () => attempt(url, WHO));
  for (const one of tries) {
    scenario(`${name} through the gateway: sign in, ${one.operation}`, () => attempt(`${GATEWAY_URL}/${prefix}`, one));
  }
  for (const one of await listIn(name, 'scenarios.mjs')) {
    scenario(`${name} through the gateway: ${one.name}`, () => one.run(`${GATEWAY_URL}/${prefix}`, withPage));
  }
}
// What all pages have in common is asked of one.
for (const service of services.slice(0, 1)) {
  scenario(`${service.name}: who signed in is forgotten with the page`, () => forgets(service));
  scenario(`${service.name} behind a gateway that says which prefix it strips`, () => behindPrefix(service, true));
  scenario(`${service.name} behind a gateway that strips a prefix silently`, () => behindPrefix(service, false));
}
scenario("the gateway's index leads to each page", () => withPage(GATEWAY_URL, async (page) => {
  for (const { prefix, title } of services) {
    await page.goto(`${GATEWAY_URL}/`);
    await page.locator(`a[href="/${prefix}/docs"]`).click();
    await page.locator('.opblock').first().waitFor();
    assert.ok((await page.locator('.info .title').innerText()).startsWith(title));
  }
  await page.goto(`${GATEWAY_URL}/`);
  const grafana = await page.getByText('Grafana', { exact: true }).getAttribute('href');
  assert.equal(grafana, `http://${new URL(GATEWAY_URL).hostname}:3000/`);
}));

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
