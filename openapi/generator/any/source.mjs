// The given OpenAPI document: YAML or JSON, with JSON pointers to its nodes, and references.
import { readFileSync } from 'node:fs';
import { decoded, escape, unescape } from '../compile/document.mjs';
import { isRaw, parse } from '../compile/exact.mjs';

/** The pointer of a child of a node. */
export const below = (pointer, ...steps) => [pointer, ...steps.map(escape)].join('/');

export class Source {
  root;
  #document;
  #lines;

  /** Reads the file; `yaml` is the parser's module. Throws an Error with a message for the user. */
  constructor(file, yaml) {
    let text;
    try {
      text = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
    } catch (error) {
      throw new Error(`${file} cannot be read: ${error.message}`);
    }
    this.text = text;
    this.#lines = new yaml.LineCounter();
    // JSON is YAML, too.
    this.#document = yaml.parseDocument(text, { lineCounter: this.#lines, merge: true, prettyErrors: true });
    const [fault] = this.#document.errors;
    if (fault?.code === 'MULTIPLE_DOCS') throw new Error(`${file} has several documents (\`---\`); give a file with one`);
    if (fault) throw new Error(`${file} is neither YAML nor JSON: ${fault.message.trim()}`);
    this.#keepDigits(yaml);
    this.root = this.#document.toJS({ maxAliasCount: 10_000 });
    if (typeof this.root !== 'object' || this.root === null) throw new Error(`${file} is no OpenAPI document`);
    if ('swagger' in this.root) throw new Error(`${file} is of OpenAPI 2 (Swagger); convert it to OpenAPI 3 first, for example with swagger2openapi`);
    const version = String(this.root.openapi ?? '');
    if (!/^3\.[01](\.\d+)?(-.*)?$/.test(version)) throw new Error(`${file} says \`openapi: ${version || '(nothing)'}\`; 3.0 and 3.1 are read`);
  }

  // What a double would round stays text, and is written as it was (compile/exact.mjs).
  #keepDigits({ visit, Scalar }) {
    visit(this.#document, {
      Scalar(_, node) {
        const isJson = typeof node.value === 'number' && /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(node.source ?? '');
        if (!isJson) return undefined;
        const exact = parse(node.source);
        return isRaw(exact) ? Object.assign(new Scalar(exact), { range: node.range }) : undefined;
      },
    });
  }

  /** The line of a node in the file, as far as it is known. */
  line(pointer) {
    const steps = pointer.split('/').slice(1).map(unescape);
    for (let length = steps.length; length > 0; length -= 1) {
      const node = this.#document.getIn(steps.slice(0, length).map((step) => (/^\d+$/.test(step) ? this.#key(steps, length, step) : step)), true);
      if (node?.range) return this.#lines.linePos(node.range[0]).line;
    }
    return undefined;
  }

  // Status keys may be numbers in YAML.
  #key(steps, length, step) {
    const parent = this.#document.getIn(steps.slice(0, length - 1), true);
    const numeric = parent?.items?.some((pair) => pair?.key?.value === Number(step));
    return parent?.items && (numeric || !parent.items[0]?.key) ? Number(step) : step;
  }

  /** The target of a reference: node and pointer, or nothing. */
  find(reference) {
    if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined;
    const steps = reference.slice(2).split('/').map((step) => unescape(decoded(step)));
    const node = steps.reduce((at, step) => (at !== null && typeof at === 'object' && Object.hasOwn(at, step) ? at[step] : undefined), this.root);
    return node === undefined ? undefined : { node, pointer: `#/${steps.map(escape).join('/')}` };
  }
}
