// Paths of operations: the server's path is included, reserved paths are moved, and a path parameter has one name per position.
import { pathParameter } from './names.mjs';
import { below } from './source.mjs';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];
const OTHERS = ['head', 'options', 'trace', 'query'];
// Paths that impl/platform serves in every service.
const OWN = ['/', '/health', '/health/ready', '/metrics', '/openapi.json', '/favicon.ico', '/docs', '/docs/x'];

/** The operations that can be served, and those that cannot: `{method, path, operation, item, pointer, itemPointer, renamed}`; `renamed` are parameters of the path by their old names. */
export function operationsOf(source, report, without, service) {
  const left = new Set(without);
  const isLeftOut = (...names) => names.filter((name) => name && left.delete(name) | without.includes(name)).length > 0;
  const found = [];
  const unserved = [];
  for (const [given, itemNode] of Object.entries(source.root.paths ?? {})) {
    if (!given.startsWith('/')) continue;
    const itemPointer = below('#/paths', given);
    const item = source.resolve(itemNode, itemPointer, report);
    if (!item) continue;
    for (const method of [...METHODS, ...OTHERS].filter((one) => item.node[one])) {
      const pointer = below(item.pointer, method);
      const operation = item.node[method];
      if (isLeftOut(operation.operationId, `${method.toUpperCase()} ${given}`)) continue;
      if (method === 'head' && item.node.get) report.note(pointer, 'HEAD is answered by GET');
      else if (method === 'options') report.note(pointer, 'OPTIONS is answered by the service and the gateway themselves');
      else if (OTHERS.includes(method)) {
        unserved.push({ method, given, operation, item: item.node, pointer });
        report.refuse(pointer, method.toUpperCase(), 'such operations are not served', 'Leave it out: --without OPERATION');
      } else if (method === 'get' && isOwn(`${baseOf(source, report, operation, item, pointer)}${given}`)) {
        report.note(pointer, `GET of ${OWN.slice(1, -1).join(', ')} is what each service answers by itself, and is left out`);
      } else found.push({ method, given, operation, item: item.node, itemPointer: item.pointer, pointer, base: baseOf(source, report, operation, item, pointer) });
    }
  }
  for (const name of left) report.refuse('#/paths', `--without ${name}`, 'there is no such operation', 'Name one by its operationId, or as `METHOD /path`');
  if (!found.length && !report.refusals.length) report.refuse('#/paths', 'no operations', 'there is nothing to serve', 'Give a document with some');
  return { operations: placed(found, report, service), unserved };
}

const isOwn = (path) => OWN.slice(1, -1).includes(path.replace(/(?<=.)\/$/, ''));

// The path of the first server; its origin is where this service is served.
function baseOf(source, report, operation, item, pointer) {
  const servers = operation.servers ?? item.node.servers ?? source.root.servers ?? [];
  const paths = servers.map(({ url = '', variables = {} } = {}) => {
    const filled = String(url).replace(/\{([^}]*)\}/g, (_, name) => variables[name]?.default ?? name);
    return filled.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*|^\/\/[^/]*/i, '').replace(/[?#].*$/, '').replace(/\/+$/, '').replace(/^(?=[^/])/, '/');
  });
  const [first = ''] = paths;
  if (paths.some((path) => path !== first)) report.note(operation.servers ? pointer : '#/servers', `Of several servers the first one's path counts: \`${first || '/'}\``);
  if (first) report.note('#/servers', `The path of the server, \`${first}\`, is part of each path`);
  return first;
}

const shape = (path) => path.replace(/\{[^}]*\}/g, '{}');
const segments = (path) => path.split('/').slice(1);
const overlap = (one, other) => segments(one).length === segments(other).length
  && segments(one).every((part, at) => part === segments(other)[at] || part.startsWith('{') || segments(other)[at].startsWith('{'));

function placed(found, report, service) {
  const paths = found.map(({ base, given }) => `${base}${given.replace(/(?<=.)\/+$/, '')}`.replace(/(?<=.)\/$/, '').replace(/\/{2,}/g, '/') || '/');
  const login = [`/api/${service}/auth/signup`, `/api/${service}/auth/logout`, `/api/${service}/users/me`];
  const clash = paths.find((path) => [...OWN, ...login].some((own) => overlap(path, own)) || path.startsWith('/docs/'));
  const base = clash ? `/${service}` : '';
  if (clash) report.note('#/paths', `Every path begins with \`${base}\` here, since \`${clash}\` would meet what each service answers by itself`);
  const names = new Map();
  const taken = new Map();
  found.forEach((one, at) => {
    const path = `${base}${paths[at]}`.replace(/(?<=.)\/$/, '');
    if (/.\/$/.test(one.given)) report.note(one.pointer, 'Paths are served without a slash at the end');
    checkPath(one, path, report);
    // Of paths that differ in the names of their parameters only, the names of the first are used.
    if (!names.has(shape(path))) names.set(shape(path), parametersOf(path, one.operation, one.item));
    const wanted = names.get(shape(path));
    const own = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
    one.renamed = Object.fromEntries(own.map((name, index) => [name, wanted[index]]));
    let index = 0;
    one.path = path.replace(/\{[^}]*\}/g, () => `{${wanted[index++]}}`);
    const key = `${one.method} ${shape(path)}`;
    if (taken.has(key)) report.refuse(one.pointer, `${one.method.toUpperCase()} ${one.given}`, `\`${taken.get(key)}\` has the same path`, 'Leave one out: --without OPERATION');
    taken.set(key, one.given);
  });
  return found;
}

function parametersOf(path) {
  const seen = new Set();
  return [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => {
    let wanted = pathParameter(name);
    while (seen.has(wanted)) wanted = `${wanted}_2`;
    seen.add(wanted);
    return wanted;
  });
}

function checkPath({ pointer, given }, path, report) {
  const refuse = (why) => report.refuse(pointer, `the path \`${given}\``, why, 'Write it otherwise, or leave the operation out: --without OPERATION');
  for (const segment of segments(path)) {
    if (/^\{[^{}]+\}$/.test(segment)) continue;
    if (segment.includes('{') || segment.includes('}')) return refuse('a parameter of the path is a whole segment');
    if (!/^[A-Za-z0-9._~@:,!-]*$/.test(segment) || /^[:*]/.test(segment)) return refuse('its segments have letters, digits and `._~@:,!-`');
    if (segment === '' && path !== '/') return refuse('it has an empty segment');
  }
  const parameters = path.match(/\{[^{}]+\}/g) ?? [];
  if (new Set(parameters).size < parameters.length) return refuse('it has a parameter twice');
  return undefined;
}
