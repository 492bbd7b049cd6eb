// The operations of a service in Rust.
import { variantOf } from '../../compile/media.mjs';
import { Names, identifier, literal, typeNames } from '../../compile/rust.mjs';
import { fieldsText, spellingText } from '../../compile/written.mjs';
import { comment, deprecation, HEADER, LINTS } from './rust-text.mjs';
import { freeName, prose } from './service.mjs';

const CARRIERS = { bearer: 'Bearer', basic: 'Basic', http: 'Http', header: 'Header', query: 'Query', cookie: 'Cookie' };
const REASONS = { 200: 'Ok', 201: 'Created', 202: 'Accepted', 203: 'NonAuthoritativeInformation', 204: 'NoContent', 205: 'ResetContent', 206: 'PartialContent', 207: 'MultiStatus' };

/** The text of `api.rs`. */
export function operations(service, { title, types }) {
  const names = typeNames();
  ['Api', 'Credentials', 'Call', 'Answer', 'Spelling', 'Style', 'Carrier', 'Target', 'Credential'].forEach((name) => names.take(name));
  const methods = new Names(['new', 'set_credentials', 'known', 'send']);
  const texts = service.operations.map((one) => operationText(one, { types, names, methods }));
  const fields = service.schemes.map((one) => ({ ...one, field: identifier(one.plain) }));
  return `${HEADER}${LINTS}#![allow(clippy::too_many_arguments)]
use super::models;
use crate::call::{Answer, Call, Carrier, Credential, Spelling, Style, Target};
use std::sync::{PoisonError, RwLock};

/// What requests are authorized with; the token of the client is that of bearer schemes that have none here.
#[derive(Clone, Default)]
pub struct Credentials {
${fields.map(({ field, kind, doc }) => `${comment(prose(doc))}pub ${field}: Option<${kind === 'basic' ? '(String, String)' : 'String'}>,\n`).join('')}}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
${texts.map(({ types: text }) => text).join('')}
${comment(prose(`${title}: its operations.`))}pub struct Api<'c> {
    target: Target<'c>,
    credentials: &'c RwLock<Credentials>,
}

impl<'c> Api<'c> {
    pub(crate) fn new(target: Target<'c>, credentials: &'c RwLock<Credentials>) -> Self {
        Self { target, credentials }
    }

    /// Authorizes every request from now on with these, for all clones of the client.
    pub fn set_credentials(&self, credentials: Credentials) {
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    fn known(&self) -> Vec<Credential> {
        let given = self.credentials.read().unwrap_or_else(PoisonError::into_inner).clone();
        let _ = &given;
        vec![${fields.map(({ name, field, kind, wire }) => (
    `(${literal(name)}, Carrier::${CARRIERS[kind]}${wire === undefined ? '' : `(${literal(wire)})`}, ${kind === 'basic' ? `given.${field}.map(|(user, password)| format!("{user}:{password}"))` : `given.${field}`})`)).join(', ')}]
    }

    async fn send(&self, call: Call, alternatives: &[&[&str]]) -> Result<reqwest::Response, crate::Error> {
        let known = self.known();
        call.send(&self.target, alternatives, &known).await
    }
${texts.map(({ methods: text }) => text).join('')}}
`;
}

function operationText(one, { types, names, methods }) {
  const name = freeName(methods, one.id, ['_with_response'], '_');
  const members = new Names(['self', 'body', 'content_type', 'options', 'accept']);
  const parameters = one.parameters.map((parameter) => ({ ...parameter, field: identifier(members.take(parameter.plain, '_')) }));
  const required = parameters.filter(({ isRequired }) => isRequired);
  const optional = parameters.filter(({ isRequired }) => !isRequired);
  const media = [...new Set(one.answers.map((answer) => answer.media).filter(Boolean))];
  const isChosen = media.length > 1;
  const options = optional.length || isChosen ? names.take(`${one.hint}Options`) : undefined;
  const optionsText = !options ? '' : `
/// The optional parameters of [\`Api::${name}\`]; all absent by default.
#[derive(Clone, Debug, Default)]
pub struct ${options} {
${optional.map((parameter) => `${comment([...prose(parameter.doc), ...deprecation(parameter)])}pub ${parameter.field}: Option<${types.of({ ...parameter.shape, isNullable: false })}>,\n`).join('')}${isChosen ? '/// The media type of the answer.\npub accept: Option<String>,\n' : ''}}
`;
  const body = bodyOf(one, { types, names });
  const answer = answerOf(one, { types, names });
  const given = [...required.map(({ field, shape }) => `${field}: ${argumentType(shape, types)}`), ...(body?.arguments ?? []), ...(options ? [`options: &${options}`] : [])];
  const passed = [...required.map(({ field }) => field), ...(body?.passed ?? []), ...(options ? ['options'] : [])].join(', ');
  const list = given.map((text) => `${text},\n`).join('');
  const security = `&[${one.security.map((all) => `&[${all.map(literal).join(', ')}]`).join(', ')}]`;
  const doc = comment([...prose(one.summary, one.description), ...deprecation(one), `\`${one.method} ${prose(one.path).join(' ')}\``]);
  const lines = [...pathLines(one, parameters), ...parameterLines(parameters), ...(media.length ? [`call.accept(${isChosen ? `options.accept.as_deref().unwrap_or(${literal(media.join(', '))})` : literal(media[0])});`] : []), ...(one.answers.length && one.answers.every(({ status }) => /^3/.test(status)) ? ['call.redirects = true;'] : []), ...(body?.lines ?? [])];
  const call = `let mut call = Call::new(${METHODS.includes(one.method) ? `reqwest::Method::${one.method}` : `reqwest::Method::from_bytes(${literal(one.method)}.as_bytes()).unwrap_or_default()`});\n${lines.map((line) => `${line}\n`).join('')}let response = self.send(call, ${security}).await?;\n`;
  if (answer.isStream) {
    return { types: `${optionsText}${body?.text ?? ''}`, methods: `\n${doc}pub async fn ${identifier(name)}(&self, ${list}) -> Result<reqwest::Response, crate::Error> {\n${call}Ok(response)\n}\n` };
  }
  return {
    types: `${optionsText}${body?.text ?? ''}${answer.text}`,
    methods: `
${doc}pub async fn ${identifier(name)}(&self, ${list}) -> Result<${answer.type}, crate::Error> {
Ok(self.${name}_with_response(${passed}).await?.body)
}

/// [\`Api::${name}\`] with the status and the headers of its response.
pub async fn ${name}_with_response(&self, ${list}) -> Result<crate::Response<${answer.type}>, crate::Error> {
${call}let answer = Answer::of(response).await?;
${answer.decode}}
`,
  };
}

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE'];

function argumentType(shape, types) {
  const type = types.of({ ...shape, isNullable: false });
  if (type === 'String') return '&str';
  return ['integer', 'number', 'boolean'].includes(shape.kind) ? type : `&${type}`;
}

function pathLines(one, parameters) {
  return one.parts.filter((part) => part !== '').map((part) => {
    if (typeof part === 'string') return `call.literal(${literal(part)});`;
    const { field } = parameters.find(({ wire, in: place }) => wire === part.wire && place === 'path');
    return `call.path(${literal(part.wire)}, &${field}, ${spellingText(part)});`;
  });
}

const parameterLines = (parameters) => parameters.filter(({ in: place }) => place !== 'path').map((parameter) => (
  `call.${parameter.in}(${literal(parameter.wire)}, &${parameter.isRequired ? '' : 'options.'}${parameter.field}, ${spellingText(parameter)});`));

/** One media type has a parameter of its own type; of several each is a variant. */
function bodyOf(one, { types, names }) {
  const { bodies, isBodyRequired } = one;
  if (!bodies.length) return undefined;
  const typeOf = ({ kind, shape }) => (kind === 'bytes' ? 'reqwest::Body' : types.of(shape));
  if (bodies.length === 1) {
    const [body] = bodies;
    const type = body.kind === 'bytes' ? 'reqwest::Body' : argumentType(body.shape, types);
    const range = body.isRange ? ['content_type: &str'] : [];
    const wanted = body.kind === 'bytes' && isBodyRequired ? 'impl Into<reqwest::Body>' : type;
    const write = writeText(body, 'body', body.isRange ? 'content_type' : literal(body.media));
    return {
      arguments: [...range, `body: ${isBodyRequired ? wanted : `Option<${type}>`}`], passed: [...(body.isRange ? ['content_type'] : []), 'body'], text: '',
      lines: isBodyRequired ? [write] : [`if let Some(body) = body {\n${write}\n}`] };
  }
  const name = names.take(`${one.hint}Body`);
  const variants = new Names(['Self']);
  const list = bodies.map((body) => ({ ...body, variant: variants.take(variantOf(body.media)), type: typeOf(body) }));
  const arms = list.map((body) => `${name}::${body.variant}(${body.isRange ? 'media, ' : ''}body) => ${writeText({ ...body, isOwned: true }, 'body', body.isRange ? '&media' : literal(body.media)).replace(/;$/, ',')}`).join('\n');
  const text = `\n/// The body of [\`Api::${one.id}\`].\n#[derive(Debug)]\npub enum ${name} {\n${list.map((body) => `/// \`${body.media.replaceAll('`', "'")}\`${body.isRange ? ': its media type, and its content' : ''}\n${body.variant}(${body.isRange ? 'String, ' : ''}${body.type}),\n`).join('')}}\n`;
  const match = `match body {\n${arms}\n}`;
  return { arguments: [`body: ${isBodyRequired ? name : `Option<${name}>`}`], passed: ['body'], text, lines: isBodyRequired ? [match] : [`if let Some(body) = body {\n${match}\n}`] };
}

function writeText(body, given, media) {
  if (body.kind === 'bytes') return `call.bytes(${given}, ${media});`;
  if (body.kind === 'form') {
    return `call.form(&${given}, ${media}, ${fieldsText(body.fields)});`;
  }
  if (body.kind === 'multipart') return body.shape.model && body.isParts ? `call.multipart(${given}.parts());` : `{\nlet mut form = crate::multipart::Multipart::default();\nform.rest(&${given});\ncall.multipart(form);\n}`;
  return `call.${body.kind}(&${given}, ${media});`;
}

const NONE = { type: '()', text: '', decode: 'Ok(answer.with(()))\n' };
const DECODE = { json: 'answer.json()?', text: 'answer.text()', bytes: 'answer.body.clone()' };

function answerOf(one, { types, names }) {
  const given = one.answers.map((answer) => ({ ...answer, type: answer.kind === 'none' ? '()' : answer.kind === 'text' ? 'String' : types.of(answer.shape) }));
  const distinct = [...new Set(given.map(({ kind, type }) => `${kind} ${type}`))];
  const some = given.find(({ kind }) => kind !== 'none');
  if (!some) return NONE;
  if (given.every(({ isStream }) => isStream)) return { isStream: true, text: '' };
  if (distinct.length === 1) return { type: some.type, text: '', decode: `let body = ${DECODE[some.kind]};\nOk(answer.with(body))\n` };
  if (distinct.length === 2 && given.some(({ kind }) => kind === 'none')) {
    return { type: `Option<${some.type}>`, text: '', decode: `let body = if answer.body.is_empty() { None } else { Some(${DECODE[some.kind]}) };\nOk(answer.with(body))\n` };
  }
  const name = names.take(`${one.hint}Answer`);
  const variants = new Names(['Self']);
  const statuses = new Set(given.map(({ status }) => status));
  const list = given.map((answer) => {
    const reason = REASONS[answer.status] ?? (answer.status === 'default' ? 'Default' : `Status${answer.status}`);
    const isOnly = given.filter(({ status }) => status === answer.status).length === 1;
    return { ...answer, variant: variants.take(statuses.size > 1 ? `${reason}${isOnly ? '' : variantOf(answer.media)}` : variantOf(answer.media)) };
  });
  const narrow = [...list].sort((first, second) => weight(first) - weight(second));
  const tests = narrow.map(({ status, kind, media, variant, type }) => (
    `if answer.is(${literal(status)}, ${literal(kind === 'none' ? '' : media.split(';')[0].trim().toLowerCase())}) {\nlet body = ${name}::${variant}${type === '()' ? '' : `(${DECODE[kind]})`};\nreturn Ok(answer.with(body));\n}\n`));
  const text = `\n/// What [\`Api::${one.id}\`] answers.\n#[derive(Clone, Debug, PartialEq)]\npub enum ${name} {\n${list.map(({ status, media, variant, type }) => `/// ${status}${media ? `, \`${media.replaceAll('`', "'")}\`` : ''}\n${variant}${type === '()' ? '' : `(${type})`},\n`).join('')}}\n`;
  return { type: name, text, decode: `${tests.join('')}Err(answer.unexpected())\n` };
}

// The closest first: a status before a range, and the same of media types.
const weight = ({ status, media = '' }) => (/^\d{3}$/.test(status) ? 0 : status === 'default' ? 20 : 10) + (media === '*/*' ? 2 : media.includes('*') ? 1 : 0);
