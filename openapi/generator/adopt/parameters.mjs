// Parameters in path, query and headers.
import { fold, snake } from './names.mjs';
import { line, prose } from './prose.mjs';
import { below } from './source.mjs';

const SCALARS = ['string', 'integer', 'number', 'boolean'];
const RESERVED = ['accept', 'content-type', 'authorization', 'cookie', 'host'];
// Parameters of ours with a fixed meaning, which a foreign operation does not have.
const OURS = ['idempotency-key', 'if-none-match'];
const LEAVE = 'Leave the operation out: --without OPERATION';

/** The parameters of an operation in the new document. */
export function parametersOf(one, { source, report, schemas }) {
  const given = new Map();
  for (const [list, pointer] of [[one.item.parameters, one.itemPointer], [one.operation.parameters, one.pointer]]) {
    (list ?? []).forEach((node, at) => {
      const found = source.resolve(node, below(pointer, 'parameters', at), report);
      if (found) given.set(`${found.node.in} ${found.node.name}`, found);
    });
  }
  const inPath = Object.entries(one.renamed).map(([name, renamed]) => pathParameter(given.get(`path ${name}`), name, renamed, one, { report, schemas }));
  for (const { node, pointer } of given.values()) {
    if (node.in === 'path' && !(node.name in one.renamed)) report.note(pointer, 'Parameters in path that the path does not have are left out');
  }
  const others = [...given.values()].filter(({ node }) => node.in !== 'path').flatMap((found) => flattened(found, one, { source, report, schemas }));
  const made = [...inPath, ...others].filter(Boolean);
  const fields = new Map();
  for (const parameter of made) {
    const field = fold(parameter.name);
    if (fields.has(field)) {
      const both = [fields.get(field), parameter];
      const free = both.find((each) => each.in === 'path');
      if (free) rename(free, one);
      else report.refuse(one.pointer, `the parameters \`${both[0].name}\` and \`${parameter.name}\``, 'both become the same field', LEAVE);
    }
    fields.set(field, parameter);
  }
  return made;
}

// The name of a path parameter is not part of the wire format; it must be the same for all operations of the path.
function rename(parameter, one) {
  const name = `${parameter.name}_in_path`;
  one.path = one.path.replace(`{${parameter.name}}`, `{${name}}`);
  for (const [old, now] of Object.entries(one.renamed)) if (now === parameter.name) one.renamed[old] = name;
  parameter.name = name;
}

function pathParameter(found, name, renamed, one, { report, schemas }) {
  if (!found) report.note(one.pointer, 'Parameters of a path that are not declared are texts');
  const node = found?.node ?? { name, in: 'path', schema: { type: 'string' } };
  return written(node, found?.pointer ?? one.pointer, { name: renamed, in: 'path', required: true }, { report, schemas, hint: `${one.id} ${renamed}` });
}

// An exploded object in the query becomes one parameter per property.
function flattened({ node, pointer }, one, context) {
  const { source, report } = context;
  const isForm = node.in === 'query' && (node.style ?? 'form') === 'form' && node.explode !== false;
  const schema = node.schema && source.resolve(node.schema, below(pointer, 'schema'), report);
  if (!isForm || !schema?.node.properties) {
    const made = other(node, pointer, one, context);
    return made ? [made] : [];
  }
  return Object.entries(schema.node.properties).map(([name, property]) => {
    const required = Boolean(node.required) && (schema.node.required ?? []).includes(name);
    const single = { name, in: 'query', required, schema: property, description: property.description };
    return other(single, below(schema.pointer, 'properties', name), one, context);
  });
}

function other(node, pointer, one, { report, schemas }) {
  const lower = String(node.name).toLowerCase();
  const drop = (why) => {
    if (node.required && !RESERVED.includes(lower)) return report.refuse(pointer, `the required parameter \`${node.name}\` in ${node.in}`, why, LEAVE);
    return report.note(pointer, `The parameter \`${node.name}\` in ${node.in} is left out: ${why}`);
  };
  if (node.in === 'cookie') return drop('cookies are not read');
  if (node.in === 'header') {
    if (RESERVED.includes(lower)) return drop('the server reads it itself');
    if (OURS.includes(lower)) return drop('the service has its own way with it');
    const name = lower.split('-').map((part) => part.replace(/^./, (first) => first.toUpperCase())).join('-');
    if (!/^[A-Z][A-Za-z0-9]*(-[A-Z][A-Za-z0-9]*)*$/.test(name)) return drop('such headers do not get through the gateway');
    return written(node, pointer, { name, in: 'header', ...(node.required && { required: true }) }, { report, schemas, hint: `${one.id} ${snake(name)}` });
  }
  if (node.in !== 'query') return report.refuse(pointer, `a parameter in ${node.in}`, 'parameters are in path, query and header', LEAVE);
  return written(node, pointer, { name: node.name, in: 'query', ...(node.required && { required: true }) }, { report, schemas, hint: `${one.id} ${snake(node.name)}` });
}

function written(node, pointer, head, { report, schemas, hint }) {
  const refuse = (what, why) => report.refuse(pointer, what, why, `Write it as a scalar or a list, or l${LEAVE.slice(1)}`);
  if (head.in === 'query' && !/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(head.name)) return refuse(`the parameter \`${head.name}\``, 'its name has letters, digits and `_.-`');
  if (!node.schema && node.content) return refuse(`\`content\` of the parameter \`${node.name}\``, 'parameters have a schema');
  const plain = head.in === 'query' ? 'form' : 'simple';
  const use = { use: 'parameter', isSent: true, isRequired: Boolean(head.required), hint };
  const schema = schemas.convert(node.schema ?? { type: 'string' }, below(pointer, 'schema'), use);
  if (!schema) return undefined;
  const isList = schema.type === 'array';
  if (!isList && !schema.$ref && !SCALARS.includes(schema.type)) return refuse(`the parameter \`${node.name}\``, 'it is neither a scalar nor a list');
  const isObject = (one) => Boolean(one?.$ref) && schemas.components[one.$ref.split('/').pop()]?.type !== 'string';
  if (isObject(schema) || (isList && (isObject(schema.items) || (!schema.items.$ref && !SCALARS.includes(schema.items.type))))) {
    return refuse(`the parameter \`${node.name}\``, 'it holds objects or lists');
  }
  if (node.style && node.style !== plain && (isList || node.style === 'deepObject')) return refuse(`\`style: ${node.style}\` of the parameter \`${node.name}\``, `in ${head.in} it is \`${plain}\``);
  if (isList && head.in !== 'query') return refuse(`the list \`${node.name}\` in ${head.in}`, 'lists are read from the query only');
  if (['label', 'matrix'].includes(node.style)) return refuse(`\`style: ${node.style}\` of the parameter \`${node.name}\``, `in ${head.in} it is \`${plain}\``);
  if (node.allowEmptyValue) report.note(pointer, '`allowEmptyValue` is not read');
  delete schema.nullable;
  if (isList) delete schema.items.nullable;
  return {
    ...head,
    description: prose(node.description) || `${line(node.name)}.`,
    ...(isList && { explode: node.explode ?? true }),
    schema,
  };
}
