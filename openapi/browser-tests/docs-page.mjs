// The documentation page as somebody sees it who opens it: what it shows, and what its buttons do.
import assert from 'node:assert/strict';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

// Opens the page and holds it against the document it shows, which it resolves to.
export async function open(page, url) {
  await page.goto(`${url}/docs`);
  await page.locator('.opblock').first().waitFor();
  const document = await (await page.request.get(`${url}/openapi.json`)).json();
  const title = await page.locator('.info .title').innerText();
  assert.ok(title.startsWith(document.info.title), `the page is titled "${title}"`);
  const operations = Object.values(document.paths).flatMap((item) => METHODS.filter((method) => method in item));
  assert.equal(await page.locator('.opblock').count(), operations.length, 'operations on the page');
  return document;
}

// Signs in with the Authorize button, as OAuth2's password flow asks for it.
export async function authorize(page, username, password) {
  await page.locator('.auth-wrapper .btn.authorize').click();
  const dialog = page.locator('.dialog-ux');
  await dialog.locator('#oauth_username').fill(username);
  await dialog.locator('#oauth_password').fill(password);
  await dialog.getByText('select all', { exact: true }).click();
  await dialog.locator('.auth-btn-wrapper .authorize').click();
  await dialog.getByRole('heading', { name: 'Authorized' }).waitFor();
  await dialog.locator('.btn-done').click();
  await dialog.waitFor({ state: 'detached' });
}

// Tries an operation with what the page suggests; resolves to the status and the body it shows, and the URL it asked.
export async function tryOut(page, tag, operation) {
  const block = page.locator(`#operations-${tag}-${operation}`);
  if (!(await block.getAttribute('class')).includes('is-open')) {
    await block.locator('.opblock-summary-control').click();
    await block.locator('.try-out__btn').click();
  }
  if (await block.locator('.btn-clear').count()) await block.locator('.btn-clear').click();
  await block.locator('.btn.execute').click();
  const response = block.locator('.live-responses-table .response').first();
  await response.waitFor();
  return {
    status: (await response.locator('.response-col_status').innerText()).trim().split(/\s/)[0],
    body: await response.locator('.response-col_description .microlight').first().innerText(),
    url: (await block.locator('.request-url pre').innerText()).trim(),
  };
}
