// Bodies of several parts (`multipart/form-data`) as Rust: what each part is, the struct of them, and the calls that decode it.
import { isAnnotation, isObject } from './document.mjs';
import { classOf, isJson } from './media.mjs';
import { Names, docLine, identifier, literal, snake } from './rust.mjs';

const COMPOUND = ['struct', 'map', 'array', 'any', 'newtype'];
const BOUNDED = ['minProperties', 'maxProperties'];

export const encodingOf = ({ name }, place) => place.node.encoding?.[name];

// Octets: as OpenAPI 3.0 says it, and as 3.1 does.
const isBinary = (node) => isObject(node) && (node.format === 'binary' || ('contentMediaType' in node && !node.contentEncoding));

const isCompound = ({ kind, model }, models) => COMPOUND.includes(kind) || (kind === 'union' && models.get(model).branches.some(({ shape }) => isCompound(shape, models)));

/**
 * What a field of the form is: `inner` is the shape of a part, of which a list has several; in a file, as JSON or as text. `most` is the shape with the
 * limits of a list; `isMixed`, that it is a file or something else.
 */
export function partShape({ shape, nodes }, encoding, { document, models }) {
  const union = models.get(shape.model);
  if (union?.kind === 'union') {
    const files = union.branches.map(({ shape: one }) => (isBinary(one.node) ? one : one.kind === 'array' && isBinary(one.items?.node) ? one : undefined));
    // One file or several.
    if (files.every(Boolean)) return { isList: true, inner: { kind: 'string', node: files.map((one) => one.items?.node ?? one.node)[0] }, isFile: true, isJson: false, most: files.find(({ kind }) => kind === 'array') };
    if (files.some(Boolean)) return { isList: false, inner: shape, isFile: false, isJson: false, isMixed: true };
  }
  const isList = shape.kind === 'array';
  const inner = isList ? shape.items ?? { kind: 'any', isNullable: false } : shape;
  const said = [inner.node, ...(isList ? nodes.map((node) => node.items) : nodes)].filter(isObject);
  const branches = said.flatMap((node) => [...(node.oneOf ?? []), ...(node.anyOf ?? [])]).map((node) => document.resolve({ node, pointer: '' }).node).filter(({ type } = {}) => type !== 'null');
  const isMixed = inner.kind === 'string' && branches.some(isBinary) && !branches.every(isBinary);
  const media = mediaOf(encoding);
  const isFile = !isMixed && (isOctets(inner, said, branches, document) || isWrittenAsFile(inner, said, media));
  const isText = inner.kind === 'any' && media.length > 0 && media.every((one) => classOf(one) === 'text');
  return { isList, inner, isFile, isMixed, isJson: !isFile && (media.some(isJson) || (isCompound(inner, models) && !isText)), most: isList ? shape : undefined };
}

const mediaOf = (encoding) => (encoding?.contentType ?? '').split(',').map((one) => one.trim()).filter(Boolean);

// What has no type is octets by default (OpenAPI 3.1, Encoding Object).
const isOctets = ({ kind }, said, branches, { is30 }) => (kind === 'string' && [...said, ...branches].some(isBinary))
  || (kind === 'any' && !is30 && said.length > 0 && said.every((node) => Object.keys(node).every(isAnnotation)));

// What is in a notation that no schema describes is left to the handler.
function isWrittenAsFile({ kind, typed }, said, media) {
  if (!media.length) return false;
  if (kind === 'string') return !typed && !said.some((node) => node.contentEncoding) && media.every((one) => classOf(one) === 'bytes');
  if (kind === 'any') return media.every((one) => !isJson(one) && classOf(one) !== 'text');
  return COMPOUND.includes(kind) && !media.some(isJson);
}

/** Of `Media`: its parts, as the runtime tells them apart. */
export const partsText = (fields, place, within) => `.parts(&[${fields.map((field) => partText(field, place, within)).join(', ')}])`;

function partText(field, place, within) {
  const encoding = encodingOf(field, place);
  const { isList, inner, isFile, isJson: isJsonPart } = partShape(field, encoding, within);
  const repeated = isList ? '.repeated()' : '';
  if (!isFile) return `contract::Part::${isJsonPart ? 'json' : 'text'}(${literal(field.name)})${repeated}`;
  const media = mediaOf(encoding ?? { contentType: inner.node?.contentMediaType });
  const { minLength = 0, maxLength } = inner.kind === 'string' ? inner.node ?? {} : {};
  const sized = minLength || maxLength !== undefined ? `.sized(${minLength}, ${maxLength === undefined ? 'None' : `Some(${maxLength})`})` : '';
  return `contract::Part::file(${literal(field.name)})${media.length ? `.media(&[${media.map(literal).join(', ')}])` : ''}${sized}${repeated}`;
}

// The schema that the form as a whole is held against, where the calls for its parts do not say all.
function wholeOf(shape, model) {
  if (shape.wraps && !shape.native) return shape.place;
  return model.native && !BOUNDED.some((key) => key in (model.node ?? {})) ? undefined : model.place;
}

/** What of a form cannot be served: `{name, why}` each. */
export function formFaults(shape, place, within) {
  const model = within.models.get(shape.model);
  const isFile = (field) => partShape(field, encodingOf(field, place), within).isFile;
  if (model?.kind === 'union' && model.branches.some(({ shape: one }) => (within.models.get(one.model)?.fields ?? []).some(isFile))) {
    return [{ name: 'schema', why: 'alternatives of forms that have files are not told apart; properties of one object that are not required, and `oneOf` with `required` beside them, are' }];
  }
  const values = [shape.values, model?.values?.kind && model.values].filter(Boolean);
  const maps = values.some((one) => isBinary(one.node) || isBinary(one.items?.node)) ? [{ name: 'additionalProperties', why: 'files have names of their own; each is a property' }] : [];
  return [...maps, ...(model?.fields ?? []).flatMap((field) => {
    const { isMixed, isFile: isOfFile, inner } = partShape(field, encodingOf(field, place), within);
    if (isMixed) return [{ name: field.name, why: 'a part is a file or something else, not either' }];
    if (isOfFile && !['string', 'any'].includes(inner.kind) && wholeOf(shape, model)) return [{ name: field.name, why: 'what is in a notation other than JSON is not held against a schema' }];
    return [];
  })];
}

/** The fields of a struct of parts: their names, and what is said of them. */
export function partFields(fields) {
  const names = new Names(['additional_properties']);
  return fields.map((field) => {
    const plain = names.take(snake(field.name, 'field'), '_');
    return { name: identifier(plain), local: plain, doc: docLine(field.nodes.map(({ description }) => description).find(Boolean)) || `\`${docLine(field.name)}\`` };
  });
}

/** The struct of the parts, as files are in no other message. */
export function multipart({ shape, place }, { optional, render, hint, types, within }) {
  const model = within.models.get(shape.model);
  if (!model?.fields) {
    // A map of parts: their values as text.
    return { type: render.type(shape), decode: `input.${optional}body(|v, at| ${render.rule(shape)})`, structs: [] };
  }
  const name = types.take(`${hint}Form`);
  const fields = partFields(model.fields).map((base, index) => ({ ...base, ...taken(model.fields[index], partShape(model.fields[index], encodingOf(model.fields[index], place), within), render) }));
  const values = model.values?.kind && model.values;
  const rest = values ? `std::collections::BTreeMap<String, ${render.type(values)}>` : 'serde_json::Map<String, serde_json::Value>';
  const lines = fields.map(({ local, decode }) => `let f_${local} = form.${decode};\n`).join('');
  const end = model.isClosed ? 'form.close(at);\n' : `let additional_properties = form.${values ? `rest_as(at, |v, at| ${render.rule(values)})` : 'rest(at)'};\n`;
  const made = `${fields.map(({ name: field, local }) => `${field}: f_${local}?, `).join('')}${model.isClosed ? '' : 'additional_properties: additional_properties?, '}`;
  const whole = wholeOf(shape, model);
  return {
    type: name, decode: `input.${optional}${whole ? `checked_form(${render.schema(whole)}, ` : 'form('}|mut form, at| {\n${lines}${end}Some(${name} { ${made}})\n})`,
    structs: [{ name, doc: 'The parts of `multipart/form-data`.', fields, isOpen: !model.isClosed, rest }] };
}

// The type of a field, and the call that takes it out of the form.
function taken(field, { isList, isFile, most }, render) {
  // What is only read is not sent.
  const isRequired = field.isRequired && !field.isReadOnly;
  const option = (type) => (isRequired ? type : `Option<${type}>`);
  const optional = isRequired ? '' : 'optional_';
  if (isFile && isList) return { type: option('Vec<contract::File>'), decode: `${optional}files(at, ${literal(field.name)}, &${render.items(most ?? {})})` };
  if (isFile) return { type: option('contract::File'), decode: `${optional}file(at, ${literal(field.name)})` };
  const fallback = isRequired ? undefined : render.fallback(field.shape, field.nodes);
  const type = render.type(field.shape);
  return { type: fallback === undefined ? option(type) : type, decode: render.taken(field.shape, { from: ['at', literal(field.name)], isRequired, fallback }) };
}
