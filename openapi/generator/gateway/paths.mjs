// Path templates as regular expressions of nginx. They match what impl/wire's templates match: a path in any spelling of it (RFC 3986, 6.2.2),
// with parameters between texts.

const UNRESERVED = /[A-Za-z0-9._~-]/;
// May stand in a path as they are (RFC 3986, 3.3).
const RESERVED = /[!$&'()*+,;=:@]/;
// Have no meaning in a regular expression, nor between the quotes of nginx.
const PLAIN = /[A-Za-z0-9_~/,=:@%&!-]/;
const VALUE = '[^/?#]+';
// nginx reads words of its configuration of up to 4096 bytes.
const LONGEST_PATTERN = 4000;

const bytesOf = (text) => [...Buffer.from(text, 'utf8')];
const hex = (byte) => byte.toString(16).toUpperCase().padStart(2, '0');
const encoded = (text) => bytesOf(text).map((byte) => `%${hex(byte)}`).join('');
const quoted = (text) => [...text].map((char) => {
  if (PLAIN.test(char)) return char;
  return char === '.' ? '\\.' : bytesOf(char).map((byte) => `\\x${hex(byte)}`).join('');
}).join('');
// Of either case.
const quotedEncoded = (text) => encoded(text).replace(/[A-F]/g, (digit) => `[${digit}${digit.toLowerCase()}]`);

/** Texts at even places, names of parameters at odd ones. */
const split = (segment) => segment.split(/\{([^{}]*)\}/);
const isMixed = (segment) => split(segment).length > 1 && split(segment).some((part, at) => at % 2 === 0 && part);

// A character of a template: what it means, and whether it is written as an escape.
function charactersOf(text) {
  const found = [];
  for (const part of text.match(/(?:%[0-9A-Fa-f]{2})+|[^]/gu) ?? []) {
    try {
      found.push(...[...decodeURIComponent(part)].map((char) => ({ char, escaped: part.length > 2 && part.startsWith('%') })));
    } catch {
      found.push(...[...part].map((char) => ({ char, escaped: false })));
    }
  }
  return found;
}

// A segment without parameters is compared decoded. Beside parameters a reserved character and its escape are two.
function spellings({ char, escaped }, mixed) {
  const isRaw = UNRESERVED.test(char) || (mixed ? !escaped || !RESERVED.test(char) : true);
  const isEscaped = !mixed || UNRESERVED.test(char) || escaped || !RESERVED.test(char);
  return { raw: isRaw && !/[/?#%]/.test(char), escaped: isEscaped };
}

/** Whether a character is matched as its escape, too. */
const MODES = { plain: () => false, any: () => true, needed: (char) => !UNRESERVED.test(char) };

function textPattern(text, mixed, isAlsoEscaped) {
  return charactersOf(text).map((one) => {
    const { raw, escaped } = spellings(one, mixed);
    if (!raw) return quotedEncoded(one.char);
    return escaped && isAlsoEscaped(one.char) ? `(?:${quoted(one.char)}|${quotedEncoded(one.char)})` : quoted(one.char);
  }).join('');
}

function pattern(path, mode) {
  return path.split('/').map((segment) => split(segment).map((part, at) => {
    if (at % 2) return isMixed(segment) ? `${VALUE}?` : VALUE;
    return textPattern(part, isMixed(segment), MODES[mode]);
  }).join('')).join('/');
}

/** What a request for the template looks like when nothing is escaped. */
export const plainPattern = (path) => pattern(path, 'plain');

/** The same in every spelling; of a very long path without needless escapes. */
export function anyPattern(path) {
  const all = pattern(path, 'any');
  return all.length <= LONGEST_PATTERN ? all : pattern(path, 'needed');
}

/** Why nginx cannot match a path. */
export const pathFault = (path) => (Math.max(plainPattern(path).length, anyPattern(path).length) > LONGEST_PATTERN ? 'it is too long for the configuration of nginx' : undefined);

/** Equal for paths that are one to clients. */
export const shapeOf = (path) => pattern(path, 'any');

const rank = (segment) => (split(segment).length === 1 ? 0 : isMixed(segment) ? 1 : 2);
const textLength = (segment) => split(segment).filter((_, at) => at % 2 === 0).join('').length;
const compare = (one, other) => (one < other ? -1 : Number(one > other));

/** Concrete templates first, segment by segment: `/users/me` before `/users/{id}.json`, which is before `/users/{id}`. */
export function byPrecedence(one, other) {
  const [left, right] = [one.split('/'), other.split('/')];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const [a, b] = [left[at], right[at]];
    const order = rank(a) - rank(b) || (rank(a) === 1 ? textLength(b) - textLength(a) : 0);
    if (order) return order;
    const ended = (segments) => (at + 1 < segments.length ? '/' : '');
    const order2 = rank(a) === 2 ? 0 : compare(a + ended(left), b + ended(right));
    if (order2) return order2;
  }
  return left.length - right.length || compare(one, other);
}

// Above it nginx would need larger buckets for its hash tables.
const LONGEST = 160;
const escape = (char) => `\\\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * What paths are called in tables and in the log, as JSON and in nginx's notation: `$`, quotes and backslashes are escaped. nginx does not tell upper case
 * from lower case there, so one of two that differ in nothing else is escaped as well. Long ones are cut.
 */
export function labelsOf(paths, digest) {
  const short = new Map(paths.map((path) => {
    const safe = path.replace(/["$\\\p{Cc}]/gu, escape);
    return [path, Buffer.byteLength(safe) <= LONGEST ? safe : `${cut(safe)}~${digest(path)}`];
  }));
  const alike = [...short.values()].map((label) => label.toLowerCase());
  const isAlone = (label) => alike.indexOf(label.toLowerCase()) === alike.lastIndexOf(label.toLowerCase());
  return new Map([...short].map(([path, label]) => [path, isAlone(label) ? label : label.replace(/[A-Z]/g, escape)]));
}

const cut = (text) => [...text].reduce((kept, char) => (Buffer.byteLength(kept + char) <= LONGEST - 40 ? kept + char : kept), '').replace(/\\+(?:u[0-9a-f]{0,3})?$/, '');
