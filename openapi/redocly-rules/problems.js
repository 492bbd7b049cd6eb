// Examples of problem documents must be real: codes of codes.json and of the document, with their status and title.
const { STATUS_CODES } = require('node:http');
const codes = require('../codes.json');

// Titles as the services send them: names of RFC 7231, where RFC 9110 has newer ones.
const TITLES = { 413: 'Payload Too Large', 422: 'Unprocessable Entity' };

function faultOf(problem, own) {
  const known = codes.problems[problem.code] ?? own[problem.code];
  if (!known) return `\`${problem.code}\` is no code of the document or of openapi/codes.json`;
  if (problem.type !== `urn:problem:${problem.code}`) return `the type of \`${problem.code}\` is \`urn:problem:${problem.code}\``;
  if (problem.status !== known.status) return `\`${problem.code}\` is a ${known.status}`;
  const title = TITLES[known.status] ?? STATUS_CODES[known.status];
  if (problem.title !== title) return `the title of a ${known.status} is \`${title}\``;
  return (problem.errors ?? []).map(faultOfField).find(Boolean);
}

function faultOfField(error) {
  if (!(error.code in codes.rules)) return `\`${error.code}\` is no rule of openapi/codes.json`;
  if (('pointer' in error) !== (error.in === 'body')) return 'a `pointer` is into the body, a parameter has its name';
  if (('parameter' in error) === (error.in === 'body')) return '`parameter` is the name of one, and the body has none';
  return undefined;
}

function examine(value, own, ctx, location) {
  if (value === null || typeof value !== 'object') return;
  const isProblem = typeof value.type === 'string' && value.type.startsWith('urn:problem:');
  const isField = typeof value.code === 'string' && ['body', 'query', 'path', 'header'].includes(value.in);
  const fault = (isProblem && faultOf(value, own)) || (isField && faultOfField(value));
  if (fault) ctx.report({ message: `In an example, ${fault}.`, location });
  if (!isProblem) Object.values(value).forEach((one) => examine(one, own, ctx, location));
}

function problemExamples() {
  // Codes of the document, and of its quotas.
  const own = {};
  const check = (node, ctx) => {
    examine(node.example, own, ctx, ctx.location.child(['example']));
    examine(node.examples, own, ctx, ctx.location.child(['examples']));
  };
  return { Root: { enter: (root) => Object.assign(own, root['x-problems']) }, Schema: check, MediaType: check };
}

module.exports = { 'problem-examples': problemExamples };
