// Patterns of our documents are read by three engines: the server's, Python's and JavaScript's in clients and tests.
// Patterns that they read differently, or that one of them cannot read, are rejected.
//
// Those of foreign documents are read by the server alone (impl/values/src/pattern), which takes all of ECMA-262.
const SHORTHANDS = 'dDwWsSbBpPAzZGXhRkuN';

/** Why a pattern is rejected, or nothing. */
function patternFault(pattern) {
  if (!pattern.startsWith('^') || !pattern.endsWith('$') || pattern.endsWith('\\$')) {
    return 'must be anchored by ^ and $';
  }
  try {
    new RegExp(pattern, 'u');
  } catch {
    return 'is not a regular expression';
  }
  // They are invisible, and cannot be part of headers in which tools report a pattern.
  if (/[^\x20-\x7e]/.test(pattern)) return 'has characters outside of ASCII; write \\uXXXX';
  let inClass = false;
  let depth = 0;
  for (let at = 1; at < pattern.length - 1; at += 1) {
    const char = pattern[at];
    const rest = pattern.slice(at);
    if (char === '\\') {
      const escaped = pattern[at + 1];
      if (/[1-9]/.test(escaped)) return 'has a back reference';
      const isCode = /^\\u[0-9a-f]{4}/i.test(rest);
      if (SHORTHANDS.includes(escaped) && !isCode) return `has \\${escaped}, which engines read differently; list the characters`;
      at += 1;
    } else if (inClass) {
      if (char === ']') inClass = false;
      else if (char === '[' || /^(&&|--|~~)/.test(rest)) return 'has a set operation in a class; escape the character';
    } else if (char === '[') {
      inClass = true;
      if (pattern[at + 1] === '^') at += 1;
      if (pattern[at + 1] === ']') return 'has an empty class';
    } else if (rest.startsWith('(?') && !rest.startsWith('(?:')) {
      return 'has a look-around, a named group or a flag';
    } else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === '|' && depth === 0) return 'has an alternative outside parentheses, which the anchors do not span';
    else if (char === '.') return 'has a dot, which engines read differently; write [^\\n] or [^\\x00]';
    else if (char === '^' || char === '$') return 'has an anchor in the middle';
    else if (/^[*+?}][+?]/.test(rest)) return 'has a lazy or possessive repetition';
  }
  return undefined;
}

const LONGEST = 32768;
const DEEPEST = 100;
const STEP_DIGITS = 18;
// Properties of Unicode that the server's tables do not have.
const UNKNOWN = /\\[pP]\{(Changes_When_NFKC_Casefolded|CWKCF|(?:Script|sc|Script_Extensions|scx)=(?:Unknown|Zzzz))\}/;
const MODIFIERS = /^\(\?(?=[ims-]+:)[ims]*(?:-[ims]*)?:/;
const SET = /^\\(?:[dDwWsS]|[pP]\{[^}]*\})/;

/** Why the server cannot serve a pattern of a foreign document, or nothing. */
function foreignPatternFault(pattern) {
  if (Buffer.byteLength(pattern) > LONGEST) return `it is longer than ${LONGEST} bytes`;
  const { strict, depth, ignoresCase } = strictly(pattern);
  if (depth > DEEPEST) return `more than ${DEEPEST} groups are within each other`;
  try {
    new RegExp(strict, 'u');
  } catch (error) {
    return `it is no regular expression of ECMA-262: ${error.message.replace(/^.*\/u?: /s, '')}`;
  }
  const property = UNKNOWN.exec(pattern);
  if (property) return `the property ${property[1]} is not known`;
  if (ignoresCase && /\\(?:[1-9]|k<)/.test(pattern)) return 'a back reference ignores case';
  return undefined;
}

// The pattern as the strictest reader wants it: lone braces and brackets, escaped punctuation and `[\w-.]`, which annex B of ECMA-262
// allows, are written in full; flags of groups, which this Node.js may not know, are left out.
function strictly(pattern) {
  let strict = '';
  let inClass = false;
  let depth = 1;
  let deepest = 1;
  let ignoresCase = false;
  for (let at = 0; at < pattern.length;) {
    const rest = pattern.slice(at, at + 64);
    const set = SET.exec(rest);
    let part = String.fromCodePoint(pattern.codePointAt(at));
    let written = part;
    if (set) {
      // A range that begins with a set is none.
      part = inClass && /^-[^\]]/.test(rest.slice(set[0].length)) ? `${set[0]}-` : set[0];
      written = part.replace(/-$/, '\\-');
    } else if (part === '\\' && at + 1 < pattern.length) {
      const escaped = String.fromCodePoint(pattern.codePointAt(at + 1));
      part += escaped;
      if (escaped === 'u') part = /^\\u(?:\{[^}]*\}|.{4})/.exec(rest)?.[0] ?? part;
      written = /[0-9A-Za-z]/.test(escaped) ? part : code(escaped);
    } else if (inClass) {
      if (part === ']') inClass = false;
      else if (part === '[') written = '\\[';
      // Nor is one that ends with a set.
      else if (part === '-' && SET.test(rest.slice(1))) written = '\\-';
    } else if (part === '[') {
      inClass = true;
      if (pattern[at + 1] === '^') written = part = '[^';
    } else if (part === '(') {
      depth += 1;
      deepest = Math.max(deepest, depth);
      const modifiers = MODIFIERS.exec(rest)?.[0];
      if (modifiers && isOnce(modifiers)) {
        ignoresCase ||= /^\(\?[ms]*i/.test(modifiers);
        [part, written] = [modifiers, '(?:'];
      }
    } else if (part === ')') depth -= 1;
    else if (part === ']' || part === '}' || (part === '{' && !/^\{\d+(?:,\d*)?\}/.test(rest))) written = `\\${part}`;
    else if (part === '{') {
      [part] = /^\{\d+(?:,\d*)?\}/.exec(rest);
      written = part;
    }
    strict += written;
    at += part.length;
  }
  return { strict, depth: deepest, ignoresCase };
}

const code = (char) => `\\u{${char.codePointAt(0).toString(16)}}`;
const isOnce = (modifiers) => {
  const flags = modifiers.replace(/[^ims]/g, '');
  return flags !== '' && new Set(flags).size === flags.length;
};

/** Why the literal of a `multipleOf` cannot be served, or nothing. */
function stepFault(literal) {
  const digits = literal.replace(/e.*$/i, '').replace('.', '').replace(/^0+|0+$/g, '');
  if (digits.startsWith('-') || digits === '') return 'it is to be above 0';
  return digits.length > STEP_DIGITS ? `it has more than ${STEP_DIGITS} digits` : undefined;
}

module.exports = { patternFault, foreignPatternFault, stepFault };
