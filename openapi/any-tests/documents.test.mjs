// Documents that were written elsewhere: those in accepted/ are to be published as valid documents, those in refused/ to be refused with what their first lines say.
//
//   TOOLS=.../.local/tools node --test openapi/any-tests/documents.test.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { check } from '../generator/any/check.mjs';
import { complete } from '../generator/any/complete.mjs';
import { Report } from '../generator/any/report.mjs';
import { Source } from '../generator/any/source.mjs';
import { standardOf } from '../generator/any/standard.mjs';
import { stringify } from '../generator/compile/exact.mjs';
import { operationsIn } from '../generator/published.mjs';

const tools = process.env.TOOLS;
const yaml = createRequire(`${tools}/`)('yaml');
const standard = standardOf(tools);
const common = readFileSync(new URL('../../generated/common-api/openapi.json', import.meta.url), 'utf8');
const folder = (name) => new URL(`${name}/`, import.meta.url);
const documents = (name) => readdirSync(folder(name)).map((file) => [file.replace('.yaml', ''), new URL(file, folder(name)).pathname]);

/** The source, and what is refused of it. */
function read(file) {
  const source = new Source(file, yaml);
  source.root['x-service'] = { port: 9000, prefix: 'a', lint: 'any' };
  const report = new Report(source);
  check(source, report, standard);
  return { source, refused: report.refusalLines() };
}

/** As it is published. */
function published(file) {
  const { source, refused } = read(file);
  assert.deepEqual(refused, []);
  return JSON.parse(stringify(complete(source.root, JSON.parse(common))));
}

for (const [name, file] of documents('accepted')) {
  test(`accepted: ${name}`, () => {
    const document = published(file);
    const validate = document.openapi.startsWith('3.0') ? standard.oas3_0 : standard.oas3_1;
    // What is slightly off stays so, as far as it says nothing about what is served.
    const isValid = validate(document) || name === 'slightly-off';
    assert.ok(isValid, JSON.stringify(validate.errors?.filter(({ keyword }) => keyword !== 'oneOf')));
    const operations = operationsIn(document);
    assert.equal(new Set(operations.map((one) => one.name)).size, operations.length);
    assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
    for (const { operation, resolve } of operations) {
      for (const status of ['400', '500']) {
        const declared = [status, `${status[0]}XX`, 'default'].find((one) => one in operation.responses);
        assert.ok('application/problem+json' in resolve(operation.responses[declared]).content);
      }
    }
  });
}

for (const [name, file] of documents('refused')) {
  test(`refused: ${name}`, () => {
    const expected = readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('# ')).map((line) => line.slice(2));
    let told;
    try {
      told = read(file).refused.join('\n');
    } catch (error) {
      told = error.message;
    }
    for (const words of expected) assert.ok(told.includes(words), `${words} is not in: ${told || '(nothing refused)'}`);
  });
}

test('servers are relative to the address of the document', () => {
  const document = published(new URL('servers.yaml', folder('accepted')).pathname);
  assert.equal(document.servers[0].url, './v1');
  assert.deepEqual(operationsIn(document).map(({ path }) => path), ['/v1/a', '/other/b', '/third/b']);
});

test('a shared path belongs to each that refers to it', () => {
  const document = published(new URL('shared-paths.yaml', folder('accepted')).pathname);
  assert.deepEqual(operationsIn(document).map(({ name, operation, path }) => [name, operation.operationId, path]), [['shared', 'shared', '/a'], ['shared_2', 'shared_2', '/b']]);
});

test('extensions of others with our names mean nothing', () => {
  const document = published(new URL('extensions.yaml', folder('accepted')).pathname);
  assert.deepEqual(Object.keys(document.paths['/a'].get).filter((key) => key.startsWith('x-')), ['x-operation-name']);
  assert.equal('x-problems' in document, false);
});

test('tags have modules of their own, however the generator divides their names into words', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'tags-')), 'openapi.json');
  writeFileSync(file, JSON.stringify(published(new URL('tags.yaml', folder('accepted')).pathname)));
  const prepared = JSON.parse(execFileSync(process.execPath, ['prepare.mjs', file, '../../generated/common-api/openapi.json'], { cwd: new URL('../generator/', import.meta.url) }));
  const modules = Object.values(prepared.paths).map(({ get }) => get.tags[0].replaceAll('_', ''));
  assert.equal(new Set(modules).size, modules.length);
});

test('the guide shows what is compiled', () => {
  const text = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8').replace(/\s+/g, ' ');
  const guide = readFileSync(new URL('../../docs/guides/writing-documents.md', import.meta.url), 'utf8');
  const section = guide.slice(guide.indexOf('## Documents written elsewhere'), guide.indexOf('## Error codes'));
  const sources = {
    yaml: `${text('openapi/kitchen-sink-any.yaml')} ${text('openapi/new-service-tests/field-notes.yaml')}`,
    rust: `${text('impl/contract/tests/any_sink/sink.rs')} ${text('openapi/new-service-tests/watch_notes.rs')}` };
  const blocks = [...section.matchAll(/```(yaml|rust)\n(.*?)```/gs)];
  assert.ok(blocks.length >= 10);
  for (const [, language, block] of blocks) assert.ok(sources[language].includes(block.replace(/\s+/g, ' ').trim()), block);
});
