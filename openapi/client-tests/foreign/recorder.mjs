// Runs commands against a server that holds each of their requests, in order, against a list that exchanges.mjs exports, and answers as it says.
//
//   node recorder.mjs LIST COMMAND...
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import * as lists from './exchanges.mjs';

const [name, ...commands] = process.argv.slice(2);

async function bodyOf(request) {
  const raw = Buffer.concat(await request.toArray());
  const media = request.headers['content-type'] ?? '';
  if (media.startsWith('multipart/form-data')) return partsOf(await new Response(raw, { headers: { 'content-type': media } }).formData());
  if (media.startsWith('application/json')) return JSON.parse(raw.toString());
  // Members of objects come in the order of the language.
  if (media.startsWith('application/x-www-form-urlencoded')) return raw.toString().split('&').sort();
  if (media.startsWith('application/x-ndjson')) return raw.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  return raw.toString();
}

async function partsOf(form) {
  const parts = [];
  for (const [name, value] of form) {
    // Whether JSON comes with a file name is up to the language.
    if (typeof value === 'string') parts.push([name, value.startsWith('{') ? JSON.parse(value) : value]);
    else if (value.type === 'application/json') parts.push([name, JSON.parse(await value.text())]);
    else parts.push([name, value.type, await value.text()]);
  }
  return parts;
}

async function run(command) {
  const left = [...lists[name]];
  const faults = [];
  const server = http.createServer(async (request, response) => {
    const { method, target, headers = {}, body = '', answer = {} } = left.shift() ?? {};
    try {
      const given = await bodyOf(request);
      assert.deepEqual({ method: request.method, target: request.url }, { method, target });
      for (const [name, value] of Object.entries(headers)) assert.equal(request.headers[name], value, `${method} ${target}: ${name}`);
      assert.deepEqual(given, body, `${method} ${target}`);
    } catch (error) {
      faults.push(error.message);
    }
    const { status = 204, media, text = '' } = answer;
    response.writeHead(status, media && { 'content-type': media }).end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const child = spawn(command, { shell: true, stdio: 'inherit', env: { ...process.env, GATEWAY: `http://127.0.0.1:${server.address().port}` } });
  const [code] = await once(child, 'exit');
  server.close();
  if (left.length) faults.push(`${left.length} requests were not made, the first is ${left[0].method} ${left[0].target}`);
  faults.forEach((fault) => console.log(fault));
  return code === 0 && !faults.length;
}

let failed = 0;
for (const command of commands) if (!await run(command)) failed += 1;
console.log(`foreign documents, ${name}: ${commands.length - failed} clients write and read what the document says, ${failed} do not`);
process.exit(failed ? 1 : 0);
