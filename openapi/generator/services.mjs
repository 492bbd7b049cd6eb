// The services, as their documents say in `x-service`: generated/services.json, which everything reads that needs to know them all.
//
//   node services.mjs GENERATED       reads GENERATED/NAME-api/openapi.json, writes GENERATED/services.json
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const API = '-api';

/** The bundled document of a service. */
export const documentOf = (generated, name) => JSON.parse(readFileSync(join(generated, `${name}${API}`, 'openapi.json'), 'utf8'));

/** Every service, by port: name, port, prefix at the gateway, whether it is released, its background roles, title, version and what it is for. */
export function servicesOf(generated) {
  const names = readdirSync(generated).filter((folder) => folder.endsWith(API)).map((folder) => folder.slice(0, -API.length));
  return names.map((name) => [name, documentOf(generated, name)]).filter(([, document]) => document['x-service'])
    .map(([name, { info, 'x-service': { port, prefix, released = true, background = [] } }]) => (
      { name, port, prefix, released, background, title: info.title, version: info.version, about: info.description.split(/(?<=\.)\s/)[0] }))
    .sort((one, other) => one.port - other.port);
}

/** What two services cannot both have. */
function clashes(services) {
  const processes = services.flatMap(({ name, port, background }) => [{ name, port }, ...background]);
  const taken = [
    ...processes.map(({ name }) => `name ${name}`), ...processes.map(({ port }) => `port ${port}`), ...services.map(({ prefix }) => `prefix ${prefix}`)];
  return taken.filter((one, at) => taken.indexOf(one) < at);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const generated = process.argv[2];
  const services = servicesOf(generated);
  const clashing = clashes(services);
  if (clashing.length) {
    console.error(`services: ${clashing.join(', ')} more than once in x-service`);
    process.exit(1);
  }
  writeFileSync(join(generated, 'services.json'), `${JSON.stringify(services, null, 2)}\n`);
}
