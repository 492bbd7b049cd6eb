// How a request is written by whoever sends it: clients, and a service that sends webhooks and callbacks.
import { isJsonField, partShape } from './bodies.mjs';
import { isRange } from './media.mjs';
import { isSentAsJson } from './parameters.mjs';

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
export function writtenBody({ media, kind, shape, isForm, isBytes, place }, { shapes, names, forms, hint }) {
  const base = { media, isRange: isRange(media) };
  if (isForm && shapes.models.get(shape.model)?.fields) {
    const form = formOf(shapes.models.get(shape.model), names.take(`${hint}Form`));
    forms.push(form);
    form.parts = form.fields.map((field) => partOf(field, place, true));
    return { ...base, kind, shape: { kind: 'struct', model: form.name, isNullable: false }, isParts: true, fields: form.parts };
  }
  if (isBytes) return { ...base, kind: 'bytes', shape: { kind: 'bytes', isNullable: false } };
  const given = shape ?? ANY;
  if (kind === 'form' || kind === 'multipart') {
    const fields = (shapes.models.get(given.model)?.fields ?? []).map((field) => partOf(field, place, kind === 'multipart'));
    return { ...base, kind, shape: given, fields: fields.filter((field) => kind === 'multipart' || !isPlainField(field)) };
  }
  return { ...base, kind: ['rows', 'text'].includes(kind) ? kind : 'json', shape: kind === 'text' && given.kind === 'any' ? TEXT : given };
}

const isPlainField = ({ style, explode, isJson }) => style === 'form' && explode && !isJson;

// A struct of its own, as files are in no other.
function formOf(model, name) {
  const fields = model.fields.map((field) => {
    const { isList, isFile } = partShape(field);
    return isFile ? { ...field, shape: isList ? { kind: 'array', items: FILE, isNullable: false } : FILE } : { ...field };
  });
  return { ...model, name, fields, isForm: true };
}

/** How a field of a form is written: as text, as JSON, or as a file; in a style of parameters where an encoding says so. */
function partOf(field, place, isMultipart) {
  const { name } = field;
  const encoding = place.node.encoding?.[name] ?? {};
  const { isList, inner, isJson: isJsonPart } = partShape(field, encoding);
  const isJson = isMultipart ? isJsonPart : isJsonField(field, encoding);
  const style = encoding.style ?? 'form';
  const media = encoding.contentType && !/[*,]/.test(encoding.contentType) ? encoding.contentType : undefined;
  return { name, style, explode: encoding.explode ?? style === 'form', isJson, isFile: inner.kind === 'file', isList, media };
}
