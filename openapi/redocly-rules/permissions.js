// Who may do what: `x-relations` of a document and `x-permission` of each operation. From them come the text of the documentation page
// (permission-text.js) and the expectations of the permission matrix (impl/permission-matrix).
const codes = require('../codes.json');

/** What a caller may be without any object. */
const CALLERS = ['anyone', 'user', 'superuser'];
/** With an API token, which acts as its owner, but not everywhere. */
const API_TOKEN = 'api_token';
/** Of an object that is missing to the caller, if its kind has no code of its own. */
const MISSING = 'not_found';
const KEYS = ['on', 'each', 'allow', 'production', 'forbid', 'fields'];
const FIELD_KEYS = ['on', 'allow', 'by', 'clear'];
const REFERENCE = /[_-]ids?$/i;

const isTable = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isName = (value) => /^[a-z][a-z0-9_]*$/.test(value);

/** Scalars are short for those who may call it. */
const longForm = (permission) => (typeof permission === 'string' ? { allow: [permission] } : permission);
/** What a caller may be to an object of a kind. */
const relationsOf = (root, kind) => Object.keys(root['x-relations']?.[kind]?.relations ?? {});
const missingOf = (root, kind) => root['x-relations']?.[kind]?.missing ?? MISSING;

function checkRelations(root, refuse) {
  const kinds = root['x-relations'];
  if (kinds === undefined) return;
  if (!isTable(kinds)) return refuse('is a table of kinds of objects');
  for (const [kind, known] of Object.entries(kinds)) {
    if (!isName(kind)) refuse(`has \`${kind}\`, and kinds are in snake_case`);
    if (!isTable(known) || Object.keys(known).some((key) => !['missing', 'relations'].includes(key))) refuse(`has \`${kind}\` with \`missing\` and \`relations\``);
    const problem = codes.problems[missingOf(root, kind)] ?? root['x-problems']?.[missingOf(root, kind)];
    if (problem?.status !== 404) refuse(`has \`${kind}\` with the code of a 404 as \`missing\``);
    for (const [relation, words] of Object.entries(known?.relations ?? {})) {
      if (!isName(relation) || [...CALLERS, API_TOKEN].includes(relation)) refuse(`has the relation \`${relation}\`, and relations are in snake_case and not ${CALLERS.join(', ')}, ${API_TOKEN}`);
      if (typeof words !== 'string' || !/^[a-z][^.]*$/.test(words)) refuse(`says what \`${relation}\` of \`${kind}\` is, in words within a sentence`);
    }
  }
  return undefined;
}

/** One operation: what is wrong is passed to `refuse`. `references` are the names of parameters and properties that name objects. */
function checkPermission(operation, { root, security, path, references, refuse }) {
  const permission = longForm(operation['x-permission']);
  if (permission === undefined) return refuse('is missing: it says who may call the operation');
  if (!isTable(permission) || Object.keys(permission).some((key) => !KEYS.includes(key))) return refuse(`has ${KEYS.join(', ')}`);
  const { on, each, allow, production, forbid = {}, fields = {} } = permission;
  const kind = on ?? each;
  const known = [...CALLERS, ...(kind ? relationsOf(root, kind) : [])];
  const named = (list, from, where) => {
    if (!Array.isArray(list) || !list.length || new Set(list).size < list.length) return refuse(`has \`${where}\` as a list of relations`);
    for (const one of list.filter((name) => !from.includes(name))) refuse(`names \`${one}\` in \`${where}\`, which is none of ${from.join(', ')}`);
    return undefined;
  };
  if (on && each) refuse('is `on` one object or about `each` of a list');
  if (kind && !root['x-relations']?.[kind]) return refuse(`is about \`${kind}\`, which is not in \`x-relations\``);
  if (on && !path.includes(`{${on}_id}`)) refuse(`is \`on\` a ${on}, but the path has no \`{${on}_id}\``);
  named(allow, known, 'allow');
  if (production !== undefined) named(production, CALLERS, 'production');
  for (const [relation, code] of Object.entries(forbid)) {
    named([relation], [...relationsOf(root, on), API_TOKEN], 'forbid');
    if (allow?.includes(relation) && !Object.values(fields).some((field) => field?.by)) refuse(`allows and forbids \`${relation}\``);
    checkCode(operation, code, 403, refuse);
  }
  if (on && !allow?.includes('anyone')) checkCode(operation, missingOf(root, on), 404, refuse);
  checkSecurity(allow ?? [], security, refuse);
  for (const name of references.filter((one) => one !== `${on}_id`)) {
    if (!(name in fields)) refuse(`does not say in \`fields\` what is required of the object that \`${name}\` names`);
  }
  for (const [name, field] of Object.entries(fields)) {
    if (!references.includes(name)) refuse(`has \`${name}\` in \`fields\`, which the operation does not have, or which names no object`);
    else checkField(operation, { name, field, root, on, each, named, refuse });
  }
  return undefined;
}

function checkField(operation, { name, field, root, on, each, named, refuse }) {
  if (field === 'unchecked') return undefined;
  const target = field?.on ?? field?.filter;
  if (!root['x-relations']?.[target]) return refuse(`has \`${name}\` as unchecked, as {filter: KIND}, or as {on: KIND, allow: [...]}, with a kind of \`x-relations\``);
  if (field.filter) {
    if (Object.keys(field).length > 1 || (!each && longForm(operation['x-permission']).allow?.join() !== 'superuser')) refuse(`has \`${name}\` as a filter and nothing else, of a list of \`each\``);
    return undefined;
  }
  if (Object.keys(field).some((key) => !FIELD_KEYS.includes(key))) return refuse(`has \`${name}\` with ${FIELD_KEYS.join(', ')}`);
  named(field.allow, [...CALLERS, ...relationsOf(root, target)], `fields.${name}.allow`);
  checkCode(operation, missingOf(root, target), 404, refuse);
  for (const key of ['by', 'clear'].filter((one) => field[one] !== undefined)) {
    if (!on) refuse(`has \`${name}\` with \`${key}\`, which is about the object \`on\` which the operation is`);
    else named(field[key], [...CALLERS, ...relationsOf(root, on)], `fields.${name}.${key}`);
  }
  return undefined;
}

// A code that the operation sends has to be among those that it says it sends.
function checkCode(operation, code, status, refuse) {
  const listed = operation['x-codes'] ?? [];
  const known = codes.problems[code]?.any && codes.problems[code].status === status;
  if (!known && !listed.includes(code)) refuse(`needs \`${code}\` in \`x-codes\``);
}

// The token is checked before anything is looked up.
function checkSecurity(allow, security, refuse) {
  const wanted = allow.includes('anyone') ? 'none' : allow.join() === 'superuser' ? 'superuser' : 'user';
  const scopes = (security ?? []).flatMap((one) => Object.values(one).flat());
  const isOptional = !security?.length || security.some((one) => !Object.keys(one).length);
  const given = isOptional ? 'none' : scopes.join();
  if (given !== wanted) refuse(`allows ${allow.join(', ')}, so \`security\` requires ${wanted === 'none' ? 'no token' : `the scope ${wanted}`}`);
}

/** Names of parameters, and of properties anywhere in the body, that are ids. */
function referencesIn(operation, item, ctx) {
  const follow = ({ node, from }) => {
    if (!node?.$ref) return { node, from };
    const found = ctx.resolve(node, from);
    return { node: found.node, from: found.location?.source.absoluteRef };
  };
  const names = new Set();
  for (const one of [...(item.parameters ?? []), ...(operation.parameters ?? [])]) {
    const { node } = follow({ node: one });
    if (REFERENCE.test(node?.name ?? '')) names.add(node.name);
  }
  const seen = new Set();
  const visit = (place) => {
    const { node, from } = follow(place);
    if (!isTable(node) || seen.has(node)) return;
    seen.add(node);
    for (const [name, property] of Object.entries(node.properties ?? {})) {
      if (REFERENCE.test(name)) names.add(name);
      visit({ node: property, from });
    }
    for (const part of [node.items, node.additionalProperties, ...(node.allOf ?? [])]) if (isTable(part)) visit({ node: part, from });
  };
  const body = follow({ node: operation.requestBody });
  for (const { schema } of Object.values(body.node?.content ?? {})) visit({ node: schema, from: body.from });
  return [...names];
}

function permissions() {
  let root;
  return {
    Root(node, ctx) {
      root = node;
      checkRelations(node, (message) => ctx.report({ message: `\`x-relations\` ${message}.`, location: ctx.location.child(['x-relations']).key() }));
    },
    PathItem: {
      Operation(operation, ctx, { PathItem: item }) {
        const place = 'x-permission' in operation ? ctx.location.child(['x-permission']) : ctx.location;
        checkPermission(operation, {
          root,
          security: operation.security ?? root.security,
          path: ctx.parentLocations.PathItem.pointer,
          references: referencesIn(operation, item, ctx),
          refuse: (message) => ctx.report({ message: `\`x-permission\` ${message}.`, location: place.key() }),
        });
      },
    },
  };
}

module.exports = { longForm, missingOf, permissions };
