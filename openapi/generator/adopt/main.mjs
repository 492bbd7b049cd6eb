// Creates openapi/NAME.yaml from a foreign OpenAPI document; ./new-service uses it.
//
//   node main.mjs TOOLS DOCUMENT NAME PORT [--without OPERATION]...
//
// Prints notes on what changed. Unsupported parts are reported on stderr, with their locations; nothing is written then.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { documentOf } from '../services.mjs';
import { adopt, reachOf } from './adopt.mjs';
import { Report } from './report.mjs';
import { Source } from './source.mjs';
import { textOf } from './write.mjs';

const GENERATED = new URL('../../../generated', import.meta.url).pathname;
const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

const [tools, file, service, port, ...rest] = process.argv.slice(2);
const without = rest.filter((_, at) => rest[at - 1] === '--without');
const yaml = createRequire(`${tools}/`)('yaml');

function fail(lines) {
  console.error(lines);
  process.exit(1);
}

/** Names used in the documents of all services: one client has the operations of them all. */
function taken() {
  const names = readdirSync(GENERATED).filter((folder) => folder.endsWith('-api') && existsSync(`${GENERATED}/${folder}/openapi.json`))
    .map((folder) => folder.slice(0, -'-api'.length));
  const others = names.filter((name) => name !== service).map((name) => [name, documentOf(GENERATED, name)]);
  // Documents for tests only are in no client.
  const documents = others.filter(([name, document]) => name === 'common' || document['x-service']).map(([, document]) => document);
  return {
    operations: documents.flatMap(({ paths }) => Object.values(paths).flatMap((item) => METHODS.flatMap((method) => item[method]?.operationId ?? []))),
    schemas: documents.flatMap(({ components }) => Object.keys(components?.schemas ?? {})),
    tags: [...documents.flatMap(({ tags }) => (tags ?? []).map(({ name }) => name)), 'login', 'users'],
  };
}

let source;
try {
  source = new Source(file, yaml);
} catch (error) {
  fail(error.message);
}
const report = new Report(source);
const made = adopt(source, report, { service, without, taken: taken() });
if (report.refusals.length) {
  const count = report.refusals.reduce((sum, { pointers }) => sum + pointers.length, 0);
  const left = report.without(reachOf(source, made.all));
  fail([
    `${file}: ${count} ${count === 1 ? 'place' : 'places'} cannot be served as the document says:`, ...report.refusalLines(),
    ...(left.length ? [`Without the operations that this is part of: ${left.join(' ')}`] : [])].join('\n'));
}
writeFileSync(new URL(`../../${service}.yaml`, import.meta.url), textOf(yaml, made, { service, port, from: basename(file) }));
console.log([`${made.operations.length} operations, ${Object.keys(made.schemas).length} schemas.`, ...report.noteLines()].join('\n'));
