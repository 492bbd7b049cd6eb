// The operations of published documents (generated/NAME-api/openapi.json), for everything that is generated about services.
import { Document, child, isObject } from './compile/document.mjs';
import { classOf } from './compile/media.mjs';
import { pathOf } from './compile/servers.mjs';
import { nameOf } from './defaults.mjs';

export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/** One line of a text of an author's. */
export const line = (text) => String(text ?? '').replace(/[\s\p{C}]+/gu, ' ').trim();

/**
 * `{name, method, path, operation, item, resolve}` each, in the order of the document and of `methods`: `path` is the whole path, with that of the server;
 * `item` has the parameters of the path; `resolve` follows the references of a part.
 */
export function operationsIn(root, methods = METHODS) {
  const document = new Document(root);
  const resolve = (node) => document.resolve({ node, pointer: '' }).node ?? {};
  const paths = { node: root.paths ?? {}, pointer: '/paths' };
  return Object.keys(paths.node).filter((path) => path.startsWith('/')).flatMap((path) => {
    const { node: item } = document.resolve(child(paths, path));
    return methods.filter((method) => isObject(item?.[method])).map((method) => {
      const operation = item[method];
      return { name: nameOf(operation), method, path: `${pathOf(operation.servers ?? item.servers ?? root.servers)}${path}`, operation, item, resolve };
    });
  });
}

/** Whether an answer of the operation is a stream of events. */
export const streamsEvents = ({ operation, resolve }) => Object.values(operation.responses ?? {}).flatMap((one) => Object.keys(resolve(one).content ?? {}))
  .some((media) => classOf(media) === 'events');
