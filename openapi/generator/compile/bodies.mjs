// Bodies of requests as Rust: the media types that are read, the type a handler gets, and the calls that decode it.
import { child, isObject } from './document.mjs';
import { encodingOf, multipart, partsText } from './forms.mjs';
import { kindsOf } from './kinds.mjs';
import { classOf, isJson, variantOf } from './media.mjs';
import { parameterText, takenApart } from './parameters.mjs';
import { Names, literal } from './rust.mjs';

// What a text may spell.
const TEXTS = ['string', 'integer', 'number', 'boolean'];
// Larger binary bodies are handed over while they arrive.
const MOST_BYTES_IN_MEMORY = 1_048_576;

/** What a request body is: nothing, or `{all, isRequired, render}`: its media types, and what makes `{media, isRequired, type, decode, structs, variants}` for the template. */
export function bodyOf(place, { document, shapes, render, hint, limit, depth, rows }) {
  if (!isObject(place.node)) return undefined;
  const isRequired = place.node.required === true;
  const content = Object.keys(place.node.content ?? {});
  if (!content.length) return undefined;
  const one = (media) => mediaOf(child(place, 'content', media), media, { document, shapes, hint: `${hint}Body`, limit, rows });
  const all = content.map(one);
  const groups = [];
  for (const [index, media] of all.entries()) {
    const group = groups.find(({ key }) => key === media.key);
    if (group) group.indexes.push(index);
    else groups.push({ ...media, indexes: [index] });
  }
  return { all, isRequired, render: (types) => rendered({ all, groups, isRequired, render, hint, types, within: { document, models: shapes.models }, depth }) };
}

function mediaOf(place, media, { document, shapes, hint, limit, rows }) {
  const kind = classOf(media);
  const schema = child(place, 'schema');
  const base = { media, kind, place };
  if (rows) return { ...base, key: 'rows', shape: shapes.of(schema, hint) };
  if (kind === 'multipart' && schema.node) return { ...base, key: media, shape: shapes.of(schema, hint), isForm: true };
  const node = isObject(schema.node) ? document.resolve(schema).node ?? {} : {};
  // Of a notation that no schema describes the handler makes what it needs: `text/csv` is no list.
  const isTable = kind === 'text' && !document.isOurs && ['array', 'object'].some((one) => kindsOf(document, schema).has(one)) && !TEXTS.some((one) => kindsOf(document, schema).has(one));
  if (kind === 'bytes' || kind === 'xml' || isTable || (kind === 'text' && node.format === 'binary') || (kind === 'multipart' && !schema.node)) {
    return { ...base, key: 'bytes', isBytes: true, isStream: limit > MOST_BYTES_IN_MEMORY };
  }
  const said = shapes.of(schema.node === undefined ? { node: {}, pointer: '', isMerged: true } : schema, hint);
  // The schema of rows may be that of one.
  const shape = kind === 'rows' && !['array', 'any', 'union'].includes(said.kind) ? { kind: 'array', items: said, native: true, isNullable: false, place: said.place } : said;
  // The same value in several notations has one type.
  return { ...base, key: `${kind === 'text'} ${shape === said} ${shape.model ?? JSON.stringify(schema.node ?? null)}`, shape };
}

function rendered({ all, groups, isRequired, render, hint, types, within, depth }) {
  const parts = groups.map((group) => ({ ...group, ...decoderOf(group, { isRequired, render, hint, types, within }) }));
  const media = all.map((one) => `contract::Media::of(${literal(one.media)})${readBy(one, within)}${depth && one.kind === 'json' ? `.deep(${depth})` : ''}`);
  if (parts.length === 1) {
    const [{ type, decode, structs }] = parts;
    return { media, isRequired, type: isRequired ? type : `Option<${type}>`, decode, structs, variants: false };
  }
  const name = types.take(`${hint}Body`);
  const names = new Names(['Self']);
  const variants = parts.map((part) => ({ name: names.take(variantOf(part.media)), type: part.type, doc: `\`${part.indexes.map((index) => all[index].media).join('`, `')}\`` }));
  const arms = parts.map((part, index) => {
    const pattern = index === parts.length - 1 ? '_' : part.indexes.join(' | ');
    return `${pattern} => ${part.decode}${isRequired ? `.map(${name}::${variants[index].name})` : `.map(|body| body.map(${name}::${variants[index].name}))`},\n`;
  });
  const isComparable = parts.every(({ isForm, isBytes, isStream }) => !isForm && !(isBytes && isStream));
  return {
    media, isRequired, type: isRequired ? name : `Option<${name}>`, decode: `match input.media() {\n${arms.join('')}}`, structs: parts.flatMap(({ structs }) => structs),
    variants: { name, list: variants, derive: isComparable ? 'Debug, Clone, PartialEq' : 'Debug' } };
}

function decoderOf(group, { isRequired, render, hint, types, within }) {
  const optional = isRequired ? '' : 'optional_';
  if (group.isBytes) {
    const call = group.isStream ? 'stream' : 'bytes';
    return { type: group.isStream ? 'contract::BodyStream' : 'contract::Bytes', decode: `input.${optional}${call}()`, structs: [] };
  }
  if (group.isForm) return multipart(group, { optional, render, hint, types, within });
  if (group.key === 'rows') {
    const inner = group.shape.items;
    return { type: `contract::Rows<${render.type(inner)}>`, decode: `input.${optional}body(|v, at| at.rows(v, &${render.items(group.shape)}, |v, at| ${render.rule(inner)}))`, structs: [] };
  }
  return { type: render.type(group.shape), decode: `input.${optional}body(|v, at| ${render.rule(group.shape)})`, structs: [] };
}

/** How the runtime reads a media type, where its name does not say it. */
function readBy({ kind, isBytes, isStream, isForm, place, shape }, within) {
  if (isBytes) return isStream ? '.stream()' : kind === 'bytes' ? '' : '.bytes()';
  const fields = within.models.get(shape?.model)?.fields;
  if (isForm) return partsText(fields ?? [], place, within);
  if (kind !== 'form' || !fields) return '';
  const encoded = fields.map((field) => [field, encodingOf(field, place)]).filter(([field, encoding]) => encoding || isCompound(field.shape));
  if (!encoded.length) return '';
  const texts = encoded.map(([field, encoding = {}]) => {
    return parameterText({ name: field.name, in: 'query', ...encoding }, takenApart(field.shape, within.models, isJsonField(field, encoding)));
  });
  return `.fields(&[${texts.join(', ')}])`;
}

const isCompound = ({ kind, items }) => ['struct', 'map'].includes(kind) || (kind === 'array' && items && isCompound(items));

/** Whether a field of a form is JSON: as its encoding says, or by default (OpenAPI 3.0, Encoding Object). */
export const isJsonField = ({ shape }, { contentType, style }) => isJson(contentType ?? '') || (!style && isCompound(shape));
