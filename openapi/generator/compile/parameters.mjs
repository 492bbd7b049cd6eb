// Parameters of an operation as Rust: where they are read, how they are written, and what they decode to.
import { child, isObject } from './document.mjs';
import { isJson } from './media.mjs';
import { camel, docLine, identifier, literal, snake } from './rust.mjs';

const PLACES = ['path', 'query', 'header', 'cookie'];
// Headers that are described elsewhere in a document (OpenAPI 3.0, Parameter Object).
const NOT_PARAMETERS = ['accept', 'content-type', 'authorization'];
const STYLES = { label: 'label', matrix: 'matrix', spaceDelimited: 'space_delimited', pipeDelimited: 'pipe_delimited', deepObject: 'deep_object' };

/** The schema of a parameter or header, which may be that of its only media type. */
export function schemaOf(place) {
  const [media] = Object.keys(place.node.content ?? {});
  return media ? child(place, 'content', media, 'schema') : child(place, 'schema');
}

/** Whether a parameter is sent as JSON. */
export const isSentAsJson = ({ node }) => Object.keys(node.content ?? {}).some(isJson);

/** How the runtime takes values apart: `.array()`, `.object(&["r", "g"])`. `models` has the fields of structs. */
export function takenApart(shape, models, isJsonValue) {
  if (isJsonValue) return '.json()';
  if (shape.kind === 'array') return '.array()';
  const model = models.get(shape.model);
  const objects = objectsOf(shape, models);
  const names = [...new Set(objects.flatMap(({ fields = [] } = {}) => fields.map(({ name }) => literal(name))))];
  if (objects.every(Boolean)) return `.object(&[${names.join(', ')}])${objects.every(({ isClosed }) => isClosed) ? '' : '.open()'}`;
  // What is an object or something else does not take names that no alternative has.
  if (names.length) return `.object(&[${names.join(', ')}]).or_single()`;
  const isCompound = (one) => ['array', 'map', 'any', 'struct', 'union'].includes(one.kind);
  if (model?.kind === 'union') return model.branches.some(({ shape: one }) => isCompound(one)) ? '.any()' : '';
  return shape.kind === 'any' ? '.any()' : '';
}

// What may be meant by a shape: a struct, a map (`{}`), of a union one for each alternative; nothing for what is no object.
function objectsOf(shape, models, seen = []) {
  if (shape.kind === 'map') return [{}];
  const model = models.get(shape.model);
  if (seen.includes(model)) return [];
  if (model?.kind === 'union') return model.branches.flatMap((branch) => objectsOf(branch.shape, models, [...seen, model]));
  return [model?.kind === 'struct' ? model : undefined];
}

/** `Parameter::query("tags").array()`, without what is the default of its place. */
export function parameterText({ name, in: place, style, explode, allowEmptyValue }, apart) {
  const byDefault = place === 'query' || place === 'cookie' ? 'form' : 'simple';
  const is = style ?? byDefault;
  const isExploded = explode ?? is === 'form';
  const styled = STYLES[is] ? `.${STYLES[is]}()` : '';
  const matters = apart && apart !== '.json()' && is !== 'deepObject';
  const exploded = matters && isExploded !== (byDefault === 'form') ? `.exploded(${isExploded})` : '';
  // The remaining names are taken last.
  const [shape, open] = apart.endsWith('.open()') ? [apart.slice(0, -'.open()'.length), '.open()'] : [apart, ''];
  return `Parameter::${place}(${literal(name)})${shape}${styled}${exploded}${allowEmptyValue ? '.allow_empty()' : ''}${open}`;
}

/** Data for the template, in the order of path, query, header, cookie. */
export function parametersOf(places, { shapes, render, names, hint }) {
  const known = places.filter(({ node }) => isObject(node) && PLACES.includes(node.in) && !(node.in === 'header' && NOT_PARAMETERS.includes(node.name.toLowerCase())));
  const sorted = PLACES.flatMap((one) => known.filter(({ node }) => node.in === one));
  return sorted.map((place) => {
    const { node } = place;
    const shape = shapes.of(schemaOf(place), `${hint}${camel(node.name, 'Parameter')}`);
    const plain = names.take(snake(node.name, 'parameter'), '_');
    const isRequired = node.in === 'path' || node.required === true;
    const isKey = node.name === 'Idempotency-Key';
    const nodes = [schemaOf(place).node, shape.node, shape.place?.node].filter(isObject);
    const fallback = isRequired || isKey ? undefined : render.fallback(shape, nodes);
    return {
      place, shape, node, plain, fallback, isRequired, isKey, name: identifier(plain), doc: docLine(node.description) || `\`${docLine(node.name)}\``,
      isOpen: () => takenApart(shape, shapes.models, isSentAsJson(place)).endsWith('.open()'),
      text: () => parameterText(node, takenApart(shape, shapes.models, isSentAsJson(place))) };
  });
}

/** The field of the struct of parameters, and the call that fills it. */
export function parameterData(one, render) {
  const type = one.isKey ? 'contract::IdempotencyKey' : render.type(one.shape);
  const isOptional = !one.isRequired && one.fallback === undefined;
  const call = one.isKey ? `${isOptional ? 'optional_' : ''}idempotency_key(|v, at| ${render.rule(one.shape)})` : render.taken(one.shape, { ...one, from: [`&${one.text()}`] });
  return { name: one.name, local: one.plain, doc: one.doc, type: isOptional && !one.isKey ? `Option<${type}>` : type, decode: call };
}
