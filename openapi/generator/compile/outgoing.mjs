// Requests that a service sends, its webhooks and callbacks, as data for the template: of each a struct, and the calls that write it.
import { child } from './document.mjs';
import { callbackParts } from './expressions.mjs';
import { partFields } from './forms.mjs';
import { variantOf } from './media.mjs';
import { operationOf } from './operations.mjs';
import { schemaOf } from './parameters.mjs';
import { Names, camel, docLine, identifier, literal, snake, typeNames } from './rust.mjs';
import { fieldsText, partText, spellingText, writtenBody, writtenParameter } from './written.mjs';

// What generated code calls.
const CONTRACT = 'contract::';

/** Every webhook and callback of the document, by a name of its own. */
export function outgoingOf(document, parts) {
  const all = document.outgoing();
  const names = new Names();
  return all.map((one) => {
    const isOnly = all.filter(({ name }) => name === one.name).length === 1;
    const id = names.take(snake(one.place.node.operationId || (isOnly ? one.name : `${one.name} ${one.method}`), 'request'), '_');
    return { ...operationOf(document, { ...one, id, served: '' }, parts), name: one.name, expression: one.expression };
  });
}

/** Data for the template. */
export function outgoingData(all, { document, render, shapes }) {
  const types = typeNames();
  ['Call', 'OutgoingRequest', 'models'].forEach((name) => types.take(name));
  return all.map((one) => {
    const name = types.take(camel(one.id));
    const names = new Names(['self', 'body', 'content_type', 'url', 'call']);
    const parameters = one.parameters.filter(({ node }) => node.in !== 'path').map((parameter) => ({ ...parameter, field: identifier(names.take(parameter.plain, '_')) }));
    const body = bodyData(one, { types, name, render, within: { document, models: shapes.models }, shapes });
    const lines = [...parameters.map((parameter) => parameterLine(parameter, render)), ...(body?.lines ?? [])];
    const kind = one.expression === undefined ? 'Webhook' : 'Callback';
    return {
      name, id: literal(one.id), method: literal(one.method), doc: [`${kind} \`${docLine(one.name)}\`.`, docLine(one.node.summary ?? one.node.description)].filter(Boolean).join(' '),
      fields: [...parameters.map((parameter) => parameterField(parameter, render)), ...(body?.fields ?? [])],
      structs: body?.structs ?? [], variants: body?.variants ?? false, lines, 'has-lines': lines.length > 0, url: urlOf(one.expression) };
  });
}

function urlOf(expression) {
  const parts = expression === undefined ? undefined : callbackParts(expression);
  if (!parts) return false;
  const names = new Names();
  const known = new Map();
  const text = parts.map((part) => {
    if (part.text !== undefined) return `contract::UrlPart::Text(${literal(part.text)})`;
    if (!known.has(part.argument)) known.set(part.argument, identifier(names.take(part.argument, '_')));
    return `contract::UrlPart::of_${part.from}(contract::Place::${camel(part.place)}, ${literal(part.name)}, ${known.get(part.argument)})`;
  });
  return { expression: docLine(expression), arguments: [...known.values()].map((name) => ({ name })), parts: text.join(', ') };
}

function parameterField({ field, node, shape, isRequired }, render) {
  const type = render.type({ ...shape, isNullable: false });
  return { name: field, doc: docLine(node.description) || `\`${docLine(node.name)}\``, type: isRequired ? type : `Option<${type}>` };
}

function parameterLine(parameter, render) {
  const written = writtenParameter(parameter);
  return `call.${written.in}(${literal(written.wire)}, &self.${parameter.field}, ${spellingText(written, CONTRACT)}, ${schemaText(schemaOf(parameter.place), render)});`;
}

const schemaText = (place, render) => (place?.node === undefined || place.isMerged ? 'None' : `Some(${render.schema(place)})`);

/** Of one media type the body is a field of its type; of several it is an enum. */
function bodyData(one, { types, name, render, within, shapes }) {
  if (!one.body) return undefined;
  const forms = [];
  const bodies = one.body.all.map((media) => ({ ...writtenBody(media, { within, names: types, forms, hint: name }), ...placesOf(media, shapes) }));
  const structs = forms.map((form) => formData(form, render));
  const typeOf = ({ kind, shape, isParts }) => (kind === 'bytes' ? 'contract::Bytes' : isParts ? shape.model : render.type(shape));
  const { isRequired } = one.body;
  const option = (type) => (isRequired ? type : `Option<${type}>`);
  const given = (inner) => (isRequired ? inner('&self.body') : [`if let Some(body) = &self.body {`, ...inner('body'), '}']);
  if (bodies.length === 1) {
    const [body] = bodies;
    const range = body.isRange ? [{ name: 'content_type', doc: 'The media type of the body.', type: 'String' }] : [];
    const media = body.isRange ? '&self.content_type' : literal(body.media);
    return {
      structs, fields: [...range, { name: 'body', doc: 'The body.', type: option(typeOf(body)) }],
      lines: given((value) => writeLines(body, { value, media, render, form: forms.find((form) => form.name === body.shape.model) })) };
  }
  const enumName = types.take(`${name}Body`);
  const variants = new Names(['Self']);
  const list = bodies.map((body) => ({ ...body, variant: variants.take(variantOf(body.media)), type: typeOf(body) }));
  const arms = list.flatMap((body) => [
    `${enumName}::${body.variant}(${body.isRange ? 'media, ' : ''}body) => {`,
    ...writeLines(body, { value: 'body', media: body.isRange ? 'media' : literal(body.media), render, form: forms.find((form) => form.name === body.shape.model) }), '}']);
  return {
    structs, fields: [{ name: 'body', doc: 'The body.', type: option(enumName) }],
    variants: { name: enumName, list: list.map(({ variant, media, isRange, type }) => ({ name: variant, doc: `\`${docLine(media)}\`${isRange ? ': its media type, and its content' : ''}`, type: `${isRange ? 'String, ' : ''}${type}` })) },
    lines: given((value) => [`match ${value} {`, ...arms, '}']) };
}

// Where the schema is that the whole body has to fit; a schema of rows may be that of one.
function placesOf({ kind, place, shape }, shapes) {
  const schema = child(place, 'schema');
  const isWhole = schema.node !== undefined && (kind !== 'rows' || shapes.of(schema, '') === shape) && (kind !== 'text' || shape?.kind === 'string');
  return { schema: isWhole ? schema : undefined };
}

function writeLines(body, { value, media, render, form }) {
  const { kind, schema, fields } = body;
  if (kind === 'bytes') return [`call.bytes(${value}, ${media});`];
  if (form) return multipartLines(form, value.replace(/^&/, ''), render);
  if (kind === 'multipart') return ['let mut form = contract::Multipart::default();', `form.rest(${value});`, 'call.multipart(form);'];
  const list = kind === 'form' ? `, ${fieldsText(fields, CONTRACT)}` : '';
  return [`call.${kind}(${value}, ${media}${list}, ${schemaText(schema, render)});`];
}

function formData(form, render) {
  const fields = partFields(form.fields).map(({ name, doc }, index) => {
    const [{ isFile, isList }, { shape, isRequired }] = [form.parts[index], form.fields[index]];
    const type = isFile ? (isList ? 'Vec<contract::OutgoingFile>' : 'contract::OutgoingFile') : render.type(shape);
    return { name, doc, type: isRequired ? type : `Option<${type}>` };
  });
  return { name: form.name, doc: 'The parts of `multipart/form-data`.', fields, isOpen: !form.isClosed };
}

function multipartLines(form, value, render) {
  const lines = partFields(form.fields).flatMap(({ name }, index) => {
    const [part, { name: wire, shape, isRequired }, at] = [form.parts[index], form.fields[index], `${value}.${name}`];
    const text = partText(wire, part, at, [!isRequired, part.isList].filter(Boolean).length);
    return part.isFile ? [text] : [`call.valid(&${at}, ${schemaText(shape.place, render)});`, text];
  });
  return ['let mut form = contract::Multipart::default();', ...lines, ...(form.isClosed ? [] : [`form.rest(&${value}.additional_properties);`]), 'call.multipart(form);'];
}
