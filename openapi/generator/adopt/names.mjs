// Converts names of a foreign document to our conventions: operations and tags in snake_case, schemas in CamelCase, each unique across all documents,
// since one client has the operations of all services.

// Reserved words of functions, modules and fields, and types that generated code imports in addition to those of a document.
const RUST = new Set(('abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let loop macro '
  + 'match mod move mut override priv pub ref return self static struct super trait true try type typeof unsafe unsized use virtual where while yield').split(' '));
const TRAITS = new Set('access arc client clone copy debug default drop operation principal problem reply request response result security self send state sync'.split(' '));
// Types of Rust, TypeScript and Python that a model would shadow or be shadowed by.
const TYPES = new Set(('any array binary blob bool boolean box boxed byte char client configuration date datetime decimal default dict err error exception file float '
  + 'function int integer iterator list long map model none null number object ok option problem promise record request response result self set some '
  + 'string str sync symbol tuple type unit uuid value vec void').split(' '));
// Existing methods of a service value.
const METHODS = new Set('access as_ref borrow clone cmp deref drop eq from hash into poll to_owned to_string try_from try_into type_id'.split(' '));
// Existing modules of each crate.
const MODULES = ['login', 'users', 'queries', 'lib', 'mod', 'main', 'std', 'core', 'contract', 'platform'];

/** The words of a name, in ASCII letters and digits. */
export function words(text) {
  return String(text).normalize('NFKD').replace(/[\u0300-\u036f'’]/g, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2').split(/[^A-Za-z0-9]+/).filter(Boolean);
}

export const snake = (text) => words(text).join('_').toLowerCase();
export const camel = (text) => words(text).map((word) => word[0].toUpperCase() + word.slice(1).toLowerCase()).join('');
/** The key by which two names collide: types and files are named after it. */
export const fold = (text) => String(text).replace(/[^A-Za-z0-9]/g, '').toLowerCase();

const SIGNS = { $: 'dollar', '@': 'at', '+': 'plus' };
/** The key by which two properties or parameters collide; the linter has the same rule. */
export const fieldOf = (name) => fold(String(name).replace(/[$@+]/g, (sign) => SIGNS[sign]));

/** Assigns names, each once. */
export class Names {
  #taken;
  #service;

  constructor(service, taken) {
    this.#service = service;
    this.#taken = new Set(taken.map(fold));
  }

  /** The first of the candidates that is free; else with the service's name as a prefix, else with a number as a suffix. */
  claim(candidates, join) {
    const more = [join(this.#service, candidates[0])];
    for (let number = 2; number < 1000; number += 1) more.push(join(this.#service, candidates[0], number));
    const found = [...candidates, ...more].find((name) => !this.#taken.has(fold(name)));
    this.#taken.add(fold(found));
    return found;
  }
}

const startsWell = (name, prefix) => (/^[a-z]/i.test(name) ? name : `${prefix}_${name}`);

/** The id of an operation: its own, else derived from method and path. */
export function operationName(names, { operationId, method, path }) {
  const own = snake(operationId ?? '');
  const made = path.split('/').filter(Boolean).map((part) => part.replace(/\{([^}]*)\}/g, ' by $1 '));
  const wanted = startsWell(own || snake([method, ...made].join(' ')), method);
  const fits = RUST.has(wanted) || METHODS.has(wanted) ? `${wanted}_${method}` : wanted;
  return names.claim([fits], (service, name, number = '') => `${snake(service)}_${name}${number && `_${number}`}`);
}

/** The name of a tag, which is also that of a module and a trait. */
export function tagName(names, service, text) {
  const wanted = startsWell(snake(text ?? '') || snake(service), 'tag');
  const isTaken = RUST.has(wanted) || TRAITS.has(wanted) || MODULES.includes(wanted) || fold(wanted) === fold(`${service}service`);
  const fits = isTaken ? `${snake(service)}_${wanted}` : wanted;
  return names.claim([fits], (prefix, name, number = '') => `${snake(prefix)}_${name}${number && `_${number}`}`);
}

/** The name of a schema. Clients have types of their own that are named after operations. */
export function schemaName(names, service, wanted, operations) {
  const base = camel(wanted) || 'Thing';
  const plain = /^[A-Z]/.test(base) ? base : `Type${base}`;
  const ofClients = operations.some((id) => new RegExp(`^${fold(id)}(request|response|params|operationrequest|error|success)$`).test(fold(plain)));
  const isTaken = TYPES.has(fold(plain)) || ofClients || /api$/i.test(plain);
  const own = isTaken ? `${camel(service)}${plain}` : plain;
  return names.claim([own], (prefix, name, number = '') => `${own === plain ? camel(prefix) : ''}${name}${number || (own === plain ? '' : 'Type')}`);
}

/** A parameter of a path, whose name is not part of the wire format. */
export function pathParameter(name) {
  const wanted = startsWell(snake(name) || 'value', 'p');
  return RUST.has(wanted) ? `${wanted}_value` : wanted;
}

/** The variants of an enum, where its values are no valid names themselves. */
export function variantNames(values) {
  const plain = values.map((value) => fold(value));
  if (new Set(plain).size === values.length && values.every((value) => /^[A-Za-z][A-Za-z0-9_-]*$/.test(value) && fold(value) !== 'self')) return undefined;
  const signs = { '+': 'Plus', '-': 'Minus', '*': 'Star', '/': 'Slash', '<': 'Less', '>': 'Greater', '=': 'Equal', '!': 'Not', '%': 'Percent', '.': 'Dot' };
  const seen = new Set();
  return values.map((value, at) => {
    const spelt = value.replace(/^[-+*/<>=!%.]+/, (start) => [...start].map((sign) => `${signs[sign]} `).join(''));
    const base = camel(spelt) || (value === '' ? 'Empty' : `Value${at + 1}`);
    const wanted = /^[A-Z]/.test(base) && base !== 'Self' ? base : `Value${base}`;
    let found = wanted;
    for (let number = 2; seen.has(found.toLowerCase()); number += 1) found = `${wanted}N${number}`;
    seen.add(found.toLowerCase());
    return found;
  });
}
