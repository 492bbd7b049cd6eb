// Writes what services whose documents were written elsewhere have in the client of a language; openapi-generator does it for the others.
//
//   node write.mjs LANGUAGE GENERATED CLIENT
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { documentOf, servicesOf } from '../../services.mjs';
import { moduleOf } from './names.mjs';
import { HEADER } from './rust-text.mjs';
import { describe } from './service.mjs';

const [language, generated, client] = process.argv.slice(2);
const { [language]: printed } = await import(`./${language}.mjs`);
const RUNTIME = 'runtime';
// How requests are written, in the server as well.
const SERVER = '../../../../impl/outgoing/src';
// Where modules of services are, and what they are built on.
const PLACES = {
  typescript: ['src/services', { 'src/call.ts': RUNTIME }],
  python: ['schema_first_client/services', { 'schema_first_client/call.py': RUNTIME, 'schema_first_client/spelling.py': RUNTIME }],
  rust: ['src', { 'src/call.rs': RUNTIME, 'src/multipart.rs': SERVER, 'src/spelling.rs': SERVER }],
};
const [folder, runtime] = PLACES[language];

const services = servicesOf(generated).map(({ name }) => ({ name, document: documentOf(generated, name) })).filter(({ document }) => document['x-service'].lint === 'any');
for (const { name, document } of services) {
  const files = printed(describe(document), { title: document.info.title });
  for (const [file, text] of Object.entries(files)) {
    const path = join(client, folder, moduleOf(language, name), file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
for (const [file, folderOf] of services.length ? Object.entries(runtime) : []) {
  const text = readFileSync(new URL(`${folderOf}/${basename(file)}`, import.meta.url), 'utf8');
  writeFileSync(join(client, file), folderOf === SERVER ? `${HEADER}${text}` : text);
}
