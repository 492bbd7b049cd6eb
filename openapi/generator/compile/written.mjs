// How a request is written by whoever sends it: clients, and a service that sends webhooks and callbacks.
import { isJsonField } from './bodies.mjs';
import { encodingOf, partShape } from './forms.mjs';
import { isRange } from './media.mjs';
import { isSentAsJson } from './parameters.mjs';
import { literal } from './rust.mjs';

/** Of a file in a form: there is no such schema. */
export const FILE = { kind: 'file', isNullable: false };
export const TEXT = { kind: 'string', isNullable: false };
export const ANY = { kind: 'any', isNullable: false };

/** A parameter: its name on the wire, its place, and how it is written. */
export function writtenParameter({ node, plain, isRequired, shape }) {
  const isForm = ['query', 'cookie'].includes(node.in);
  const style = node.style ?? (isForm ? 'form' : 'simple');
  return {
    wire: node.name, in: node.in, plain, isRequired, shape, style, explode: node.explode ?? style === 'form', isJson: isSentAsJson({ node }),
    isReserved: node.allowReserved === true, doc: node.description, isDeprecated: node.deprecated === true };
}

/** `{media, kind, shape, fields}`: kind is json, rows, form, multipart, text or bytes; fields tell how those of forms are written. */
export function writtenBody({ media, kind, shape, isForm, isBytes, place }, { within, names, forms, hint }) {
  const base = { media, isRange: isRange(media) };
  if (isForm && within.models.get(shape.model)?.fields) {
    const form = formOf(within.models.get(shape.model), names.take(`${hint}Form`), place, within);
    forms.push(form);
    form.parts = form.fields.map((field) => partOf(field, place, true, within));
    return { ...base, kind, shape: { kind: 'struct', model: form.name, isNullable: false }, isParts: true, fields: form.parts };
  }
  if (isBytes) return { ...base, kind: 'bytes', shape: { kind: 'bytes', isNullable: false } };
  const given = shape ?? ANY;
  if (kind === 'form' || kind === 'multipart') {
    const fields = (within.models.get(given.model)?.fields ?? []).map((field) => partOf(field, place, kind === 'multipart', within));
    return { ...base, kind, shape: given, fields: fields.filter((field) => kind === 'multipart' || !isPlainField(field)) };
  }
  return { ...base, kind: ['rows', 'text'].includes(kind) ? kind : 'json', shape: kind === 'text' && given.kind === 'any' ? TEXT : given };
}

const isPlainField = ({ style, explode, isJson }) => style === 'form' && explode && !isJson;

// A struct of its own, as files are in no other.
function formOf(model, name, place, within) {
  const fields = model.fields.map((field) => {
    const { isList, isFile } = partShape(field, encodingOf(field, place), within);
    const sent = { ...field, isRequired: field.isRequired && !field.isReadOnly };
    return isFile ? { ...sent, shape: isList ? { kind: 'array', items: FILE, isNullable: false } : FILE } : sent;
  });
  return { ...model, name, fields, isForm: true };
}

/** How a field of a form is written: as text, as JSON, or as a file; in a style of parameters where an encoding says so. */
function partOf(field, place, isMultipart, within) {
  const { name } = field;
  const encoding = encodingOf(field, place) ?? {};
  const { isList, inner, isJson: isJsonPart } = partShape(field, encoding, within);
  const isJson = isMultipart ? isJsonPart : isJsonField(field, encoding);
  const style = encoding.style ?? 'form';
  const media = encoding.contentType && !/[*,]/.test(encoding.contentType) ? encoding.contentType : undefined;
  return { name, style, explode: encoding.explode ?? style === 'form', isJson, isFile: inner.kind === 'file', isList, media };
}

const STYLES = { simple: 'Simple', label: 'Label', matrix: 'Matrix', form: 'Form', spaceDelimited: 'SpaceDelimited', pipeDelimited: 'PipeDelimited', deepObject: 'DeepObject' };

/** How a value is written, in Rust: `Spelling::new(Style::Form, true)`, with `from` before the names of types. */
export const spellingText = ({ style, explode, isJson, isReserved }, from = '') => `${from}Spelling::new(${from}Style::${STYLES[style] ?? 'Form'}, ${explode})${isJson ? '.json()' : ''}${isReserved ? '.reserved()' : ''}`;

/** The fields of a form, in Rust: `fields` are `(name, spelling)` each. */
export const fieldsText = (fields, from) => `&[${fields.map((field) => `(${literal(field.name)}, ${spellingText(field, from)})`).join(', ')}]`;

/** The statement that adds a part to `form`. `at` is where its value is; files are below so many lists and options. */
export function partText(name, { isFile, isJson, media } = {}, at, layers) {
  const type = media ? `Some(${literal(media)})` : 'None';
  if (!isFile) return `form.field(${literal(name)}, &${at}, ${Boolean(isJson)}, ${type});`;
  if (layers === 0) return `form.file(${literal(name)}, &${at}, ${type});`;
  return `for file in ${at}.iter()${'.flatten()'.repeat(layers - 1)} {\nform.file(${literal(name)}, file, ${type});\n}`;
}
