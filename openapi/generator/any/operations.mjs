// The operations of a document: where they are, what they are called, and on which path they are served.
import { Document, child, isObject } from '../compile/document.mjs';
import { Names, snake } from '../compile/rust.mjs';
import { pathOf } from '../compile/servers.mjs';

export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
// Paths that impl/platform serves in every service.
const OWN = ['/', '/health', '/health/ready', '/metrics', '/openapi.json', '/favicon.ico', '/docs', '/docs/x'];

/** Writes path items where they are referred to: what is beside the reference belongs to this path only. */
export function inlinePathItems(root) {
  const document = new Document(root);
  for (const [path, item] of Object.entries(root.paths ?? {})) {
    if (typeof item?.$ref !== 'string' || !item.$ref.startsWith('#')) continue;
    const { node } = document.resolve({ node: item, pointer: '' });
    const { $ref, ...own } = item;
    if (isObject(node) && node.$ref === undefined) root.paths[path] = { ...structuredClone(node), ...own };
  }
}

/** `{method, path, served, node, item, place, name}` each; `served` is the path with that of its server. */
export function operationsOf(document) {
  const names = new Names();
  const paths = { node: document.root.paths ?? {}, pointer: '/paths' };
  return Object.keys(paths.node).filter((path) => path.startsWith('/')).flatMap((path) => {
    const item = document.resolve(child(paths, path));
    return METHODS.filter((method) => isObject(item.node?.[method])).map((method) => {
      const place = child(item, method);
      const base = pathOf(place.node.servers ?? item.node.servers ?? document.root.servers);
      const name = names.take(snake(place.node.operationId || `${method} ${path}`, 'operation'), '_');
      return { method, path, served: `${base}${path}`, node: place.node, item, place, name };
    });
  });
}

/** A path as it is told apart from others: `/a/{}`. */
export const shapeOf = (path) => path.replace(/\{[^{}]*\}/g, '{}');

const segments = (path) => path.split('/').slice(1);
const overlap = (one, other) => segments(one).length === segments(other).length
  && segments(one).every((part, at) => part === segments(other)[at] || part.includes('{') || segments(other)[at].includes('{'));

/** The first path that meets what each service serves by itself; then all are served below another. */
export const clashOf = (operations) => operations.map(({ served }) => served).find((path) => path.startsWith('/docs/') || OWN.some((own) => overlap(path, own)));
