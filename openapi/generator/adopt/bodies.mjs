// Bodies of requests and responses.
import { fits } from './examples.mjs';
import { prose } from './prose.mjs';
import { below } from './source.mjs';

const FORM = 'application/x-www-form-urlencoded';
const SCALARS = ['string', 'integer', 'number', 'boolean'];
const TEXTS = ['text/csv', 'text/plain', 'text/event-stream'];
const LEAVE = 'Leave the operation out: --without OPERATION';
const mediaOf = (type) => type.split(';')[0].trim().toLowerCase();
const isJson = (type) => ['application/json', '*/*', 'application/*'].includes(mediaOf(type)) || /^application\/[^ ]*\+json$/.test(mediaOf(type));

/** The body of an operation's request in the new document, or nothing. */
export function requestBody(one, { source, report, schemas }) {
  if (!one.operation.requestBody) return undefined;
  const found = source.resolve(one.operation.requestBody, below(one.pointer, 'requestBody'), report);
  if (!found) return undefined;
  if (!['post', 'put', 'patch'].includes(one.method)) return report.note(found.pointer, `The body of a ${one.method.toUpperCase()} is not read`);
  const types = Object.keys(found.node.content ?? {});
  const wanted = one.method === 'patch' ? types.find((type) => mediaOf(type) === 'application/merge-patch+json') : undefined;
  const chosen = types.find((type) => mediaOf(type) === 'application/json') ?? wanted ?? types.find(isJson) ?? types.find((type) => mediaOf(type) === FORM);
  if (!chosen) return report.refuse(found.pointer, `a body of type ${types.join(', ') || '(none)'}`, 'JSON and URL-encoded forms are read', LEAVE);
  tellOthers(types, chosen, found.pointer, report);
  const pointer = below(found.pointer, 'content', chosen, 'schema');
  const media = found.node.content[chosen];
  const isForm = mediaOf(chosen) === FORM;
  const schema = schemas.convert(media.schema ?? {}, pointer, { use: isForm ? 'form' : 'body', isSent: true, hint: `${one.id} body` });
  if (!schema) return undefined;
  delete schema.nullable;
  if (isForm && !isPlainForm(schema, schemas.components)) return report.refuse(pointer, 'a form', 'its fields are scalars and lists of scalars', LEAVE);
  const isObject = schema.$ref && schemas.components[schema.$ref.split('/').pop()].type === 'object';
  const isPatch = wanted === chosen && isObject;
  const type = isForm ? FORM : isPatch ? 'application/merge-patch+json' : 'application/json';
  return { required: Boolean(found.node.required), content: { [type]: { schema, ...exampleOf(media, schema, schemas, source) } } };
}

function tellOthers(types, chosen, pointer, report) {
  const others = types.filter((type) => type !== chosen).map(mediaOf);
  if (others.length) report.note(pointer, `Of several types of a body JSON is kept; left out: ${others.join(', ')}`);
  if (isJson(chosen) && mediaOf(chosen) !== 'application/json') report.note(pointer, `\`${mediaOf(chosen)}\` is \`application/json\` here`);
}

function isPlainForm(schema, components) {
  const form = schema.$ref && components[schema.$ref.split('/').pop()];
  const isScalar = (one) => !one.nullable && !one.allOf && (SCALARS.includes(one.type) || Boolean(one.$ref && components[one.$ref.split('/').pop()].enum));
  return Boolean(form?.properties) && Object.values(form.properties).every((one) => isScalar(one.type === 'array' ? one.items : one));
}

/** `content` of a success, or nothing where it has none. */
export function answerContent(one, status, { node, pointer }, { source, report, schemas }) {
  const types = Object.keys(node.content ?? {});
  if (!types.length) return undefined;
  if (['204', '205'].includes(status) || status.startsWith('3')) return report.note(pointer, `A ${status} has no body`);
  const jsons = types.filter(isJson);
  const chosen = jsons.find((type) => mediaOf(type) === 'application/json') ?? jsons[0] ?? types.find((type) => TEXTS.includes(mediaOf(type)))
    ?? types.find((type) => mediaOf(type) === 'application/octet-stream');
  if (!chosen) return report.refuse(pointer, `an answer of type ${types.join(', ')}`, 'JSON, text/plain, text/csv, text/event-stream and application/octet-stream are written', LEAVE);
  tellOthers(types, chosen, pointer, report);
  const media = node.content[chosen];
  if (!isJson(chosen)) {
    const binary = mediaOf(chosen) === 'application/octet-stream';
    return { [mediaOf(chosen)]: { schema: { type: 'string', ...(binary && { format: 'binary' }) } } };
  }
  const inner = below(pointer, 'content', chosen, 'schema');
  if (!media.schema) report.note(below(pointer, 'content', chosen), 'Answers without a schema are any JSON');
  const schema = schemas.convert(media.schema ?? {}, inner, { use: 'answer', isSent: false, hint: `${one.id} answer` });
  if (!schema) return undefined;
  delete schema.nullable;
  return { 'application/json': { schema, ...exampleOf(media, schema, schemas, source) } };
}

function exampleOf(media, schema, schemas, source) {
  const [first] = Object.values(media.examples ?? {});
  const example = media.example ?? (first?.$ref ? source.find(first.$ref)?.node : first)?.value;
  return example !== undefined && example !== null && fits(example, schema, schemas.components) ? { example } : {};
}

/** `headers` of a success: those that a handler can set. */
export function answerHeaders(one, { node, pointer }, { source, report, schemas }) {
  const made = {};
  for (const [name, given] of Object.entries(node.headers ?? {})) {
    const at = below(pointer, 'headers', name);
    const header = source.resolve(given, at, report);
    if (!header || /^(content-type|idempotent-replayed|etag|link|transfer-encoding|content-length|connection)$/i.test(name)) continue;
    const schema = header.node.schema && schemas.convert(header.node.schema, below(header.pointer, 'schema'), { use: 'header', isSent: false, hint: `${one.id} ${name}` });
    const isScalar = SCALARS.includes(schema?.type) || Boolean(schema?.$ref && schemas.components[schema.$ref.split('/').pop()].enum);
    if (!isScalar || !/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) {
      report.note(at, `The header \`${name}\` of answers is left out: it is no scalar`);
      continue;
    }
    // Header names are case-insensitive.
    const written = name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
    made[written] = { description: prose(header.node.description) || `${name}.`, ...(header.node.required && { required: true }), schema };
  }
  return Object.keys(made).length ? made : undefined;
}
