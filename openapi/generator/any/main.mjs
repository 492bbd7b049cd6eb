// Adds a foreign OpenAPI document as openapi/NAME.yaml; ./new-service uses it. Or says what of such documents cannot be served.
//
//   node main.mjs add TOOLS DOCUMENT NAME PORT [--without OPERATION]...
//   node main.mjs lint TOOLS DOCUMENT...
//
// The document stays as it is, but for `x-service`, and `x-planned` at each operation. Prints notes; what cannot be served is
// reported on stderr, with its location, and nothing is written then.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Document, METHODS } from '../compile/document.mjs';
import { check } from './check.mjs';
import { clashOf, operationsOf } from './operations.mjs';
import { reachOf } from './reach.mjs';
import { Report } from './report.mjs';
import { Source } from './source.mjs';
import { standardOf } from './standard.mjs';

const [command, tools, ...rest] = process.argv.slice(2);
const yaml = createRequire(`${tools}/`)('yaml');
const standard = standardOf(tools);

function fail(lines) {
  console.error(lines);
  process.exit(1);
}

function read(file) {
  try {
    return new Source(file, yaml);
  } catch (error) {
    return fail(error.message);
  }
}

/** Ends with what cannot be served, if there is something. */
function failOn(file, source, report) {
  if (!report.refusals.length) return;
  const count = report.refusals.reduce((sum, { pointers }) => sum + pointers.length, 0);
  const left = report.without(reachOf(source, operationsOf(new Document(source.root))));
  fail([
    `${file}: ${count} ${count === 1 ? 'place' : 'places'} cannot be served as the document says:`, ...report.refusalLines(),
    ...(left.length ? [`Without the operations that this is part of: ${left.join(' ')}`] : [])].join('\n'));
}

const refersElsewhere = (node) => node !== null && typeof node === 'object'
  && ((typeof node.$ref === 'string' && !node.$ref.startsWith('#')) || Object.values(node).some(refersElsewhere));

/** The document in one file: itself, or what the linter makes of its files. */
function inOneFile(file) {
  if (!refersElsewhere(read(file).root)) return file;
  const folder = mkdtempSync(join(tmpdir(), 'document-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  const bundled = join(folder, 'document.yaml');
  const { status, stderr } = spawnSync(join(tools, 'node_modules/.bin/redocly'), ['bundle', file, '--output', bundled], {
    encoding: 'utf8', env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } });
  return status === 0 ? bundled : fail(`${file} cannot be bundled into one document:\n${stderr}`);
}

function add(given, service, port, options) {
  const without = options.filter((_, at) => options[at - 1] === '--without');
  const file = inOneFile(given);
  const source = read(file);
  const report = new Report(source);
  const [left, unused] = leaveOut(source, without);
  for (const name of left) report.refuse('#/paths', `--without ${name}`, 'there is no such operation', 'Name one by its operationId, or as `METHOD /path`');
  const operations = check(source, report, standard);
  failOn(given, source, report);
  const clash = clashOf(operations);
  if (clash) report.note('#/paths', `Every path begins with \`/${service}\` here, since \`${clash}\` would meet what each service answers by itself`);
  writeFileSync(new URL(`../../${service}.yaml`, import.meta.url), textOf(file, { without, unused }, {
    port: Number(port), prefix: service, released: false, lint: 'any', ...(clash && { base: `/${service}` }) }));
  console.log([`${operations.length} operations, ${Object.keys(source.root.components?.schemas ?? {}).length} schemas.`, ...report.noteLines()].join('\n'));
}

const isNamed = (names, method, path, node) => names.includes(`${method.toUpperCase()} ${path}`) || (node?.operationId && names.includes(node.operationId));

/** Removes operations, and the components that only they use; yields the names that none has, and the removed components. */
function leaveOut(source, without) {
  const { root } = source;
  const found = new Set();
  const reached = () => new Set(reachOf(source, operationsOf(new Document(root))).flatMap((one) => [...one.reached]));
  const before = without.length ? reached() : [];
  for (const [path, item] of Object.entries(root.paths ?? {})) {
    for (const method of METHODS.filter((one) => item?.[one])) {
      if (!isNamed(without, method, path, item[method])) continue;
      found.add(`${method.toUpperCase()} ${path}`).add(item[method].operationId);
      delete item[method];
    }
  }
  const after = without.length ? reached() : new Set();
  const unused = [...before].filter((pointer) => !after.has(pointer)).map((pointer) => /^#\/components\/([^/]+)\/([^/]+)$/.exec(pointer)?.slice(1)).filter(Boolean);
  for (const [kind, name] of unused) delete root.components[kind][name];
  return [without.filter((name) => !found.has(name)), unused];
}

/** The text of the document with what makes it a service. */
function textOf(file, { without, unused }, service) {
  const document = yaml.parseDocument(new Source(file, yaml).text, { merge: true });
  // JSON is written as YAML; keys at the margin are looked for by tools.
  const isJson = document.contents.flow;
  yaml.visit(document, {
    Collection: (_, node) => { node.flow = isJson ? false : node.flow; },
    Scalar: (key, node) => { if (isJson || key === 'key') delete node.type; } });
  document.set('x-service', document.createNode(service, { flow: true }));
  const paths = document.get('paths');
  for (const { key: path, value: given } of paths.items) {
    const item = given && yaml.isAlias(given) ? given.resolve(document) : given;
    for (const method of METHODS) {
      const operation = item?.get?.(method);
      if (!operation?.set) continue;
      if (isNamed(without, method, String(path.value ?? path), operation.toJS(document))) item.delete(method);
      else operation.set('x-planned', true);
    }
  }
  for (const [kind, name] of unused) document.deleteIn(['components', kind, name]);
  return document.toString({ lineWidth: 0 });
}

if (command === 'add') add(...rest.slice(0, 3), rest.slice(3));
else {
  for (const file of rest) {
    const source = read(file);
    const report = new Report(source);
    check(source, report, standard);
    failOn(file, source, report);
  }
}
