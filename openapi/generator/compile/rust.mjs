// Rust as text: identifiers that are valid and distinct, and literals of exactly the given text.

const KEYWORDS = new Set((
  'abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut '
  + 'override priv pub ref return self Self static struct super trait true try type typeof union unsafe unsized use virtual where while yield').split(' '));
// Of these there are no raw identifiers.
const NEVER_RAW = new Set(['crate', 'self', 'Self', 'super', 'union']);
// Names that generated modules or Rust's prelude have.
const TYPES = new Set((
  'Box Err None Ok Option Result Some String Vec Self Send Sync Sized Fn FnMut FnOnce Drop Clone Copy Default Debug Eq Ord Hash Iterator From Into Some ToString '
  + 'Arc State Request Response Operation Parameter Problem Reply Security').split(' '));
const SIGNS = {
  '+': 'plus', '-': 'minus', '*': 'star', '/': 'slash', '<': 'less', '>': 'greater', '=': 'equal', '!': 'not', '%': 'percent', '.': 'dot', '$': 'dollar', '@': 'at', '#': 'hash',
  '&': 'and', '|': 'or', '~': 'tilde', '^': 'caret', '?': 'question', ':': 'colon', ',': 'comma', '_': 'underscore', ' ': 'space' };

/** The words of a name in any case: `userID`, `user-id` and `User Id` are `user`, `id`. */
export function words(text) {
  const plain = String(text).normalize('NFD').replace(/\p{M}/gu, '').normalize('NFC');
  const found = plain
    .replace(/[$@+](?=.)/gu, (sign) => ` ${SIGNS[sign]} `)
    .replace(/([\p{Ll}\p{Nd}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, '$1 $2')
    .split(/[^\p{L}\p{Nd}]+/u).filter(Boolean).map((word) => word.toLowerCase());
  // A name of signs only is spelt out.
  return found.length ? found : [...plain].map((sign) => SIGNS[sign]).filter(Boolean);
}

const startsWithDigit = (text) => /^\p{Nd}/u.test(text);
// Letters that have no case are upper case to Rust's lints.
const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

/** In snake_case, without what makes it valid: `user_id`. */
export const snake = (text, fallback = 'value') => {
  const name = words(text).join('_') || fallback;
  return startsWithDigit(name) ? `${fallback}_${name}` : name;
};

/** In CamelCase: `UserId`. A name that is CamelCase already stays as it is. */
export function camel(text, fallback = 'Value') {
  if (/^[A-Z][A-Za-z0-9]*$/.test(text) && !/[A-Z]{2}/.test(text)) return text;
  const name = words(text).map(capital).join('') || fallback;
  return startsWithDigit(name) ? `${fallback}${name}` : name;
}

/** An identifier of a field, parameter, function or module. */
export const identifier = (name) => (KEYWORDS.has(name) ? (NEVER_RAW.has(name) ? `${name}_` : `r#${name}`) : name);

/** Hands out distinct names: the second `user` is `user_2`, the second `User` `User2`. `fold` makes those equal that are too much alike. */
export class Names {
  #taken;
  #fold;

  constructor(taken = [], fold = (name) => name.toLowerCase()) {
    this.#fold = fold;
    this.#taken = new Set([...taken].map(fold));
  }

  take(wanted, separator = '') {
    let name = wanted;
    for (let number = 2; this.#taken.has(this.#fold(name)); number += 1) name = `${wanted}${separator}${number}`;
    this.#taken.add(this.#fold(name));
    return name;
  }
}

/** Whether Rust or a generated module has the name already. */
export const isReserved = (name) => KEYWORDS.has(name) || TYPES.has(name) || name === 'models';

/** Names of types: none of Rust's own. */
export const typeNames = () => new Names(TYPES);

/** A string literal of exactly this text. */
export const literal = (text) => `"${[...String(text)].map((char) => {
  if (char === '"' || char === '\\') return `\\${char}`;
  if (/[\x20-\x7e]/.test(char)) return char;
  // Escaped: what is invisible or changes the direction of text would be refused by the compiler, or mislead its readers.
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(char) && !/[\u{202a}-\u{202e}\u{2066}-\u{2069}]/u.test(char) ? char : `\\u{${char.codePointAt(0).toString(16)}}`;
}).join('')}"`;

/** One line for a doc comment. */
export function docLine(text) {
  const line = String(text ?? '').replace(/[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200e}\u{200f}]/gu, '').replace(/[\s\p{C}]+/gu, ' ').trim();
  return line;
}
