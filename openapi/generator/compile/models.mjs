// The models of a document as data for the template: what a struct, enum, union or list of itself looks like in Rust.
import { isSecret } from '../secrets.mjs';
import { Names, camel, docLine, identifier, literal, snake } from './rust.mjs';

const KIND_NAMES = { string: 'String', integer: 'Integer', number: 'Number', boolean: 'Boolean', array: 'Array', map: 'Object', any: 'Other' };

/** Whether a model holds another in itself, without a list or map between them: `(owner, inner) => boolean`. */
export function boxesOf(models) {
  const edges = new Map([...models.values()].map((model) => [model.name, shapesOf(model).map((shape) => shape.model).filter(Boolean)]));
  const reaches = (from, wanted) => {
    const seen = new Set();
    const open = [from];
    while (open.length) {
      const at = open.pop();
      if (at === wanted) return true;
      if (seen.has(at)) continue;
      seen.add(at);
      open.push(...edges.get(at) ?? []);
    }
    return false;
  };
  const known = new Map();
  return (owner, inner) => {
    if (!owner || !edges.get(owner)?.includes(inner)) return false;
    const key = `${owner} ${inner}`;
    if (!known.has(key)) known.set(key, reaches(inner, owner));
    return known.get(key);
  };
}

const shapesOf = (model) => [...(model.fields ?? []).map(({ shape }) => shape), ...(model.branches ?? []).map(({ shape }) => shape)];

/** The models that shapes consist of. */
export function reachedFrom(models, shapes) {
  const found = new Set();
  const visit = (shape) => {
    if (!shape) return;
    visit(shape.items);
    visit(shape.values);
    if (!shape.model || found.has(shape.model)) return;
    found.add(shape.model);
    const model = models.get(shape.model);
    [...shapesOf(model), model.values?.kind && model.values, model.inner].forEach(visit);
  };
  shapes.forEach(visit);
  return found;
}

export class Models {
  constructor({ document, models, render, sent, answered }) {
    Object.assign(this, { document, models, render, sent, answered });
  }

  /** In alphabetical order, as a change then stays where it is. */
  all = () => [...this.models.values()].sort((one, other) => (one.name < other.name ? -1 : 1)).map((model) => this.#model(model));

  #model(model) {
    const isChecked = !model.native && !model.place.isMerged;
    return {
      name: model.name,
      doc: docLine(model.description) || `\`${model.name}\` of the document.`,
      'is-checked': isChecked,
      schema: isChecked && this.render.schema(model.place),
      [`is-${model.kind}`]: true,
      ...this[model.kind](model),
    };
  }

  enum({ values, varnames }) {
    const names = new Names(['Self']);
    return { values: values.map((value, index) => ({
      literal: literal(value), name: varnames ? varnames[index] : names.take(camel(value, value === '' ? 'Empty' : 'Value')) })) };
  }

  struct(model) {
    const names = new Names(model.isClosed ? [] : ['additional_properties']);
    const fields = model.fields.map((field) => this.#field(field, model, names));
    const secrets = fields.some((field) => field.secret);
    const values = model.values?.kind && model.values;
    return {
      fields, secrets, bounds: this.render.bounds(model.native ? model.node : {}), 'is-open': !model.isClosed, 'is-empty': fields.length === 0,
      rest: !model.isClosed && {
        type: values ? `std::collections::BTreeMap<String, ${this.render.type(values)}>` : 'serde_json::Map<String, serde_json::Value>',
        decode: values ? `rest_as(at, |v, at| ${this.render.rule(values)})` : 'rest(at)' } };
  }

  #field(field, model, names) {
    const { name, shape, nodes } = field;
    const plain = names.take(snake(name, 'field'), '_');
    const fallback = field.isRequired ? undefined : this.render.fallback(shape, nodes);
    // One type serves both directions, and a read-only property is in one of them.
    const isOneWay = (field.isReadOnly && this.sent.has(model.name)) || (field.isWriteOnly && this.answered.has(model.name));
    const isOptional = (!field.isRequired || isOneWay) && fallback === undefined;
    const type = this.render.type(shape, model.name);
    // Requests must have what responses never do.
    const isNeeded = field.isRequired && !field.isReadOnly;
    const decode = this.render.taken(shape, { from: ['at', literal(name)], isRequired: isNeeded || !isOptional, fallback, owner: model.name });
    return {
      name: identifier(plain), local: plain, member: literal(name),
      doc: docLine(nodes.map(({ description }) => description).find(Boolean)) || `\`${docLine(name)}\``,
      type: isOptional ? `Option<${type}>` : type, skip: isOptional,
      secret: isSecret(name, nodes.find((node) => node.format === 'password') ?? {}),
      decode: isNeeded && isOptional ? `${decode}.map(Some)` : decode };
  }

  union(model) {
    const names = new Names(['Self']);
    const branches = model.branches.map((branch) => {
      const { shape, label } = branch;
      const name = names.take(label ?? (shape.model ? this.#short(shape.model, model.name) : shape.typed ? camel(shape.typed) : KIND_NAMES[shape.kind]));
      return { ...branch, name, doc: `\`${label ?? shape.model ?? shape.kind}\``, type: this.render.type(shape, model.name), decode: this.render.rule(shape, model.name) };
    });
    const list = branches.map(({ place, only }) => (model.byKind ? `contract::Kind::${camel(only)}` : this.render.schema(place))).join(', ');
    const arms = branches.map((branch, index) => ({ ...branch, pattern: index === branches.length - 1 ? '_' : String(index) }));
    return { branches: arms.map(({ name, doc, type, decode, pattern }) => ({ name, doc, type, decode, pattern })), choice: model.byKind ? `contract::Kind::among(&v, &[${list}])` : `at.branch(&v, &[${list}])` };
  }

  // `PetCat` of the union `Pet` is its variant `Cat`.
  #short = (name, owner) => (name.startsWith(owner) && /^[A-Z]/.test(name.slice(owner.length)) ? name.slice(owner.length) : name);

  newtype = (model) => ({ inner: { type: this.render.type(model.inner), decode: this.render.rule(model.inner) } });
}
