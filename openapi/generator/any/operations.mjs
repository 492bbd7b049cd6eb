// The operations of a document: where they are, what they are called, and on which path they are served.
import { Document, isObject } from '../compile/document.mjs';
import { Names, snake } from '../compile/rust.mjs';

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
  return document.operations().map((one) => {
    const { node } = one.place;
    return { ...one, node, name: names.take(snake(node.operationId || `${one.method} ${one.path}`, 'operation'), '_') };
  });
}

/** A path as it is told apart from others: `/a/{}`. */
export const shapeOf = (path) => path.replace(/\{[^{}]*\}/g, '{}');

const segments = (path) => path.split('/').slice(1);
const overlap = (one, other) => segments(one).length === segments(other).length
  && segments(one).every((part, at) => part === segments(other)[at] || part.includes('{') || segments(other)[at].includes('{'));

/** The first path that meets what each service serves by itself; then all are served below another. */
export const clashOf = (operations) => operations.map(({ served }) => served).find((path) => path.startsWith('/docs/') || OWN.some((own) => overlap(path, own)));
