// The Rust type of each schema: a shape is `{kind, isNullable, native, place, ...}`; structs, enums, unions and lists of themselves are models with a name.
import { child, escape, isAnnotation, isObject } from './document.mjs';
import { isNullableReference, kindsOf, listed } from './kinds.mjs';
import { TYPED, isNative } from './native.mjs';
import { camel, typeNames } from './rust.mjs';

const COMPONENTS = '/components/schemas/';
// More kinds than this are any value.
const MOST_KINDS = 3;
const SHAPING = ['type', 'properties', 'items', 'prefixItems', 'enum', 'const', '$ref', 'allOf', 'oneOf', 'anyOf', 'additionalProperties', 'patternProperties'];

// Several schemas at once have no place in the document.
const merged = (...places) => ({ node: {}, pointer: places.map(({ pointer }) => pointer).join(' '), isMerged: true });

export class Shapes {
  /** By name, in the order in which they were found. */
  models = new Map();
  #document;
  #names = typeNames();
  #components = new Map();
  #shapes = new Map();
  #newtypes = new Map();
  #made = new Map();
  // Places whose type is being told, and those whose fields are.
  #open = [];
  #filling = new Map();

  constructor(document) {
    this.#document = document;
    for (const name of Object.keys(document.root.components?.schemas ?? {})) {
      this.#components.set(`${COMPONENTS}${escape(name)}`, this.#names.take(camel(name, 'Schema')));
    }
  }

  /** The shape of a place; `hint` names what has no name. */
  of(place, hint) {
    const target = this.#aliased(place);
    const { pointer } = target;
    if (this.#shapes.has(pointer)) return this.#shapes.get(pointer);
    if (this.#filling.has(pointer)) return { ...this.#filling.get(pointer), isNullable: kindsOf(this.#document, target).has('null') };
    // A list or map of itself has a type that can hold itself.
    if (this.#open.includes(pointer)) return this.#newtype(target);
    this.#open.push(pointer);
    const shape = this.#shape([target], this.#components.get(pointer) ?? hint, target);
    this.#open.pop();
    const model = this.#newtypes.get(pointer);
    if (model) model.inner = shape;
    const found = model ? this.#newtype(target) : shape;
    this.#shapes.set(pointer, found);
    return found;
  }

  #newtype(place) {
    if (!this.#newtypes.has(place.pointer)) {
      const name = this.#components.get(place.pointer) ?? this.#names.take('Recursive');
      const model = { name, kind: 'newtype', place, description: place.node?.description };
      this.#newtypes.set(place.pointer, model);
      this.models.set(name, model);
    }
    return { kind: 'newtype', model: this.#newtypes.get(place.pointer).name, isNullable: false, native: true, place };
  }

  // Follows references that stand alone.
  #aliased(place) {
    let at = place;
    for (let steps = 0; steps < 100; steps += 1) {
      const node = this.#document.schema(at);
      if (typeof node.$ref !== 'string' || Object.keys(node).some((key) => key !== '$ref' && !isAnnotation(key))) return at;
      at = this.#document.target(node.$ref);
    }
    return at;
  }

  /** Every schema that must hold at once: own, references and `allOf`, flattened. */
  #parts(places, seen = new Set()) {
    return places.flatMap((place) => {
      const node = this.#document.schema(place);
      if (seen.has(node)) return [];
      seen.add(node);
      const targets = typeof node.$ref === 'string' ? [this.#document.target(node.$ref)] : [];
      const branches = [...(node.allOf ?? []).keys()].map((index) => child(place, 'allOf', index));
      return [place, ...this.#parts([...targets, ...branches], seen)];
    });
  }

  #kinds(places) {
    const sets = places.map((place) => kindsOf(this.#document, place));
    return [...sets[0]].filter((kind) => sets.every((set) => set.has(kind)));
  }

  /** `places` hold all at once; `own` is the place whose schema is checked; `used` are unions that are decided already, `only` the kind that is. */
  #shape(places, hint, own, { used = new Set(), only } = {}) {
    const [first] = places;
    const node = places.length === 1 ? this.#document.schema(first) : {};
    if (isNullableReference(this.#document, node)) {
      const shape = this.of(child(first, 'allOf', 0), hint);
      return { ...shape, isNullable: true, place: first, wraps: !shape.native };
    }
    let kinds = this.#kinds(places);
    const isNullable = kinds.includes('null');
    kinds = kinds.filter((kind) => kind !== 'null');
    if (only) kinds = kinds.filter((kind) => kind === only || (only === 'number' && kind === 'integer'));
    if (kinds.includes('number')) kinds = kinds.filter((kind) => kind !== 'integer');
    const plain = { isNullable: only ? false : isNullable, native: false, place: own };
    // One reference with nothing that shapes beside it: a name of its own is not needed.
    const alone = only || used.size ? undefined : this.#alone(node, first);
    if (alone) {
      const shape = this.of(alone, hint);
      return { ...shape, isNullable: isNullable && shape.isNullable, native: false, place: own, wraps: true };
    }
    const parts = this.#parts(places);
    const union = this.#union(parts, used);
    if (union && kinds.length) {
      const shape = this.#united(union, places, parts, hint, own, { used, isNullable, kinds });
      if (shape) return shape;
    }
    if (kinds.length === 0 || kinds.length > MOST_KINDS) return { ...plain, kind: 'any', native: this.#saysNothing(node) && places.length === 1, isNullable: false };
    if (kinds.length > 1) return this.#severalKinds(kinds, places, hint, own, { used, isNullable });
    const [kind] = kinds;
    const native = places.length === 1 && !only && !used.size && isNative(this.#document, node, kind);
    const shape = this.#single(kind, parts, hint, own);
    // What a model validates by itself it says for all its uses.
    if (shape.model) Object.assign(this.models.get(shape.model), { native, node });
    return { ...shape, ...plain, native, node };
  }

  #saysNothing = (node) => Object.keys(node).every((key) => isAnnotation(key) || key === 'nullable');

  #alone(node, place) {
    const rest = Object.keys(node).filter((key) => SHAPING.includes(key) && key !== 'type');
    if (rest.length === 1 && rest[0] === 'allOf' && node.allOf.length === 1) return child(place, 'allOf', 0);
    if (rest.length === 1 && rest[0] === '$ref') return this.#document.target(node.$ref);
    return undefined;
  }

  #single(kind, parts, hint, own) {
    const nodes = parts.map((part) => this.#document.schema(part));
    if (kind === 'string') return this.#string(nodes, parts, hint, own);
    if (kind === 'integer') return { kind: 'integer', width: nodes.some((node) => node.format === 'int32') ? 'i32' : 'i64' };
    if (kind === 'number') return { kind: 'number' };
    if (kind === 'boolean') return { kind: 'boolean' };
    if (kind === 'array') {
      const at = nodes.findIndex((node) => isObject(node.items));
      const isTuple = nodes.some((node) => 'prefixItems' in node);
      return { kind: 'array', items: at >= 0 && !isTuple ? this.of(child(parts[at], 'items'), `${hint}Item`) : undefined };
    }
    return this.#object(nodes, parts, hint, own);
  }

  #string(nodes, parts, hint, own) {
    const lists = nodes.map((node) => listed(this.#document, node)).filter(Boolean);
    if (lists.length) {
      const values = [...new Set(lists[0])].filter((value) => typeof value === 'string' && lists.every((list) => list.includes(value)));
      const at = nodes.findIndex((node) => listed(this.#document, node));
      if (!values.length) return { kind: 'string' };
      return this.#model('enum', own, parts, hint, () => ({ values, varnames: this.#document.isOurs ? nodes[at]['x-enum-varnames'] : undefined }));
    }
    const format = nodes.map((node) => node.format).find((one) => one in TYPED);
    return { kind: 'string', typed: format, assumeUtc: this.#document.isOurs && nodes.some((node) => node['x-assume-utc'] === true) };
  }

  #object(nodes, parts, hint, own) {
    const properties = new Map();
    parts.forEach((part, index) => {
      for (const name of Object.keys(nodes[index].properties ?? {})) {
        if (!properties.has(name)) properties.set(name, []);
        properties.get(name).push(child(part, 'properties', name));
      }
    });
    const required = new Set(nodes.flatMap((node) => node.required ?? []));
    for (const name of required) if (!properties.has(name)) properties.set(name, []);
    const isClosed = nodes.some((node) => node.additionalProperties === false || node.unevaluatedProperties === false) && !nodes.some((node) => node.patternProperties);
    const values = parts.map((part, index) => [child(part, 'additionalProperties'), nodes[index]])
      .filter(([place, node]) => isObject(place.node) && Object.keys(place.node).length && !node.patternProperties).map(([place]) => place);
    if (properties.size === 0 && !isClosed) return { kind: 'map', values: values.length === 1 ? this.of(values[0], `${hint}Value`) : undefined };
    return this.#model('struct', own, parts, hint, (model) => {
      // A member that is only required is one of the others.
      const fields = [...properties].map(([name, places]) => this.#field(name, places.length ? places : values, required, model.name));
      return { fields, isClosed, values: values.length === 1 && !isClosed ? this.of(values[0], `${model.name}Value`) : undefined };
    });
  }

  #field(name, places, required, owner) {
    const distinct = places.filter((place, at) => places.findIndex((other) => JSON.stringify(other.node) === JSON.stringify(place.node)) === at);
    const hint = `${owner}${camel(name, 'Field')}`;
    const shape = distinct.length === 0 ? { kind: 'any', isNullable: false, native: true }
      : distinct.length === 1 ? this.of(distinct[0], hint) : this.#shape(distinct, hint, merged(...distinct));
    const nodes = places.map((place) => this.#aliased(place).node).concat(places.map(({ node }) => node)).filter(isObject);
    return {
      name, shape, isRequired: required.has(name), nodes,
      isReadOnly: nodes.some((node) => node.readOnly === true), isWriteOnly: nodes.some((node) => node.writeOnly === true) };
  }

  #model(kind, own, parts, hint, fill) {
    const existing = this.#made.get(own.pointer + kind);
    if (existing) return { kind, model: existing.name };
    const component = this.#components.get(own.pointer);
    const name = component && !this.models.has(component) ? component : this.#names.take(hint);
    const description = this.#document.schema(own).description;
    const model = { name, kind, place: own, description };
    this.#made.set(own.pointer + kind, model);
    this.models.set(name, model);
    this.#filling.set(own.pointer, { kind, model: name, native: true, place: own });
    const open = this.#open;
    this.#open = [];
    Object.assign(model, fill(model));
    this.#open = open;
    this.#filling.delete(own.pointer);
    return { kind, model: name };
  }

  // The first union that decides the type, with the branches that do.
  #union(parts, used) {
    for (const part of parts) {
      const node = this.#document.schema(part);
      for (const key of ['oneOf', 'anyOf']) {
        if (!Array.isArray(node[key]) || !node[key].length || used.has(node[key])) continue;
        const branches = node[key].map((_, index) => child(part, key, index));
        // Inheritance: a base that is the union of what is made of it, this being one of them.
        if (part !== parts[0] && branches.some((branch) => parts.some(({ pointer }) => pointer === this.#aliased(branch).pointer))) continue;
        const isNull = (place) => [...kindsOf(this.#document, place)].every((kind) => kind === 'null');
        const shaping = branches.filter((place) => !isNull(place) && this.#isShaping(place));
        return { list: node[key], branches: branches.filter((place) => !isNull(place)), isShaping: shaping.length > 0 };
      }
    }
    return undefined;
  }

  #isShaping(place) {
    const node = this.#document.schema(place);
    return Object.keys(node).some((key) => SHAPING.includes(key));
  }

  #united({ list, branches, isShaping }, places, parts, hint, own, { used, isNullable, kinds }) {
    const now = new Set(used).add(list);
    // Branches that only constrain, such as `anyOf: [{required: [a]}, {required: [b]}]`.
    if (!isShaping) return this.#shape(places, hint, own, { used: now });
    const isScalar = kinds.length === 1 && ['integer', 'number', 'boolean'].includes(kinds[0]);
    if (isScalar) return { ...this.#shape(places, hint, own, { used: now, only: kinds[0] }), isNullable };
    if (kinds.length === 1 && kinds[0] === 'string') return this.#unitedStrings(branches, places, parts, hint, own, { used: now, isNullable });
    // What stands beside the union belongs to each branch.
    const beside = places.length > 1 || Object.keys(this.#document.schema(places[0])).some((key) => SHAPING.includes(key) && !['type', 'oneOf', 'anyOf'].includes(key));
    const inherits = (branch) => this.#parts([branch]).some(({ pointer }) => pointer === own.pointer);
    const shapeOf = (branch, name) => (beside && !inherits(branch) ? this.#shape([...places, branch], name, merged(own, branch), { used: now }) : this.of(branch, name));
    if (branches.length === 1) {
      const shape = shapeOf(branches[0], hint);
      return { ...shape, isNullable: isNullable || shape.isNullable, native: false, place: own, wraps: true };
    }
    const made = this.#model('union', own, parts, hint, (model) => ({
      branches: branches.map((branch, index) => {
        const title = this.#document.schema(branch).title;
        const named = this.#components.get(this.#aliased(branch).pointer);
        const label = named ?? (title && title.length < 40 ? camel(title, 'Variant') : undefined);
        const shape = shapeOf(branch, `${model.name}${label ?? index + 1}`);
        return { place: branch, shape: { ...shape, isNullable: false }, label };
      }),
    }));
    return { ...made, isNullable, native: true, place: own };
  }

  // Unions of strings: one list of values when each branch has one, or any string.
  #unitedStrings(branches, places, parts, hint, own, { used, isNullable }) {
    const lists = branches.map((branch) => this.#parts([branch]).map((part) => listed(this.#document, this.#document.schema(part))).find(Boolean));
    const plain = { isNullable, native: false, place: own };
    if (lists.every(Boolean)) {
      const values = [...new Set(lists.flat())].filter((value) => typeof value === 'string');
      return { ...this.#model('enum', own, parts, hint, () => ({ values })), ...plain };
    }
    const shape = this.#shape(places, hint, own, { used });
    return { ...shape, ...plain };
  }

  #severalKinds(kinds, places, hint, own, { used, isNullable }) {
    const parts = this.#parts(places);
    const made = this.#model('union', own, parts, hint, (model) => ({
      byKind: true,
      branches: kinds.map((kind) => {
        const name = camel(kind);
        const shape = this.#shape(places, `${model.name}${name}`, merged(own, { node: undefined, pointer: kind }), { used, only: kind });
        return { only: kind, label: name, shape: { ...shape, isNullable: false } };
      }),
    }));
    return { ...made, isNullable, native: true, place: own };
  }
}
