// Writes what services whose documents were written elsewhere have in the client of a language; openapi-generator does it for the others.
//
//   node write.mjs LANGUAGE GENERATED CLIENT
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { documentOf, servicesOf } from '../../services.mjs';
import { moduleOf } from './names.mjs';
import { describe } from './service.mjs';

const [language, generated, client] = process.argv.slice(2);
const { [language]: printed } = await import(`./${language}.mjs`);
// Where modules of services are, and what they are built on.
const PLACES = {
  typescript: ['src/services', ['src/call.ts']],
  python: ['schema_first_client/services', ['schema_first_client/call.py', 'schema_first_client/spelling.py']],
  rust: ['src', ['src/call.rs', 'src/multipart.rs', 'src/spelling.rs']],
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
if (services.length) runtime.forEach((file) => copyFileSync(new URL(`runtime/${basename(file)}`, import.meta.url), join(client, file)));
