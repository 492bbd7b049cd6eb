// Shapes as Rust text: types, and the calls that decode them.
import { isRaw } from './exact.mjs';
import { listed } from './kinds.mjs';
import { TYPED } from './native.mjs';
import { literal } from './rust.mjs';

const isModel = ({ kind }) => ['struct', 'enum', 'union', 'newtype'].includes(kind);
const option = (type) => `Option<${type}>`;

export class Render {
  /** Whether a model within another needs a `Box`: known when all shapes are (`boxesOf`). */
  boxed = (_owner, _model) => false;

  constructor(document) {
    this.document = document;
  }

  /** The type, `Option` where it may be null. `owner` is the model whose field it is. */
  type(shape, owner) {
    const inner = this.#type(shape, owner);
    return shape.isNullable ? option(inner) : inner;
  }

  #type(shape, owner) {
    switch (shape.kind) {
      case 'string': return TYPED[shape.typed] ?? 'String';
      case 'integer': return shape.width;
      case 'number': return 'f64';
      case 'boolean': return 'bool';
      case 'array': return `Vec<${shape.items ? this.type(shape.items) : 'serde_json::Value'}>`;
      case 'map': return shape.values ? `std::collections::BTreeMap<String, ${this.type(shape.values)}>` : 'serde_json::Map<String, serde_json::Value>';
      case 'any': return 'serde_json::Value';
      default: return this.boxed(owner, shape.model) ? `Box<models::${shape.model}>` : `models::${shape.model}`;
    }
  }

  /** The expression that decodes `v`. */
  rule(shape, owner) {
    const inner = this.#rule(shape, owner);
    const whole = shape.isNullable ? `at.nullable(v, |v, at| ${inner})` : inner;
    return this.isChecked(shape) ? this.checked(shape.place, whole) : whole;
  }

  /** Whether the interpreter validates the value here. Models do that themselves, but for null, which does not reach them. */
  isChecked(shape) {
    const isCertain = shape.native && !(shape.kind === 'union' && shape.isNullable);
    return !isCertain && !shape.place?.isMerged && Boolean(shape.place) && (shape.wraps || shape.isNullable || !isModel(shape));
  }

  /** The call that takes a member or parameter out of `from`: `required`, `optional`, or `defaulted` where the document has a default (`fallback`). */
  taken(shape, { from, isRequired, fallback, owner }) {
    const call = fallback !== undefined ? 'defaulted' : isRequired ? 'required' : 'optional';
    return `${call}(${[...from, ...(fallback === undefined ? [] : [fallback])].join(', ')}, |v, at| ${this.rule(shape, owner)})`;
  }

  schema = (place) => `contract::schema!(crate::SCHEMAS, ${literal(place.pointer)})`;

  checked = (place, rule) => `at.checked(v, ${this.schema(place)}, |v, at| ${rule})`;

  #rule(shape, owner) {
    const node = shape.native ? shape.node ?? {} : {};
    switch (shape.kind) {
      case 'string': return this.#string(shape, node);
      case 'integer': return `at.integer(v, ${this.#range(shape.width === 'i32' ? 'Integer::INT32' : 'Integer::INT64', node)})`;
      case 'number': return `at.number(v, ${this.#range('Float::ANY', node)})`;
      case 'boolean': return 'at.boolean(v)';
      case 'array': {
        return `at.array(v, &${this.items(shape)}, |v, at| ${shape.items ? this.rule(shape.items) : 'at.any(v)'})`;
      }
      case 'map': return shape.values ? `at.map(v, &${this.bounds(node)}, |v, at| ${this.rule(shape.values)})` : `at.object(v, &${this.bounds(node)}).and_then(|object| object.rest(at))`;
      case 'any': return 'at.any(v)';
      default: return `<${this.#type(shape, owner)} as contract::Decode>::decode(v, at)`;
    }
  }

  #string(shape, node) {
    if (shape.typed === 'date-time') return `at.date_time(v, ${Boolean(shape.assumeUtc)})`;
    if (shape.typed) return `at.${shape.typed}(v)`;
    const { minLength, maxLength, format, pattern } = node;
    return `at.string(v, &contract::Text::ANY${call('min', minLength || undefined)}${call('max', maxLength)}${this.document.isOurs && node['x-text'] === 'name' ? '.name()' : ''}${
      format === undefined ? '' : `.format(${literal(format)})`}${pattern === undefined ? '' : `.pattern(contract::pattern!(${literal(pattern)}))`})`;
  }

  /** The rule of an array's items. */
  items(shape) {
    const node = shape.native ? shape.node ?? {} : {};
    const unique = ['integer', 'number'].includes(shape.items?.kind) ? '.unique_numbers()' : '.unique()';
    return `contract::Items::ANY${call('min', node.minItems || undefined)}${call('max', node.maxItems)}${node.uniqueItems ? unique : ''}`;
  }

  /** How many members an object may have. */
  bounds = ({ minProperties, maxProperties }) => `contract::Bounds::ANY${call('min', minProperties || undefined)}${call('max', maxProperties)}`;

  // Integers of 64 bits as such, any other number by its digits.
  #range(type, node) {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = node;
    const given = [
      [exclusiveMinimum === true ? 'above' : 'min', minimum], ['above', exclusiveMinimum], [exclusiveMaximum === true ? 'below' : 'max', maximum], ['below', exclusiveMaximum],
      ['step', multipleOf]].filter(([, value]) => typeof value === 'number' || isRaw(value));
    const isPlain = (value) => type.startsWith('Integer') && Number.isSafeInteger(value);
    const calls = given.map(([name, value]) => (isPlain(value) ? `.${name}(${value})` : `.${name}${type.startsWith('Integer') ? '_exact' : ''}(${literal(textOf(value))})`));
    const rule = `&contract::${type}${calls.join('')}`;
    return given.every(([, value]) => isPlain(value)) ? rule : `const { ${rule} }`;
  }

  /** A default as JSON text for a rule; nothing when there is none that the schema lets through. */
  fallback(shape, nodes) {
    const node = nodes.find((one) => 'default' in one);
    if (!node) return undefined;
    const value = node.default;
    const isFitting = value === null ? shape.isNullable : {
      string: typeof value === 'string', boolean: typeof value === 'boolean',
      integer: Number.isInteger(value) && (shape.width !== 'i32' || value === (value | 0)) && isKept(value, nodes), number: typeof value === 'number' && isKept(value, nodes),
      enum: typeof value === 'string' && shape.kind === 'enum' && nodes.some((one) => (listed(this.document, one) ?? []).includes(value)),
      array: Array.isArray(value) && value.length === 0 && !node.minItems,
    }[shape.kind] === true;
    return isFitting && (this.document.isOurs || shape.kind !== 'string' || isPlain(shape)) ? literal(JSON.stringify(value)) : undefined;
  }
}

// What breaks its own schema would be refused for every request without it.
const isKept = (value, nodes) => nodes.every(({ minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step, enum: list, const: only }) => {
  const holds = (limit, isWithin) => limit === undefined || typeof limit === 'boolean' || isWithin(Number(textOf(limit)));
  return holds(minimum, (limit) => (above === true ? value > limit : value >= limit)) && holds(maximum, (limit) => (below === true ? value < limit : value <= limit))
    && holds(above, (limit) => value > limit) && holds(below, (limit) => value < limit) && holds(step, (limit) => Number.isInteger(value / limit))
    && (!Array.isArray(list) || list.includes(value)) && (only === undefined || only === value);
});
// Of a string with limits it is not known here whether it keeps them.
const isPlain = ({ typed, native, node = {} }) => !typed && native && !['minLength', 'maxLength', 'pattern', 'format'].some((key) => key in node);
const call = (name, value) => (value === undefined ? '' : `.${name}(${value})`);
const textOf = (number) => String(isRaw(number) ? number.rawJSON : number);
