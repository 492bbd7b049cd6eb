// What became of a bundled document: a list of {breaking, text}, without repetitions. Here is what is said of the document
// as a whole; its operations and schemas are compared in the files beside this one.
import { Operation } from './operations.mjs';
import { compareSecuritySchemes } from './security-schemes.mjs';
import { compareServers } from './servers.mjs';
import { Schemas, isType, namesReached } from './schemas.mjs';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

export function compareDocuments(before, after) {
  const changes = new Map();
  const report = (breaking, place, text) => changes.set(`${place} ${text}`, breaking || (changes.get(`${place} ${text}`) ?? false));
  compareServers('the document', before.servers, after.servers, report);
  compareSecuritySchemes(before.components?.securitySchemes ?? {}, after.components?.securitySchemes ?? {}, report);
  const [was, is] = [before, after].map((one) => one['x-unknown-parameters'] ?? 'ignore');
  if (was !== is) report(is === 'refuse', 'the document', `has query parameters it does not know ${is === 'refuse' ? 'refused (422)' : 'ignored'}`);
  compareOperations(before, after, report);
  compareTypes(before, after, report);
  return [...changes].map(([text, breaking]) => ({ breaking, text }));
}

function compareOperations(before, after, report) {
  const schemas = new Schemas(before, after, report);
  const [old, current] = [operations(before), operations(after)];
  for (const [key, { place }] of old) if (!current.has(key)) report(true, place, 'is gone');
  for (const [key, is] of current) {
    const was = old.get(key);
    if (was) new Operation(before, after, is.place, schemas, report).compare(was, is);
    else report(false, is.place, `is new: ${is.operation.summary ?? 'no summary'}`);
  }
}

/** By method and path, in which the names of parameters do not matter: an address does not tell them. */
function operations(document) {
  const found = new Map();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const place = `\`${method.toUpperCase()} ${path}\``;
      found.set(`${method} ${path.replace(/\{[^}]*\}/g, '{}')}`, { path, item, operation: item[method], place });
    }
  }
  return found;
}

// Clients are generated: they have a type of this name, whether or not what is sent is the same under another one.
function compareTypes(before, after, report) {
  const kept = after.components?.schemas ?? {};
  for (const name of namesReached(before)) {
    if (!(name in kept) && isType(before.components.schemas[name])) report(true, `\`${name}\``, 'is gone, a type of clients');
  }
}
