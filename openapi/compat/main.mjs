// Compares the documents with the released ones.
//
//   node main.mjs compat  CURRENT RELEASED CHANGELOG   fail on an undeclared break, write the changelog's newest section
//   node main.mjs check   CURRENT RELEASED CHANGELOG   the same, but fail where the changelog is not as it would be written
//   node main.mjs release CURRENT RELEASED CHANGELOG   make the documents the released ones
//
// CURRENT and RELEASED are folders of bundled documents, NAME.json. A break is declared by raising the major version
// (`info.version`), which all documents have in common.
import fs from 'node:fs';
import path from 'node:path';
import { release, update } from './changelog.mjs';
import { compareDocuments } from './document.mjs';

const [command, current, released, changelog] = process.argv.slice(2);
const documents = (folder) =>
  new Map(
    (fs.existsSync(folder) ? fs.readdirSync(folder) : [])
      .filter((file) => file.endsWith('.json'))
      .map((file) => [path.basename(file, '.json'), JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8'))]),
  );

function fail(...lines) {
  lines.forEach((line) => console.error(line));
  process.exit(1);
}

function commonVersion(services) {
  const versions = [...services].map(([name, document]) => [name, document.info.version]);
  if (new Set(versions.map(([, version]) => version)).size > 1) {
    fail(`compat: the documents are released together, but differ in version: ${versions.map((one) => one.join(' ')).join(', ')}`);
  }
  return versions[0]?.[1];
}

/** Changes of all services; those that changed in the same way share one. */
function difference(before, after) {
  const changes = new Map();
  const add = (name, { breaking, text }) => {
    const known = changes.get(text) ?? { breaking, text, services: [] };
    changes.set(text, { text, breaking: known.breaking || breaking, services: [...known.services, name] });
  };
  for (const name of before.keys()) if (!after.has(name)) add(name, { breaking: true, text: 'the service is gone' });
  for (const [name, document] of after) {
    if (!before.has(name)) add(name, { breaking: false, text: 'the service is new' });
    else compareDocuments(before.get(name), document).forEach((change) => add(name, change));
  }
  return [...changes.values()];
}

const numbers = (version) => version.split('.').map(Number);

function isLower(version, was) {
  const [current, old] = [numbers(version), numbers(was)];
  const at = current.findIndex((number, index) => number !== old[index]);
  return at >= 0 && current[at] < old[at];
}

/** Whether a version is one for these changes: the first number for breaks, the second for others. */
function follows(version, was, changes) {
  const [[major, minor, patch], [oldMajor, oldMinor, oldPatch]] = [version, was].map(numbers);
  if (major !== oldMajor) return major > oldMajor;
  if (changes.some((one) => one.breaking)) return false;
  if (minor !== oldMinor) return minor > oldMinor;
  return changes.length === 0 && patch > oldPatch;
}

function makeReleased(day) {
  if (was && !follows(version, was, changes)) fail(`compat: ${version} does not follow ${was}; raise info.version in every document`);
  fs.writeFileSync(changelog, release(text, version, changes, day));
  fs.rmSync(released, { recursive: true, force: true });
  fs.cpSync(current, released, { recursive: true });
  console.error(`compat: ${version} is released`);
}

const [before, after] = [documents(released), documents(current)];
const [was, version] = [commonVersion(before), commonVersion(after)];
const text = fs.existsSync(changelog) ? fs.readFileSync(changelog, 'utf8') : '';
if (was && isLower(version, was)) fail(`compat: ${version} is lower than ${was}, which is released; raise info.version in every document`);
const changes = was ? difference(before, after) : [];
const breaks = changes.filter((one) => one.breaking);
if (breaks.length && Number(version.split('.')[0]) <= Number(was.split('.')[0])) {
  fail(
    `compat: what breaks clients since ${was}; raise info.version to the next major one if it is meant`,
    ...breaks.map((one) => `  ${one.services.join(', ')}: ${one.text}`),
  );
}
if (command === 'release') {
  makeReleased(new Date().toISOString().slice(0, 10));
} else {
  const wanted = update(text, changes);
  if (command === 'check' && wanted !== text) fail('compat: openapi/CHANGELOG.md is not up to date; run ./codegen.sh compat');
  if (wanted !== text) fs.writeFileSync(changelog, wanted);
  console.error(`compat: ${changes.length} changes since ${was}, ${breaks.length} of them breaking`);
}
