// Tests of ../compat: every breaking edit is named, and fails; what breaks nobody passes and is in the changelog.
//
//   node --test openapi/compat-test/run.mjs
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { compareDocuments } from '../compat/document.mjs';
import { additive, breaking, same } from './cases.mjs';
import { document } from './document.mjs';

const MAIN = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../compat/main.mjs');

for (const [cases, breaks] of [[breaking, true], [additive, false]]) {
  for (const [text, edit] of cases) {
    test(`${breaks ? 'breaks' : 'does not break'}: ${text}`, () => {
      const edited = document();
      edit(edited);
      const changes = compareDocuments(document(), edited);
      assert.ok(changes.some((one) => one.text === text && one.breaking === breaks), JSON.stringify(changes));
      if (!breaks) assert.ok(changes.every((one) => !one.breaking), JSON.stringify(changes));
    });
  }
}

for (const [words, edit] of same) {
  test(`says the same: ${words}`, () => {
    const edited = document();
    edit(edited);
    assert.deepEqual(compareDocuments(document(), edited), []);
  });
}

test('words are not part of the contract', () => {
  const edited = document();
  edited.info.description = 'Other words';
  edited.paths['/things'].get.summary = 'Others';
  edited.components.schemas.Thing.properties.note.description = 'Another';
  assert.deepEqual(compareDocuments(document(), edited), []);
});

/** A folder with documents in the state of a release, `one` and `two` sharing their schemas, and a way to run the program. */
function released() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'compat-test-'));
  const at = (name) => path.join(folder, name);
  const write = (edit) => {
    for (const name of ['one', 'two']) {
      const edited = document();
      edit(edited, name);
      fs.mkdirSync(at('current'), { recursive: true });
      fs.writeFileSync(at(`current/${name}.json`), JSON.stringify(edited));
    }
  };
  const run = (command) => spawnSync('node', [MAIN, command, at('current'), at('released'), at('CHANGELOG.md')], { encoding: 'utf8' });
  write(() => {});
  assert.equal(run('release').status, 0);
  return { write, run, changelog: () => fs.readFileSync(at('CHANGELOG.md'), 'utf8'), remove: () => fs.rmSync(folder, { recursive: true }) };
}

function scenario(name, body) {
  test(name, () => {
    const place = released();
    try {
      body(place);
    } finally {
      place.remove();
    }
  });
}

const version = (number) => (d) => (d.info.version = number);
const add = (d) => (d.components.schemas.Thing.properties.more = { type: 'string' });
const remove = (d) => delete d.components.schemas.Thing.properties.note;

scenario('nothing changed: nothing is said', ({ run, changelog }) => {
  const before = changelog();
  assert.match(before, /## 1\.2\.3, \d{4}-\d\d-\d\d\n\nThe first release\./);
  assert.equal(run('compat').status, 0);
  assert.equal(run('check').status, 0);
  assert.equal(changelog(), before);
});

scenario('an addition passes and is in the changelog, once, as long as it is there', ({ write, run, changelog }) => {
  const before = changelog();
  write(add);
  assert.equal(run('check').status, 1, 'the changelog does not say so yet');
  assert.equal(run('compat').status, 0);
  assert.equal(run('compat').status, 0);
  assert.equal(changelog().split('- one, two: `Thing`: `more` is new in answers').length, 2);
  assert.equal(run('check').status, 0);
  write(() => {});
  run('compat');
  assert.equal(changelog(), before);
});

scenario('a break fails and is named, and leaves the changelog alone', ({ write, run, changelog }) => {
  const before = changelog();
  write((d, name) => name === 'two' && remove(d));
  for (const command of ['compat', 'check', 'release']) {
    const { status, stderr } = run(command);
    assert.equal(status, 1);
    assert.match(stderr, /^ {2}two: `Thing`: `note` is no longer answered$/m);
  }
  assert.equal(changelog(), before);
});

scenario('a break that the version declares passes and is in the changelog as one', ({ write, run, changelog }) => {
  write((d) => (version('2.0.0')(d), remove(d), add(d)));
  assert.equal(run('compat').status, 0);
  assert.match(changelog(), /## Not released\n\n### Breaking\n\n- one, two: `Thing`: `note` is no longer answered\n\n### Changes\n\n- /);
});

scenario('a release needs its version', ({ write, run, changelog }) => {
  write(add);
  assert.equal(run('release').status, 1);
  write((d) => (version('1.2.4')(d), add(d)));
  assert.equal(run('release').status, 1, 'an addition is a minor release');
  write((d) => (version('1.3.0')(d), add(d)));
  run('compat');
  assert.equal(run('release').status, 0);
  assert.match(changelog(), /## 1\.3\.0, \d{4}-\d\d-\d\d\n\n### Changes\n\n- one, two: [^\n]*\n\n## 1\.2\.3, /);
  assert.doesNotMatch(changelog(), /## Not released/);
  assert.equal(run('check').status, 0);
});

scenario('a version below the released one is refused', ({ write, run, changelog }) => {
  const before = changelog();
  for (const lower of ['1.2.2', '1.1.9', '0.9.9']) {
    write(version(lower));
    for (const command of ['compat', 'check', 'release']) {
      const { status, stderr } = run(command);
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`${lower.replaceAll('.', '\\.')} is lower than 1\\.2\\.3`));
    }
  }
  write(version('1.2.10'));
  assert.equal(run('check').status, 0, 'numbers are compared, not letters');
  assert.equal(changelog(), before);
});

scenario('documents of different versions are refused', ({ write, run }) => {
  write((d, name) => name === 'two' && version('1.3.0')(d));
  const { status, stderr } = run('compat');
  assert.equal(status, 1);
  assert.match(stderr, /one 1\.2\.3, two 1\.3\.0/);
});
