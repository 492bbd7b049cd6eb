// The Rust client of a service whose document was written elsewhere: its models have the types and names of the server's, and are written by serde.
import { Models } from '../../compile/models.mjs';
import { Render } from '../../compile/render.mjs';
import { identifier, literal, snake, Names } from '../../compile/rust.mjs';
import { partText } from '../../compile/written.mjs';
import { loops, prose } from './service.mjs';
import { operations } from './rust-operations.mjs';
import { comment, deprecation, HEADER, LINTS } from './rust-text.mjs';

/** The files of a service: `{name: text}`. */
export function rust(service, { title }) {
  const render = Object.assign(new Render({ isOurs: false }), { boxed: service.boxed });
  const types = {
    /** `owner` is the model whose field it is. */
    of(shape, owner) {
      if (shape.kind === 'file') return 'crate::File';
      if (shape.kind === 'bytes') return 'Vec<u8>';
      if (shape.kind === 'array' && shape.items?.kind === 'file') return shape.isNullable ? 'Option<Vec<crate::File>>' : 'Vec<crate::File>';
      return render.type(shape, owner);
    },
  };
  const models = new Models({ document: undefined, models: service.byName, render: { ...render, rule: () => '', schema: () => '', type: types.of }, sent: new Set(), answered: new Set() });
  return {
    'mod.rs': `${HEADER}//! ${prose(title).join(' ')}\n\nmod api;\npub mod models;\n\npub use api::*;\n`,
    'models.rs': `${HEADER}${LINTS}\nuse super::models;\n${service.models.map((model) => modelText(model, { models, types, service })).join('')}`,
    'api.rs': operations(service, { title, types }),
  };
}

function modelText(model, given) {
  const doc = comment(prose(model.description));
  return `\n${doc}${{ enum: enumText, union: unionText, newtype: newtypeText, struct: structText }[model.kind](model, given)}`;
}

function enumText(model, { models }) {
  const { values } = models.enum(model);
  const text = values.map((value) => `Self::${value.name} => ${value.literal},\n`).join('');
  return `#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, serde::Serialize, serde::Deserialize)]
pub enum ${model.name} {
${values.map((value) => `#[serde(rename = ${value.literal})]\n${identifier(value.name)},\n`).join('')}}

impl std::fmt::Display for ${model.name} {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {\n${text}})
    }
}
`;
}

const newtypeText = (model, { types, service }) => `#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ${model.name}(pub ${loops(model, service.byName) ? 'serde_json::Value' : types.of(model.inner)});
`;

function unionText(model, { models, service }) {
  const { branches } = models.union(model);
  const shapes = model.branches.map(({ shape }) => shape);
  const variants = branches.map(({ name, type }) => `${name}(${type}),\n`);
  const structs = shapes.map((shape) => (shape.kind === 'struct' ? service.byName.get(shape.model) : undefined));
  const { tag } = model;
  const members = structs.map((struct, index) => {
    const values = (tag?.values ?? []).filter(([, at]) => at === index).map(([value]) => literal(value));
    return `(&[${values.join(', ')}], &[${(struct?.fields ?? []).map((field) => literal(field.name)).join(', ')}]),\n`;
  });
  // What is narrower is tried first: an integer is a number, too, and anything is any value.
  const order = shapes.map((shape, index) => [breadth(shape), index]).sort((one, other) => one[0] - other[0] || one[1] - other[1]).map(([, index]) => index);
  const tried = order.map((index, at) => `${at} => serde_json::from_value(value.clone()).map(Self::${branches[index].name}),\n`);
  return `#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum ${model.name} {
${variants.join('')}}

impl<'de> serde::Deserialize<'de> for ${model.name} {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
        let order = crate::call::closest(&value, ${literal(tag?.property ?? '')}, &[\n${order.map((index) => members[index]).join('')}]);
        let read = |branch| match branch {
${tried.slice(0, -1).join('')}_ => ${tried.at(-1).replace(/^\d+ => /, '')}};
        let found = order.into_iter().find_map(|branch| std::result::Result::ok(read(branch)));
        found.ok_or_else(|| serde::de::Error::custom(${literal(`no variant of ${model.name} fits`)}))
    }
}
`;
}

const BREADTH = { boolean: 0, integer: 0, number: 1, enum: 2, struct: 3, array: 4, newtype: 4, union: 4, map: 5, any: 6 };
const breadth = (shape) => (shape.kind === 'string' ? (shape.typed ? 1 : 3) : BREADTH[shape.kind] ?? 4);

function structText(model, { types }) {
  const names = new Names(model.isClosed ? [] : ['additional_properties']);
  const fields = model.fields.map((field) => {
    const plain = names.take(snake(field.name, 'field'), '_');
    const type = types.of(field.shape, model.name);
    // A list in a form cannot be null, but absent.
    const isDouble = field.isOptional && field.shape.isNullable && type.startsWith('Option<');
    return { ...field, plain: identifier(plain), inner: type, type: field.isOptional ? `Option<${type}>` : type, isDouble };
  });
  const values = model.values?.kind && !model.isForm ? `std::collections::BTreeMap<String, ${types.of(model.values)}>` : 'serde_json::Map<String, serde_json::Value>';
  const rest = model.isClosed ? '' : `${comment(['Members without names of their own.'])}${model.isForm ? '' : '#[serde(flatten)]\n'}pub additional_properties: ${values},\n`;
  const required = fields.filter(({ isOptional }) => !isOptional);
  const secrets = fields.some(({ isSecret }) => isSecret);
  const derives = ['Clone', ...(secrets ? [] : ['Debug']), 'PartialEq', ...(model.isForm ? [] : ['serde::Serialize', 'serde::Deserialize'])];
  return `#[derive(${derives.join(', ')})]
pub struct ${model.name} {
${fields.map((field) => `${comment([...prose(field.doc), ...deprecation(field)])}${model.isForm ? '' : serdeText(field)}pub ${field.plain}: ${field.type},\n`).join('')}${rest}}

impl ${model.name} {
    /// With what is required.
    pub fn new(${required.map(({ plain, type }) => `${plain}: ${type}`).join(', ')}) -> Self {
        Self { ${[...fields.map(({ plain, isOptional }) => (isOptional ? `${plain}: None` : plain)), ...(model.isClosed ? [] : ['additional_properties: Default::default()'])].join(', ')} }
    }
${model.isForm ? partsText(model, fields) : ''}}
${secrets ? debugText(model, fields) : ''}`;
}

function serdeText({ name, isOptional, isDouble }) {
  const said = [`rename = ${literal(name)}`, ...(isOptional ? ['default', ...(isDouble ? ['with = "::serde_with::rust::double_option"'] : []), 'skip_serializing_if = "Option::is_none"'] : [])];
  return `#[serde(${said.join(', ')})]\n`;
}

function partsText(model, fields) {
  const lines = fields.map((field) => {
    const { name, plain, isOptional, shape } = field;
    const part = model.parts?.find((one) => one.name === name) ?? {};
    const layers = [isOptional, shape.isNullable, shape.kind === 'array'].filter(Boolean).length;
    return `${partText(name, part, `self.${plain}`, layers)}\n`;
  });
  return `
    pub(crate) fn parts(&self) -> crate::multipart::Multipart {
        let mut form = crate::multipart::Multipart::default();
        ${lines.join('')}${model.isClosed ? '' : 'form.rest(&self.additional_properties);\n'}form
    }
`;
}

const debugText = (model, fields) => `
/// Without the secret fields.
impl std::fmt::Debug for ${model.name} {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(${literal(model.name)})
${fields.map(({ plain, isSecret }) => `.field(${literal(plain)}, ${isSecret ? '&"**********"' : `&self.${plain}`})\n`).join('')}.finish()
    }
}
`;
