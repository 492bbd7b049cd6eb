// A bundled document: its dialect, its operations, its nodes with their JSON pointers, and references.
import { isForeign } from '../defaults.mjs';
import { pathOf } from './servers.mjs';

/** A step of a JSON pointer (RFC 6901), and back. */
export const escape = (step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1');
export const unescape = (step) => step.replaceAll('~1', '/').replaceAll('~0', '~');
/** A part of a URL, as references are; as it is where it is none. */
export const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
export const isObject = (node) => node !== null && typeof node === 'object' && !Array.isArray(node);

/** Of operations, in the order in which these are told. */
export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/** Says nothing about a value: 3.1 allows them beside a reference. */
const ANNOTATIONS = new Set([
  'title', 'description', 'example', 'examples', 'default', 'deprecated', 'readOnly', 'writeOnly', 'xml', 'externalDocs', 'discriminator', '$comment', 'summary', 'contentMediaType',
  'contentEncoding', 'contentSchema', '$schema', '$id', '$anchor', '$defs', 'definitions']);
export const isAnnotation = (key) => ANNOTATIONS.has(key) || key.startsWith('x-');

/** A node with its pointer; `{node, pointer}`, below called a place. */
export const child = ({ node, pointer }, ...steps) => ({
  node: steps.reduce((at, step) => at?.[step], node), pointer: [pointer, ...steps.map(escape)].join('/') });

export class Document {
  constructor(root) {
    this.root = root;
    this.is30 = /^3\.0/.test(root.openapi);
    // The notation of ours has one reading that the standard does not have: null beside a reference.
    this.isOurs = !isForeign(root);
  }

  place(pointer) {
    const steps = pointer.split('/').slice(1).map((step) => unescape(decoded(step)));
    const node = steps.reduce((at, step) => (at !== null && typeof at === 'object' && Object.hasOwn(at, step) ? at[step] : undefined), this.root);
    return { node, pointer: ['', ...steps.map(escape)].join('/') };
  }

  /** Follows references of parameters, bodies, responses and headers to the end. */
  resolve(place) {
    const seen = new Set();
    let at = place;
    while (typeof at.node?.$ref === 'string' && !seen.has(at.node.$ref)) {
      seen.add(at.node.$ref);
      at = this.place(at.node.$ref.replace(/^#/, ''));
    }
    return at;
  }

  /**
   * Operations in the order of the document and of `methods`: `{method, path, served, item, place}` each. `served` is the path with that of its server;
   * `item` and `place` are the places of the path's description and of the operation.
   */
  operations(methods = METHODS) {
    const paths = { node: this.root.paths ?? {}, pointer: '/paths' };
    return Object.keys(paths.node).filter((path) => path.startsWith('/')).flatMap((path) => {
      const item = this.resolve(child(paths, path));
      return methods.filter((method) => isObject(item.node?.[method])).map((method) => {
        const place = child(item, method);
        return { method, path, served: `${pathOf(place.node.servers ?? item.node.servers ?? this.root.servers)}${path}`, item, place };
      });
    });
  }

  /**
   * Requests that the service sends: webhooks, then callbacks, each once. `{method, name, expression, item, place}`: `expression` tells where a callback
   * goes; of a webhook there is none.
   */
  outgoing() {
    const key = this.root.webhooks === undefined ? 'x-webhooks' : 'webhooks';
    const webhooks = this.#named({ node: this.root[key], pointer: `/${key}` }).map(([name, item]) => ({ name, item: this.resolve(item) }));
    const callbacks = this.operations().flatMap(({ place }) => this.#named(child(place, 'callbacks'))).flatMap(([name, at]) => (
      this.#named(this.resolve(at)).map(([expression, item]) => ({ name, expression, item: this.resolve(item) }))));
    const all = [...webhooks, ...callbacks].flatMap((one) => METHODS.filter((method) => isObject(one.item.node?.[method])).map((method) => ({ ...one, method, place: child(one.item, method) })));
    return all.filter(({ place }, at) => all.findIndex((other) => other.place.pointer === place.pointer) === at);
  }

  #named = (place) => Object.keys(isObject(place.node) ? place.node : {}).filter((name) => !name.startsWith('x-')).map((name) => [name, child(place, name)]);

  /** The node of a schema without what the dialect ignores beside a reference. */
  schema({ node }) {
    if (!isObject(node)) return node === false ? { not: {} } : {};
    return this.is30 && typeof node.$ref === 'string' ? { $ref: node.$ref } : node;
  }

  /** The target of a schema's reference; anchors are looked up in the whole document. */
  target(reference) {
    if (reference.startsWith('#/') || reference === '#') return this.place(reference.slice(1));
    const found = this.#anchored(reference.replace(/^#/, ''), { node: this.root.components?.schemas ?? {}, pointer: '/components/schemas' });
    return found ?? { node: undefined, pointer: reference };
  }

  #anchored(anchor, place) {
    if (place.node === null || typeof place.node !== 'object') return undefined;
    if (place.node.$anchor === anchor || place.node.$dynamicAnchor === anchor || place.node.$id === anchor) return place;
    for (const key of Object.keys(place.node)) {
      const found = this.#anchored(anchor, child(place, key));
      if (found) return found;
    }
    return undefined;
  }
}
