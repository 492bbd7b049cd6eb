// A document against the JSON Schema that the standard publishes of OpenAPI documents (which the linter `spectral` brings), as far as it decides what is
// served: what only describes, and what is unknown, may be of any kind.
import { createRequire } from 'node:module';
import { escape, unescape } from '../compile/document.mjs';
import { MEND } from './report.mjs';

// Rounds of leaving out what does not matter, and looking again.
const MOST_ROUNDS = 40;
// Describe only.
const DESCRIBING = ['example', 'examples', 'externalDocs', 'contact', 'license', 'xml', 'summary', 'termsOfService', 'deprecated', 'links', 'tags',
  'bearerFormat', 'allowReserved', 'mapping'];
// Of a schema of which these are alternatives, their own violations tell more.
const JOINING = ['oneOf', 'anyOf', 'allOf', 'if', 'not'];
const OF_FORMAT = { email: 'a@example.com', regex: 'a', 'uri-reference': '/', 'media-range': '*/*' };
const METHOD = /^\/paths\/[^/]+$/;
const STATUS = /\/responses$/;

/** The validators of the tools in this folder; without them nothing is checked. */
export function standardOf(tools) {
  try {
    return createRequire(`${tools}/`)('@stoplight/spectral-rulesets/dist/oas/schemas/validators.js');
  } catch {
    return undefined;
  }
}

/** Reports what is not as the standard says. */
export function checkStandard({ root }, report, standard) {
  const validate = standard?.[/^3\.0/.test(root.openapi) ? 'oas3_0' : 'oas3_1'];
  if (!validate) return;
  const copy = essenceOf(root);
  for (let round = 1; !validate(copy); round += 1) {
    const faults = validate.errors.filter(({ keyword, params }) => !JOINING.includes(keyword) && !(keyword === 'required' && params.missingProperty === '$ref'));
    const isWithin = (path, whole) => path === whole || path.startsWith(`${whole}/`);
    // What an alternative does not know, another one may.
    const lenient = faults.filter((fault) => isMinor(fault) && !faults.some((other) => !isMinor(other) && isWithin(other.instancePath, fault.instancePath)));
    if (round === MOST_ROUNDS || !lenient.length || !lenient.map((fault) => mend(copy, fault)).some(Boolean)) return tell(report, faults);
  }
}

// What tells how a credential is sent; where it comes from is the client's.
const SCHEMES = {
  apiKey: ({ name, in: place }) => ({ type: 'apiKey', name, in: place }), http: ({ scheme }) => ({ type: 'http', scheme }), mutualTLS: () => ({ type: 'mutualTLS' }),
  oauth2: () => ({ type: 'oauth2', flows: {} }), openIdConnect: () => ({ type: 'openIdConnect', openIdConnectUrl: '/' }) };

// Without descriptions; what is required of them is there.
function essenceOf(root) {
  const copy = JSON.parse(JSON.stringify(root, (key, value) => (value !== null && typeof value === 'object' && typeof value.rawJSON === 'string' ? Number(value.rawJSON) : value)));
  copy.info = { title: '-', version: '-' };
  const visit = (node, inNames) => {
    if (node === null || typeof node !== 'object') return;
    for (const key of Object.keys(node)) {
      if (!inNames && (DESCRIBING.includes(key) || key.startsWith('x-') || key === 'description')) delete node[key];
      else visit(node[key], !Array.isArray(node) && !inNames && ['properties', 'patternProperties', 'schemas', '$defs', 'parameters', 'headers', 'responses', 'scopes'].includes(key) && !Array.isArray(node[key]));
    }
    if (!inNames) for (const response of Object.values(node.responses ?? {})) if (response !== null && typeof response === 'object' && !response.$ref) response.description = '-';
  };
  visit(copy, false);
  for (const [name, scheme] of Object.entries(copy.components?.securitySchemes ?? {})) {
    if (SCHEMES[scheme?.type]) copy.components.securitySchemes[name] = JSON.parse(JSON.stringify(SCHEMES[scheme.type](scheme)));
  }
  return copy;
}

// Unknown keys mean nothing, but a method or a status that is none is a mistake.
function isMinor({ keyword, instancePath, params }) {
  if (keyword === 'format') return true;
  if (keyword !== 'additionalProperties' && keyword !== 'unevaluatedProperties') return false;
  const name = params.additionalProperty ?? params.unevaluatedProperty;
  return !(METHOD.test(instancePath) && /^[a-z]+$/i.test(name)) && !(STATUS.test(instancePath) && !/^[1-5]xx$/i.test(name));
}

function mend(copy, { keyword, instancePath, params }) {
  const steps = instancePath.split('/').slice(1).map(unescape);
  const holder = steps.slice(0, -1).reduce((node, step) => node?.[step], copy);
  if (keyword === 'format') return holder && typeof holder[steps.at(-1)] === 'string' && Boolean(holder[steps.at(-1)] = OF_FORMAT[params.format] ?? 'https://example.com/');
  const node = steps.length ? holder?.[steps.at(-1)] : copy;
  const name = params.additionalProperty ?? params.unevaluatedProperty;
  return node && Object.hasOwn(node, name) && delete node[name];
}

function tell(report, faults) {
  const real = faults.filter((fault) => !isMinor(fault));
  // The violations of what is deepest are the cause of those above.
  const deepest = real.filter((one) => !real.some((other) => other.instancePath.startsWith(`${one.instancePath}/`)));
  for (const { instancePath, message, keyword, params, propertyName } of deepest) {
    const name = params.additionalProperty ?? params.unevaluatedProperty;
    const at = name === undefined ? instancePath : `${instancePath}/${escape(name)}`;
    // The name itself is told where it does not match.
    if (keyword === 'propertyNames') {
      report.refuse(`#${instancePath}/${escape(params.propertyName)}`, `\`${params.propertyName}\``, 'by the standard a name here consists of A-Z, a-z, 0-9, dots, hyphens and underscores', MEND);
      continue;
    }
    if (propertyName !== undefined) continue;
    const allowed = keyword === 'enum' ? `: ${params.allowedValues.map((one) => JSON.stringify(one)).join(', ')}` : keyword === 'const' ? `: ${JSON.stringify(params.allowedValue)}` : '';
    const why = name === undefined ? `by the standard it ${message}${allowed}` : STATUS.test(instancePath) ? 'it is no status' : 'it is no method of a path';
    report.refuse(`#${at}`, `\`${unescape(at.split('/').at(-1))}\``, why, MEND);
  }
}
