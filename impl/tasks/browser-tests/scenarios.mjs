// Scenarios of the tasks service, on its documentation page: name, and run(url, withPage).
import assert from 'node:assert/strict';

// An authenticator of Chromium's own that verifies its user at once.
const AUTHENTICATOR = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
};

// Runs in the page: registers a passkey, signs in with it, and tries both credentials a second time.
async function registerAndSignIn(api) {
  const call = async (path, body, token) => {
    const headers = { ...(body && { 'Content-Type': 'application/json' }), ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(`${api}${path}`, { method: 'POST', headers, body: body && JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  };
  const account = { email: `${crypto.randomUUID()}@browser.test`, password: 'correct horse' };
  await call('/auth/signup', account);
  const form = new URLSearchParams({ username: account.email, password: account.password });
  const login = await (await fetch(`${api}/auth/login/access-token`, { method: 'POST', body: form })).json();
  const begun = await call('/auth/passkeys/challenge-for-registration', { current_password: account.password }, login.access_token);
  const create = PublicKeyCredential.parseCreationOptionsFromJSON(begun.body);
  const credential = (await navigator.credentials.create({ publicKey: create })).toJSON();
  const created = await call('/auth/passkeys', { name: 'Chromium', credential }, login.access_token);
  const get = PublicKeyCredential.parseRequestOptionsFromJSON((await call('/auth/passkeys/challenge')).body);
  const assertion = (await navigator.credentials.get({ publicKey: get })).toJSON();
  const signedIn = await call('/auth/passkeys/login', { credential: assertion });
  const me = await fetch(`${api}/users/me`, { headers: { Authorization: `Bearer ${signedIn.body.access_token}` } });
  const replayed = await call('/auth/passkeys/login', { credential: assertion });
  return { created, signedIn, email: account.email, me: await me.json(), replayed };
}

async function passkey(url, withPage) {
  // Passkeys belong to a name: no page of an address may use them.
  const { origin, pathname } = new URL(url.replace('127.0.0.1', 'localhost'));
  await withPage(origin, async (page) => {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', { options: AUTHENTICATOR });
    await page.goto(`${origin}${pathname}/docs`);
    const { created, signedIn, email, me, replayed } = await page.evaluate(registerAndSignIn, `${pathname}/api/v1`);
    assert.equal(created.status, 201, JSON.stringify(created.body));
    assert.equal(signedIn.status, 200, JSON.stringify(signedIn.body));
    assert.equal(me.email, email);
    assert.deepEqual([replayed.status, replayed.body.code], [400, 'passkey_rejected']);
  }, { expected: [/400 \(Bad Request\)/] });
}

export default [{ name: 'register a passkey, sign in with it', run: passkey }];
