// Security requirements as Rust: who may call an operation, and the trait that verifies the credentials of each scheme.
import { child, isObject } from './document.mjs';
import { Names, docLine, identifier, literal, snake } from './rust.mjs';

const KINDS = { oauth2: 'OAuth 2.0', openIdConnect: 'OpenID Connect', http: 'HTTP', apiKey: 'API key', mutualTLS: 'mutual TLS' };

/** Each scheme: how a request carries its credential, and the method that verifies it. */
export function schemesOf(document) {
  const names = new Names();
  const root = { node: document.root, pointer: '' };
  const places = Object.keys(document.root.components?.securitySchemes ?? {}).map((name) => [name, document.resolve(child(root, 'components', 'securitySchemes', name)).node]);
  return new Map(places.filter(([, node]) => isObject(node)).map(([name, node]) => [name, { name, ...schemeOf(node), method: identifier(`verify_${names.take(snake(name, 'scheme'), '_')}`),
    doc: docLine(`${KINDS[node.type] ?? node.type}${node.scheme ? ` ${node.scheme}` : ''}, \`${docLine(name)}\` of the document${node.description ? `: ${docLine(node.description)}` : ''}`) }]));
}

function schemeOf({ type, scheme = '', name = '', in: place }) {
  if (type === 'apiKey') return { credential: `contract::Carrier::${{ header: 'Header', query: 'Query', cookie: 'Cookie' }[place] ?? 'Header'}(${literal(name)})`, parameters: 'key: &str', pass: 'credential.key()?', query: place === 'query' ? name : undefined };
  if (type === 'http' && scheme.toLowerCase() === 'basic') return { credential: 'contract::Carrier::Basic', parameters: 'user: &str, password: &str', pass: 'credential.user()?, credential.password()?' };
  if (type === 'http' && scheme.toLowerCase() !== 'bearer') return { credential: `contract::Carrier::Http(${literal(scheme)})`, parameters: 'credentials: &str', pass: 'credential.key()?' };
  if (type === 'mutualTLS') return { credential: 'contract::Carrier::ClientCertificate', parameters: 'subject: &str', pass: 'credential.key()?' };
  return { credential: 'contract::Carrier::Bearer', parameters: 'token: &str', pass: 'credential.key()?' };
}

/** The requirements of an operation that name a scheme there is, and whether it may be called without. */
export function requirementsOf(document, operation, schemes) {
  const security = operation.security ?? document.root.security ?? [];
  const named = security.filter((one) => Object.keys(one ?? {}).length);
  const known = named.map((one) => Object.entries(one).map(([name, scopes]) => ({ scheme: schemes.get(name), scopes: scopes ?? [] })));
  return { alternatives: known.filter((all) => all.every(({ scheme }) => scheme)), isOptional: named.length < security.length, isPublic: !named.length };
}

const list = (scopes) => `&[${scopes.map(literal).join(', ')}]`;

/** `security` of an operation. */
export function securityText(document, { alternatives, isOptional, isPublic }) {
  if (isPublic) return undefined;
  if (document.isOurs) return `Security::${isOptional ? 'Optional' : 'Scopes'}(${list([...new Set(alternatives.flatMap((all) => all.flatMap(({ scopes }) => scopes)))])})`;
  const requirement = ({ scheme, scopes }) => `contract::Requirement { scheme: ${literal(scheme.name)}, carrier: ${scheme.credential}, scopes: ${list(scopes)} }`;
  return `Security::${isOptional ? 'OptionalSchemes' : 'Schemes'}(&[${alternatives.map((all) => `&[${all.map(requirement).join(', ')}]`).join(', ')}])`;
}

/** Data for the template of the trait; nothing for documents of ours, whose tokens are those of our accounts. */
export function verification(document, schemes, used) {
  const needed = [...schemes.values()].filter(({ name }) => used.schemes.has(name));
  if (document.isOurs || !needed.length) return false;
  return {
    'is-joined': used.isJoined,
    methods: needed.map(({ name, method, doc, parameters, pass }) => ({ method, doc, parameters, pass, scheme: literal(name) })) };
}
