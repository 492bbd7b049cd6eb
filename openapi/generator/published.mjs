// The operations of published documents (generated/NAME-api/openapi.json), for everything that is generated about services.
import { Document, METHODS } from './compile/document.mjs';
import { classOf } from './compile/media.mjs';
import { nameOf } from './defaults.mjs';

/** One line of a text of an author's. */
export const line = (text) => String(text ?? '').replace(/[\s\p{C}]+/gu, ' ').trim();

/**
 * `{name, method, path, operation, item, resolve}` each, in the order of the document and of `methods`: `path` is the whole path, with that of the server;
 * `item` has the parameters of the path; `resolve` follows the references of a part.
 */
export function operationsIn(root, methods = METHODS) {
  const document = new Document(root);
  const resolve = (node) => document.resolve({ node, pointer: '' }).node ?? {};
  return document.operations(methods).map(({ method, served: path, item, place: { node: operation } }) => ({ name: nameOf(operation), method, path, operation, item: item.node, resolve }));
}

/** Whether an answer of the operation is a stream of events. */
export const streamsEvents = ({ operation, resolve }) => Object.values(operation.responses ?? {}).flatMap((one) => Object.keys(resolve(one).content ?? {}))
  .some((media) => classOf(media) === 'events');
