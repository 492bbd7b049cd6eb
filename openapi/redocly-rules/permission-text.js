// `x-permission` in words: a paragraph of the description of each operation in the published document.
const { longForm, missingOf } = require('./permissions.js');

const CALLERS = { anyone: 'anyone, also without a token', user: 'any user', superuser: 'superusers' };
const API_TOKEN = 'api_token';
const listed = (words) => (words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)}` : words[0]);
const capital = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;
const code = (name) => `\`${name}\``;

/** `**Permission:** ...`, a few sentences. */
function permissionText(root, given) {
  const { on, each, allow, production, forbid = {}, fields = {} } = longForm(given);
  const kind = on ?? each;
  // What the caller may do does not depend on the object.
  const isPlain = allow.every((name) => name in CALLERS);
  const wordsOf = (of, list) => listed(list.map((name) => CALLERS[name] ?? root['x-relations'][of].relations[name]));
  const forbidden = (list) => Object.entries(forbid).filter(([relation]) => relation !== API_TOKEN && !list.includes(relation)).map(([relation, problem]) => `${wordsOf(on, [relation])} gets 403 ${code(problem)}`);
  const sentences = [];
  if (each && !isPlain) sentences.push(`Any user. Each ${plain(each)} is listed and counted for ${wordsOf(each, allow)} only.`);
  else sentences.push(`${capital(wordsOf(kind, allow))}.`);
  if (production) sentences.push(`In production ${wordsOf(kind, production)} only.`);
  sentences.push(...forbidden(allow).map((text) => `${capital(text)}.`));
  if (on && !isPlain) sentences.push(`For others it does not exist: 404 ${code(missingOf(root, on))}.`);
  if (forbid[API_TOKEN]) sentences.push(`With an API token: 403 ${code(forbid[API_TOKEN])}.`);
  const filters = Object.entries(fields).filter(([, field]) => field.filter).map(([name]) => code(name));
  if (filters.length && !isPlain) sentences.push(`${listed(filters)} never add${filters.length > 1 ? '' : 's'} to that.`);
  for (const [name, field] of Object.entries(fields).filter(([, one]) => one.on)) sentences.push(...fieldText(name, field, { root, on, wordsOf, forbidden }));
  return `**Permission:** ${sentences.join(' ')}`;
}

const plain = (kind) => kind.replaceAll('_', ' ');

function fieldText(name, { on: target, allow, by, clear = [] }, { root, on, wordsOf, forbidden }) {
  const sentences = [];
  const others = by ? forbidden(by) : [];
  if (by) sentences.push(`${code(name)} may be changed by ${wordsOf(on, by)} only${others.length ? ` (${others.join(', ')})` : ''}.`);
  const more = clear.filter((relation) => !by?.includes(relation));
  if (more.length) sentences.push(`${capital(wordsOf(on, more))} may set it to null.`);
  const missing = `404 ${code(missingOf(root, target))}`;
  if (allow.every((relation) => relation in CALLERS)) return [...sentences, `${code(name)} has to name a ${plain(target)} that exists, else ${missing}.`];
  return [...sentences, `The ${plain(target)} in ${code(name)} may be named by ${wordsOf(target, allow)}; for others it does not exist: ${missing}.`];
}

/** A decorator: appends it to the description. */
function withPermission() {
  let root;
  const done = new Set();
  return {
    Root: {
      enter(node) {
        root = node;
      },
    },
    Operation: {
      leave(operation) {
        if (operation['x-permission'] === undefined || done.has(operation)) return;
        done.add(operation);
        operation.description = [operation.description?.trim(), permissionText(root, operation['x-permission'])].filter(Boolean).join('\n\n');
      },
    },
  };
}

module.exports = { permissionText, withPermission };
