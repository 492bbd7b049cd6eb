// Runs commands against the services with Prism in between, which holds every request and every answer against the
// documents. An answer that breaks its document is a failure; a request that does must have been refused.
//
//   PRISM=prism NAME_URL=... node conformance.mjs COMMAND...
//
// NAME_URL is there for each service of generated/services.json, as in TASKS_URL; commands find them by NAME_BASE. RUN is a word of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';

const ROOT = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const read = (file) => JSON.parse(fs.readFileSync(path.join(ROOT, file), 'utf8'));
const SERVICES = read('generated/services.json').map(({ name }) => name);
// Documents that were written elsewhere are read by Prism in its own way; foreign/run has clients of such.
const isForeign = (service) => read(`generated/${service}-api/openapi.json`)['x-service'].lint === 'any';
const variable = (service, suffix) => `${service.toUpperCase().replaceAll('-', '_')}_${suffix}`;
const PRISM_START_DEADLINE = 60_000;
const RETRIES = read('openapi/contract-tests/retries.json');
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];
const operations = [];
const seen = { requests: 0, refused: 0, operations: new Set() };
const violations = [];
const repeated = [];
const proxies = [];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'conformance-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

// The documents say `{nullable: true, allOf: [reference]}` and mean the reference or null, as generators and schemathesis
// read it. Prism reads it as null and the reference at once, so it gets a copy that says what is meant.
function spellOutNull(node) {
  if (node === null || typeof node !== 'object') return;
  Object.values(node).forEach(spellOutNull);
  if (!node.nullable || !node.allOf) return;
  node.anyOf = [...node.allOf, { nullable: true, enum: [null] }];
  ['type', 'nullable', 'allOf'].forEach((key) => delete node[key]);
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const upstreamOf = (service) => process.env[variable(service, 'URL')].replace(/\/+$/, '');

async function startPrism(service) {
  const port = await freePort();
  const said = read(`generated/${service}-api/openapi.json`);
  for (const [template, item] of Object.entries(said.paths)) {
    const pattern = new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`);
    for (const method of METHODS.filter((one) => item[one])) {
      // A path without parameters goes before one that would take it as well.
      const place = template.includes('{') ? 'push' : 'unshift';
      operations[place]({ service, method, pattern, name: `${service} ${item[method].operationId}` });
    }
  }
  spellOutNull(said);
  const document = path.join(folder, `${service}.json`);
  fs.writeFileSync(document, JSON.stringify(said));
  const child = spawn(process.env.PRISM, ['proxy', document, upstreamOf(service), '--port', String(port), '--cors', 'false'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  proxies.push(child);
  let log = '';
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`Prism did not start:\n${log}`)), PRISM_START_DEADLINE);
    child.stdout.on('data', (chunk) => {
      log += chunk;
      if (!log.includes('listening')) return;
      clearTimeout(late);
      resolve();
    });
    child.once('exit', () => reject(new Error(`Prism ended:\n${log}`)));
  });
  child.stdout.on('data', () => {});
  return port;
}

// Prism tells what it found in a header that no client looks at; so another hop reads it.
function judge(service, request, response) {
  seen.requests += 1;
  const found = JSON.parse(response.headers['sl-violations'] ?? '[]').filter((one) => one.severity === 'Error');
  const name = `${service}: ${request.method} ${request.url.split('?')[0]} -> ${response.statusCode}`;
  const path = request.url.split('?')[0];
  const method = request.method.toLowerCase();
  seen.operations.add(operations.find((one) => one.service === service && one.method === method && one.pattern.test(path))?.name);
  const refused = response.statusCode >= 400 && response.statusCode < 500;
  const lines = request.headers['content-type'] === 'application/x-ndjson';
  for (const { location, message } of found) {
    // What is an array for the service is lines, which Prism cannot read.
    if (lines && location.join('.') === 'request.body') continue;
    if (location[0] === 'request' && refused) seen.refused += 1;
    else violations.push(`${name}: ${location.join('.')} ${message}`);
  }
}

// Without an agent: a connection that was kept may be closed by the other side just when it is used again.
function ask(port, { method, url, headers }, body) {
  const onward = http.request({ host: '127.0.0.1', port, method, path: url, headers, agent: false });
  onward.end(body);
  // What fails later is seen where the answer is read.
  return once(onward, 'response').then(([answer]) => (onward.on('error', () => {}), answer));
}

async function isBusy(answer) {
  const wait = Number(answer.headers['retry-after'] ?? Infinity);
  if (answer.statusCode !== 503 || wait > RETRIES.longest_pause_seconds || repeated.length >= RETRIES.most_in_a_run) return undefined;
  const text = Buffer.concat(await answer.toArray());
  const { code } = JSON.parse(text);
  return { text, wait, code: RETRIES.codes.includes(code) && code };
}

async function passOn(service, port, request, response) {
  const body = Buffer.concat(await request.toArray());
  const { method, headers } = request;
  const onward = { method, headers, url: request.url };
  // Prism cannot unpack a body, so what is packed goes past it.
  if (headers['content-encoding']) {
    const upstream = new URL(upstreamOf(service));
    port = upstream.port;
    onward.url = upstream.pathname.replace(/\/+$/, '') + request.url;
  }
  let answer = await ask(port, onward, body);
  judge(service, request, answer);
  const busy = await isBusy(answer);
  if (busy?.code) {
    repeated.push(`${service}: ${request.method} ${request.url.split('?')[0]}: ${busy.code}, then asked again`);
    await pause(busy.wait * 1000);
    answer = await ask(port, onward, body);
    judge(service, request, answer);
  }
  response.writeHead(answer.statusCode, answer.headers);
  if (busy && !busy.code) response.end(busy.text);
  else await pipeline(answer, response);
}

async function startRecorder(service, port) {
  const server = http.createServer((request, response) => {
    passOn(service, port, request, response).catch((error) => {
      violations.push(`${service}: ${request.method} ${request.url}: ${error.message}`);
      if (!response.headersSent) response.writeHead(502);
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

async function run(command, environment) {
  const child = spawn(command, { shell: true, stdio: 'inherit', env: { ...process.env, ...environment } });
  const [code] = await once(child, 'exit');
  return code === 0;
}

let failed = 0;
let passed = 0;
try {
  const bases = Object.fromEntries(
    await Promise.all(
      SERVICES.map(async (service) => [
        variable(service, 'BASE'), isForeign(service) ? upstreamOf(service) : await startRecorder(service, await startPrism(service))]),
    ),
  );
  for (const [index, command] of process.argv.slice(2).entries()) {
    const RUN = `run-${Date.now().toString(36)}-${index}`;
    if (await run(command, { ...bases, RUN })) passed += 1;
    else failed += 1;
  }
} finally {
  proxies.forEach((child) => child.removeAllListeners('exit').kill());
}
repeated.forEach((one, index) => console.log(`FLAKY ${index + 1}/${RETRIES.most_in_a_run} [sdk] ${one}`));
violations.forEach((one) => console.log(`against the document: ${one}`));
console.log(
  `conformance: ${seen.requests} requests to ${seen.operations.size} of ${operations.length} operations, ` +
    `${seen.refused} deliberate mistakes refused`,
);
const unseen = operations.map((one) => one.name).filter((name) => !seen.operations.has(name));
// Whoever adds an operation calls it there as well: impl/NAME/client-tests/operations.py.
if (unseen.length > 0) console.log(`not called: ${unseen.sort().join(', ')}`);
if (violations.length > 0 || unseen.length > 0) failed += 1;
else passed += 1;
console.log(`sdk: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
