// Which branch of a union an object is, by the value of one of its members: a discriminator, or a property that has another value in each branch.
import { child, unescape } from '../../compile/document.mjs';

/** `{property, values: [[value, index]]}`, or nothing. */
export function tagOf(model, { document, models }) {
  if (model.byKind) return undefined;
  const structs = model.branches.map(({ shape }) => (shape.kind === 'struct' ? models.get(shape.model) : undefined));
  if (structs.filter(Boolean).length < 2) return undefined;
  return declared(model, document) ?? found(structs);
}

function declared(model, document) {
  const node = document.schema(model.place);
  const { propertyName: property, mapping = {} } = node.discriminator ?? {};
  if (typeof property !== 'string') return undefined;
  const pointers = model.branches.map(({ place }) => {
    const reference = place?.node?.$ref;
    return typeof reference === 'string' ? document.target(reference).pointer : place?.pointer;
  });
  const indexOf = (target) => pointers.indexOf(/[/#]/.test(target) ? document.target(target.startsWith('#') ? target : `#${target}`).pointer : child({ pointer: '/components/schemas' }, target).pointer);
  const values = Object.entries(mapping).filter(([, target]) => typeof target === 'string').map(([value, target]) => [value, indexOf(target)]).filter(([, index]) => index >= 0);
  pointers.forEach((pointer, index) => {
    const [, name] = /^\/components\/schemas\/([^/]+)$/.exec(pointer ?? '') ?? [];
    if (name && !values.some(([value, known]) => known === index || value === name)) values.push([unescape(name), index]);
  });
  return values.length ? { property, values } : undefined;

}

// A required property of every branch with values that no other has.
function found(structs) {
  if (!structs.every(Boolean)) return undefined;
  for (const { name, isRequired } of structs[0].fields) {
    if (!isRequired) continue;
    const lists = structs.map((struct) => struct.fields.find((field) => field.name === name && field.isRequired)).map((field) => valuesOf(field));
    const all = lists.flat();
    if (lists.every((list) => list?.length) && new Set(all).size === all.length) return { property: name, values: lists.flatMap((list, index) => list.map((value) => [value, index])) };
  }
  return undefined;
}

function valuesOf(field) {
  const node = field?.nodes.find((one) => typeof one.const === 'string' || Array.isArray(one.enum));
  if (!node) return undefined;
  const list = 'const' in node ? [node.const] : node.enum;
  return list.every((value) => typeof value === 'string') ? list : undefined;
}
